"""Frames of blocks are the frames of the whole, whatever the blocks."""

import numpy as np
import pytest
import torch
from torch import Tensor

from melgan_vc.audio.frames import FrameSteps
from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.conftest import TINY_AUDIO, hum

NOTEBOOK = AudioSpec(16000, 192, 1152, 192)


def framed(spec: AudioSpec, waveform: Tensor, size: int, loudest: float | None = None) -> tuple[Tensor, Tensor]:
    steps = FrameSteps(spec)
    state, found = steps.start() if loudest is None else steps.start(loudest), []
    for block in waveform.split(size):
        state, frames = steps.step(state, block)
        assert len(state.held) < 3 * spec.n_fft, "the state grows"
        found.append(frames)
    found.append(steps.end(state)[1])
    return torch.cat([one.mel for one in found], dim=1), torch.cat([one.level for one in found])


def loudest_of(spec: AudioSpec, waveform: Tensor) -> float:
    return float(10 * torch.log10(MelTransform(spec).power(waveform).max()))


@pytest.mark.parametrize("samples", [1, 200, 256, 257, 300, 1000, 5000, 5001])
@pytest.mark.parametrize("size", [1, 160, 777, 100000])
def test_blocks_of_any_size_give_the_frames_of_the_whole(samples: int, size: int) -> None:
    waveform = torch.from_numpy(hum(1, 8000, 150, 1)[:samples])
    mel, level = framed(TINY_AUDIO, waveform, size, loudest_of(TINY_AUDIO, waveform))
    assert torch.allclose(mel, MelTransform(TINY_AUDIO)(waveform), atol=1e-4)
    assert level.shape == mel.shape[1:]


@pytest.mark.parametrize("size", [160, 777, 4096])
def test_speech_too(voice: tuple[np.ndarray, int], size: int) -> None:
    waveform = torch.from_numpy(voice[0])
    whole, pieced = (framed(NOTEBOOK, waveform, one)[0] for one in (len(waveform), size))
    assert torch.allclose(pieced, whole, atol=1e-5)


def test_without_knowing_the_loudest_bin_the_loudest_so_far_takes_its_place() -> None:
    tone = torch.sin(torch.arange(8000) * 0.3)
    waveform = torch.cat([1e-4 * tone, tone])
    running, given = (framed(TINY_AUDIO, waveform, 500, loudest)[0] for loudest in (None, 30.0))
    assert running[:, :50].min() < given.min() == given[:, :50].min()
    assert running[:, -50:].min() > running[:, :50].min()


def test_levels_are_root_mean_squares_in_dbfs() -> None:
    square = torch.tensor([0.1, -0.1]).repeat(4000)
    assert framed(TINY_AUDIO, square, 1000)[1].sub(-20).abs().max() < 0.01
    assert framed(TINY_AUDIO, torch.zeros(2000), 100)[1].max() == -torch.inf


def test_no_sample_is_refused() -> None:
    steps = FrameSteps(TINY_AUDIO)
    with pytest.raises(UserError, match="empty"):
        steps.end(steps.start())
