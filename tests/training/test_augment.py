import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.training.augment import Augment, band, shifted

NONE = {"gain": 0, "shift": 0, "mels": 0, "frames": 0}


def windows(count=64):
    return torch.rand(count, 8, 24, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.9


@pytest.mark.parametrize("strengths", [{}, *({**NONE, name: 0.5} for name in NONE)])
def test_shape_and_range_stay_and_items_differ(strengths):
    torch.manual_seed(0)
    given = windows(1).expand(64, -1, -1)
    out = Augment(**strengths)(given)
    assert out.shape == given.shape
    assert out.min() >= -1
    assert out.max() <= 1
    assert len({item.numpy().tobytes() for item in out}) > 2
    assert torch.equal(given, windows(1).expand(64, -1, -1))


def test_strength_zero_is_identity():
    assert torch.equal(Augment(**NONE)(windows()), windows())


def test_gain_adds_one_constant_to_each_item():
    torch.manual_seed(0)
    added = Augment(**{**NONE, "gain": 0.1})(windows()) - windows()
    assert torch.allclose(added, added[:, :1, :1].expand_as(added), atol=1e-6)
    assert added.min().item() == pytest.approx(-0.1, abs=0.01)
    assert added.max().item() == pytest.approx(0.1, abs=0.01)


def test_shift_worked_out_by_hand():
    # Half of 4 frames: 2 to the left, not at all, 1 and 2 to the right, as the draws say.
    out = shifted(torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]).repeat(4, 1, 1), 0.5, torch.tensor([0.0, 0.5, 0.7, 0.99]))
    expected = [[0.3, 0.4, -1, -1], [0.1, 0.2, 0.3, 0.4], [-1, 0.1, 0.2, 0.3], [-1, -1, 0.1, 0.2]]
    assert torch.equal(out[:, 0], torch.tensor(expected))


def test_bands_worked_out_by_hand():
    # Up to half of 4 places: none, one at the start, one at the end, two at the end.
    out = band(4, 0.5, torch.tensor([0.0, 0.5, 0.5, 0.99]), torch.tensor([0.5, 0.0, 0.99, 0.99]))
    assert out.int().tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize(("name", "axis"), [("mels", 2), ("frames", 1)])
def test_masks_silence_whole_mel_bins_or_whole_frames(name, axis):
    torch.manual_seed(0)
    out = Augment(**{**NONE, name: 0.5})(windows())
    silent = out == -1
    assert torch.equal(silent.all(axis), silent.any(axis))
    assert silent.any()
    assert torch.equal(out[~silent], windows()[~silent])


def test_gradient_flows_where_the_window_is_still_seen_and_a_second_time():
    torch.manual_seed(0)
    given = windows().requires_grad_()
    out = Augment()(given)
    (gradient,) = torch.autograd.grad(out.square().sum() / 2, given, create_graph=True)
    seen = (out > -1).sum().item()
    assert (gradient != 0).sum().item() == seen
    gradient.square().sum().backward()
    assert (given.grad != 0).sum().item() == seen


def test_the_global_random_numbers_decide():
    state = torch.get_rng_state()
    first, second = Augment()(windows()), Augment()(windows())
    torch.set_rng_state(state)
    assert torch.equal(Augment()(windows()), first)
    assert not torch.equal(second, first)


@pytest.mark.parametrize("wrong", [{"gain": -0.1}, {"shift": 2}, {"mels": "much"}, {"frames": None}])
def test_impossible_strengths_are_refused(wrong):
    with pytest.raises(UserError, match=f"optim.augment.{next(iter(wrong))}"):
        Augment(**wrong)
