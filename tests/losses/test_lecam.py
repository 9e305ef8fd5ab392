import copy

import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.losses.lecam import LeCam
from melgan_vc.losses.outputs import DiscriminatorStep


def step(real, fake):
    return DiscriminatorStep(torch.tensor(real, requires_grad=True), torch.tensor(fake, requires_grad=True))


def test_two_steps_worked_out_by_hand():
    loss = LeCam(decay=0.75)
    # Averages 2 and -1, from the first logits. Real: (1 + 1)², (3 + 1)² = 4, 16; fake: (-1 - 2)² = 9.
    assert loss(step([1.0, 3.0], [-1.0, -1.0])).item() == pytest.approx(10 + 9)
    # Averages 0.75 · 2 + 0.25 · 6 = 3 and 0.75 · -1 + 0.25 · 3 = 0. Real: 6² = 36; fake: (3 - 3)² = 0.
    assert loss(step([6.0], [3.0])).item() == pytest.approx(36)
    assert (loss.real_average.item(), loss.fake_average.item(), loss.steps.item()) == (3, 0, 2)


def test_gradient_goes_to_the_logits_and_not_through_the_averages():
    loss, outputs = LeCam(), step([2.0], [0.5])
    loss(outputs).backward()
    assert outputs.real_logits.grad.item() == pytest.approx(2 * (2 - 0.5))
    assert outputs.fake_logits.grad.item() == pytest.approx(2 * (0.5 - 2))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_left_out(bad):
    loss = LeCam(decay=0.5)
    assert loss(step([bad], [1.0])).isfinite().item() is False  # a guard's business
    assert loss.steps.item() == 0
    loss(step([2.0], [1.0]))
    before = copy.deepcopy(loss.state_dict())
    for outputs in (step([bad, 1.0], [1.0]), step([1.0], [bad])):
        loss(outputs)
    assert loss.state_dict() == before


def test_only_calls_in_training_move_the_averages():
    loss = LeCam()
    loss(step([2.0], [1.0]))
    with torch.no_grad():  # as for weight 0
        loss(step([4.0], [1.0]))
    assert loss.steps.item() == 2
    loss.eval()(step([9.0], [9.0]))
    assert loss.steps.item() == 2
    assert loss.real_average.item() == pytest.approx(0.99 * 2 + 0.01 * 4)


@pytest.mark.parametrize("decay", [1, -0.1, "much"])
def test_impossible_decays_are_refused(decay):
    with pytest.raises(UserError, match="decay"):
        LeCam(decay)
