from types import SimpleNamespace

import pytest
import torch
from torch import nn

from melgan_vc.errors import UserError
from melgan_vc.training.gradients import check_clip, clip_gradients, gradient_scale


def network(*gradient):
    linear = nn.Linear(2, 1, bias=False)
    linear.weight.grad = torch.tensor([gradient]) if gradient else None
    return linear


def test_a_long_gradient_is_shortened_and_a_short_one_kept():
    long, short = network(3.0, 4.0), network(0.3, 0.4)
    for each in (long, short):
        clip_gradients(each, 1.0)
    assert long.weight.grad.flatten().tolist() == pytest.approx([0.6, 0.8], abs=1e-6)
    assert torch.equal(short.weight.grad, torch.tensor([[0.3, 0.4]]))


def test_weights_without_gradient_stay_without():
    cleared = network()
    clip_gradients(cleared, 1.0)
    assert cleared.weight.grad is None


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_that_a_fused_optimizer_has_yet_to_unscale_are_clipped_as_if_it_had(fused):
    scaled = network(3.0 * 1024, 4.0 * 1024)
    optimizer = torch.optim.Adam(scaled.parameters(), fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024)
    scaler.scale(torch.zeros(()))
    trainer = SimpleNamespace(precision_plugin=SimpleNamespace(scaler=scaler))
    scale = gradient_scale(trainer, optimizer)
    assert scale == (1024 if fused else 1)
    clip_gradients(scaled, 1.0, scale)
    assert (scaled.weight.grad / scale).flatten().tolist() == pytest.approx([0.6, 0.8], abs=1e-6)


def test_without_a_scaler_nothing_is_scaled():
    for plugin in (SimpleNamespace(), SimpleNamespace(scaler=None)):
        optimizer = torch.optim.Adam(network().parameters(), fused=True)
        assert gradient_scale(SimpleNamespace(precision_plugin=plugin), optimizer) == 1


@pytest.mark.parametrize("clip", [1.0, None, {"generator": 0}, {"siamese": -1.0}, {"critic": 1.0}, {"generator": "a"}])
def test_impossible_norms_are_refused(clip):
    with pytest.raises(UserError, match=r"optim\.clip"):
        check_clip(clip)
