import pytest
import torch

from melgan_vc.losses.margin import margin


def test_worked_out_by_hand():
    zero = torch.zeros(3, 2)
    other = torch.tensor([[0.0, 0.5], [3.0, 0.0], [0.6, 0.8]])  # distances 0.5, 3, 1
    assert margin(zero, other, 2.0) == pytest.approx((1.5**2 + 0 + 1) / 3, abs=1e-5)


def test_equals_the_notebook(golden):
    scale = 0.3
    a1, a2 = (scale * torch.from_numpy(golden[f"loss/{name}"]) for name in ("a1", "a2"))
    assert margin(a1, a2, 2.0) == pytest.approx(float(golden["loss/margin_delta2"]), abs=1e-5)


def test_gradient_at_distance_zero_is_finite():
    vectors = torch.zeros(2, 3, requires_grad=True)
    margin(vectors, torch.zeros(2, 3), 2.0).backward()
    assert torch.isfinite(vectors.grad).all()
