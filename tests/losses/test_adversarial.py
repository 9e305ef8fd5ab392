import pytest
import torch

from melgan_vc.losses.adversarial import Hinge, HingeFake, HingeReal, hinge_fake, hinge_real
from melgan_vc.losses.outputs import DiscriminatorStep


def test_worked_out_by_hand():
    logits = torch.tensor([2.0, 0.5, -1.0])
    assert hinge_real(logits) == pytest.approx((0 + 0.5 + 2) / 3)
    assert hinge_fake(logits) == pytest.approx((3 + 1.5 + 0) / 3)


def test_equals_the_notebook(golden):
    logits = torch.from_numpy(golden["loss/logits"])
    outputs = DiscriminatorStep(real_logits=logits, fake_logits=logits)
    assert HingeReal()(outputs) == pytest.approx(float(golden["loss/hinge_real"]), abs=1e-6)
    assert HingeFake()(outputs) == pytest.approx(float(golden["loss/hinge_fake"]), abs=1e-6)
    assert Hinge()(outputs) == pytest.approx(float(golden["loss/hinge_generator"]), abs=1e-6)
