import pytest
import torch
from torch import nn

from melgan_vc.losses.adversarial import Hinge, HingeReal
from melgan_vc.losses.outputs import DiscriminatorStep
from melgan_vc.losses.r1 import R1, r1
from melgan_vc.losses.weighted import Weighted, grouped
from melgan_vc.networks.discriminator import Discriminator


def test_a_linear_discriminator_worked_out_by_hand():
    # D(x) = 3 x1 + 4 x2 has the gradient (3, 4) everywhere: half of 25.
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    windows = torch.rand(5, 1, 2, requires_grad=True)
    value = r1(windows.flatten(1) @ weight, windows)
    assert value.item() == pytest.approx(12.5)
    value.backward()
    assert weight.grad.tolist() == [3.0, 4.0]  # of (w1² + w2²) / 2


def test_it_is_the_mean_over_items_and_not_over_places():
    # D(x) = sum of x²: gradient 2x, so half the mean of 4 |x|² = 2 · mean(1 + 4, 9 + 16) = 30.
    windows = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]], requires_grad=True)
    assert r1(windows.square().sum((1, 2)), windows).item() == pytest.approx(30)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_weight_zero_gives_the_value_but_no_gradient(weight):
    slope = nn.Parameter(torch.tensor([3.0, 4.0]))
    real = torch.rand(5, 1, 2, requires_grad=True)
    losses = {"r1": Weighted(R1(), weight), "real": Weighted(HingeReal(), 1.0), "hinge": Weighted(Hinge(), 1.0)}
    step = DiscriminatorStep(real.flatten(1) @ slope, torch.zeros(5), real)
    total, values = grouped(losses)["discriminator"](step)
    total.backward()
    hinge = torch.relu(1 - real.flatten(1) @ slope).mean()
    (expected,) = torch.autograd.grad(hinge + weight * slope.square().sum() / 2, slope)
    assert values["r1"].item() == pytest.approx(12.5)
    assert torch.allclose(slope.grad, expected)


@pytest.mark.parametrize("low_precision", [False, True])
def test_the_spectral_normed_discriminator_learns_from_it(low_precision):
    torch.manual_seed(0)
    discriminator = Discriminator(6, 24, 4)
    windows = torch.rand(3, 6, 24).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=low_precision):
        value = R1()(DiscriminatorStep(discriminator(windows), torch.zeros(3), windows))
    value.backward()
    assert value.dtype == torch.float32
    assert value.item() > 0
    gradients = {name: p.grad for name, p in discriminator.named_parameters() if p.grad is not None}
    assert len(gradients) == 4  # every kernel; a constant added to the logits has no part in it
    assert all(bool(gradient.isfinite().all() and gradient.any()) for gradient in gradients.values())


def test_windows_without_gradient_are_a_bug_and_it_says_that_it_needs_them():
    with pytest.raises(RuntimeError, match="gradient"):
        R1()(DiscriminatorStep(torch.zeros(2), torch.zeros(2), torch.zeros(2, 1, 1)))
    plain = {"real": Weighted(HingeReal(), 1.0), "hinge": Weighted(Hinge(), 1.0)}
    assert not grouped(plain)["discriminator"].needs_real_gradient
    assert grouped(plain | {"r1": Weighted(R1(), 0.0)})["discriminator"].needs_real_gradient
