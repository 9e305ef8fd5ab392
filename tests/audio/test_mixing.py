"""Mixing: below its frequency what Griffin-Lim gives, above it what filtering gives, in blocks as in one go."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.mixing import Mixed
from melgan_vc.audio.synthesis import Piece
from melgan_vc.errors import UserError
from tests.audio.test_filtering import in_pieces, noise, pieces_of, whole
from tests.conftest import TINY_AUDIO, hum


@pytest.fixture(scope="module")
def recording() -> Piece:
    source = torch.from_numpy(hum(1.5, 8000, 150, 1)) + 0.1 * noise(12000)
    piece = whole(source, TINY_AUDIO)
    return replace(piece, mel=piece.mel.flip(0))


def band(sound: Tensor, low: float, high: float) -> Tensor:
    """The spectrum of a sound between two frequencies, away from its ends."""
    found = torch.fft.rfft(sound[1000:-1000])
    frequency = torch.fft.rfftfreq(len(sound) - 2000, 1 / 8000)
    return found[(frequency > low) & (frequency < high)]


def test_each_band_is_that_of_its_method(recording: Piece) -> None:
    method = Mixed(TINY_AUDIO, frequency=1000.0, iterations=4)
    sound = method.synthesise(recording)
    by_low, by_high = method.low.synthesise(recording), method.high.synthesise(recording)
    assert len(sound) == len(recording.source)
    for limits, wanted, other in (((50, 900), by_low, by_high), ((1100, 3900), by_high, by_low)):
        right, wrong = (band(sound - one, *limits).norm() / band(sound, *limits).norm() for one in (wanted, other))
        assert right < 0.1 < 0.5 < wrong


@pytest.mark.parametrize("size", [160, 4096])
def test_blocks_of_any_size_give_the_same_samples(recording: Piece, size: int) -> None:
    method = Mixed(TINY_AUDIO, frequency=1000.0, iterations=2, block_seconds=0.5)
    found = in_pieces(method, pieces_of(recording, TINY_AUDIO, size, 5))
    assert torch.allclose(found[:12000], method.synthesise(recording), atol=1e-5)


@pytest.mark.parametrize("samples", [1, 127, 129, 3000])
def test_any_length_stays_and_nothing_is_nan(samples: int) -> None:
    source = noise(samples)
    mel = MelTransform(TINY_AUDIO)(source)
    found = Mixed(TINY_AUDIO, 1000.0, iterations=2).synthesise(Piece(2 * torch.rand(mel.shape) - 1, mel, source))
    assert len(found) == samples and torch.isfinite(found).all()


def test_a_frequency_out_of_the_spectrum_and_a_mel_alone_are_refused() -> None:
    with pytest.raises(UserError, match=r"inversion\.frequency is 4000"):
        Mixed(TINY_AUDIO, frequency=4000.0)
    with pytest.raises(UserError, match=r"needs the recording"):
        Mixed(TINY_AUDIO, 1000.0)(torch.zeros(1, 24, 3))
