import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.losses.adversarial import Hinge, HingeFake, HingeReal
from melgan_vc.losses.identity import Identity
from melgan_vc.losses.outputs import DiscriminatorStep
from melgan_vc.losses.weighted import Weighted, grouped


def test_weights_multiply_and_weight_zero_is_logged_but_not_trained_on():
    real = torch.tensor([0.5], requires_grad=True)
    fake = torch.tensor([1.0], requires_grad=True)
    losses = grouped(
        {"real": Weighted(HingeReal(), 3.0), "fake": Weighted(HingeFake(), 0.0), "g": Weighted(Hinge(), 1)}
    )
    total, values = losses["discriminator"](DiscriminatorStep(real, fake))
    total.backward()
    assert total.item() == pytest.approx(1.5)
    assert {name: value.item() for name, value in values.items()} == {"real": 0.5, "fake": 2.0}
    assert real.grad.item() == -3.0
    assert fake.grad is None


def test_a_loss_of_weight_zero_cannot_spoil_the_total():
    losses = grouped(
        {"real": Weighted(HingeReal(), 1.0), "fake": Weighted(HingeFake(), 0.0), "g": Weighted(Hinge(), 1)}
    )
    total, _ = losses["discriminator"](DiscriminatorStep(torch.zeros(1), torch.tensor([float("nan")])))
    assert total.item() == 1.0


def test_identity_is_only_needed_where_it_is_used():
    discriminator = {"real": Weighted(HingeReal(), 1.0)}
    without = grouped(discriminator | {"hinge": Weighted(Hinge(), 1.0)})
    with_it = grouped(discriminator | {"hinge": Weighted(Hinge(), 1.0), "identity": Weighted(Identity(), 0.0)})
    assert not without["generator"].needs_identity
    assert with_it["generator"].needs_identity


def test_a_group_that_nothing_trains_is_refused():
    with pytest.raises(UserError, match="discriminator"):
        grouped({"hinge": Weighted(Hinge(), 1.0), "real": Weighted(HingeReal(), 0.0)})
