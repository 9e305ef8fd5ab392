import pytest
import torch

from melgan_vc.losses.identity import Identity
from melgan_vc.losses.outputs import GeneratorStep


def test_worked_out_by_hand_and_only_the_translated_target_is_trained():
    target = torch.zeros(1, 2, 2, 2)
    out = torch.tensor([[1.0, -1.0], [0.0, 2.0]]).expand(1, 2, 2, 2).clone().requires_grad_()
    nothing = torch.zeros(0)
    loss = Identity()(GeneratorStep(nothing, nothing, target, out, nothing, nothing, nothing))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert out.grad.abs().sum() == pytest.approx(6 / 8)
