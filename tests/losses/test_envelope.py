import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.losses.envelope import Envelope, envelope_distance
from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.networks.layers import smooth_bins


def frame(*bins: float) -> torch.Tensor:
    """A mel (1, M, 1) of one frame."""
    return torch.tensor(bins)[None, :, None]


def step(source: torch.Tensor, translated: torch.Tensor) -> GeneratorStep:
    nothing = torch.zeros(0)
    return GeneratorStep(source, translated, nothing, None, nothing, nothing, nothing)


def test_bins_are_smoothed_as_worked_out_by_hand():
    mel = frame(3.0, 0.0, 6.0, 9.0)
    assert smooth_bins(mel, 1) is mel
    assert smooth_bins(mel, 3).flatten().tolist() == pytest.approx(
        [2.0, 3.0, 5.0, 8.0]
    )  # (3 3 0) (3 0 6) (0 6 9) (6 9 9)
    assert smooth_bins(mel, 2).flatten().tolist() == pytest.approx([1.5, 3.0, 7.5, 9.0])  # (3 0) (0 6) (6 9) (9 9)
    # 4 bins to each side, so the ends fill most of the sum: 5 · 3 + 0 + 6 + 9 + 9 = 39, and so on.
    assert smooth_bins(mel, 9)[0, 0].item() == pytest.approx((5 * 3 + 0 + 6 + 9 + 9) / 9)


@pytest.mark.parametrize("width", [2, 3, 13, 24])
def test_smoothing_is_a_mean_over_bins_of_each_frame_alone(width):
    mel = torch.rand(2, 40, 5, dtype=torch.float64)
    edges = torch.cat([mel[:, :1]] * ((width - 1) // 2) + [mel] + [mel[:, -1:]] * (width // 2), dim=1)
    assert torch.allclose(smooth_bins(mel, width), edges.unfold(1, width, 1).mean(-1))


def test_the_distance_is_as_worked_out_by_hand():
    source, translated = frame(0.0, 0.3, 0.0, 0.3), frame(0.6, 0.3, 0.0, 0.3)
    # The difference (0.6, 0, 0, 0) smoothed over 3 bins is (0.4, 0.2, 0, 0), less its mean 0.15.
    assert envelope_distance(source, translated, 3).item() == pytest.approx((0.25 + 0.05 + 0.15 + 0.15) / 4)


def test_level_and_fine_structure_are_free():
    torch.manual_seed(0)
    source = torch.rand(2, 3, 48, 8)
    harmonics = 0.2 * torch.tensor([1.0, -1.0]).repeat(24)[:, None]  # whose mean over any 4 bins is 0
    louder = source + 0.3 + harmonics
    inner = (smooth_bins((louder - source).flatten(0, 1), 4) - 0.3)[:, 1:-2]
    assert inner.abs().max() < 1e-6
    assert Envelope(width=4)(step(source, source + 0.3)).item() == pytest.approx(0, abs=1e-6)
    assert Envelope(width=4)(step(source, louder)).item() < 0.02  # of the repeated edges
    assert Envelope(width=4)(step(source, louder.roll(8, dims=2))).item() > 0.05


@pytest.mark.parametrize("floor", [-1.0, -0.8])
def test_silence_keeps_its_level(floor):
    silence = torch.full((1, 1, 8, 2), floor)
    assert Envelope(width=3)(step(silence, silence)).item() == pytest.approx(0, abs=1e-6)
    translated = (silence + 0.5).requires_grad_()
    loss = Envelope(width=3)(step(silence, translated))
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert translated.grad.sum().item() == pytest.approx(1)  # all of it pulls down
    assert translated.grad.min() > 0


def test_gradient_goes_to_the_translated_chunks_and_leaves_each_frames_level_alone():
    torch.manual_seed(1)
    source, translated = (torch.rand(2, 3, 12, 4, requires_grad=True) for _ in range(2))
    Envelope(width=4)(step(source, translated)).backward()
    assert source.grad is None
    assert translated.grad.abs().amax(dim=2).min() > 0  # of every frame
    assert translated.grad.sum(dim=2).abs().max() < 1e-6


@pytest.mark.parametrize("width", [0, -1, 2.0, True, "wide"])
def test_impossible_widths_are_refused(width):
    with pytest.raises(UserError, match="envelope's width is"):
        Envelope(width)
