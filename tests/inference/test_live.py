"""Live conversion: the mels of offline conversion, whatever the blocks, and never later than it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.pitch_shift.steps import PitchShifter
from melgan_vc.bundle import Bundle
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.live import LiveSteps
from melgan_vc.spec import PitchShift, PitchSpec
from tests.audio.test_frames import loudest_of
from tests.conftest import TINY_AUDIO, hum


def live(bundle: Bundle, overlap: float = 0.5, iterations: int = 2) -> LiveSteps:
    return LiveSteps(Converter(bundle, overlap=overlap), GriffinLim(TINY_AUDIO, iterations))


def heard(steps: LiveSteps, waveform: Tensor, size: int, loudest: float = -torch.inf) -> tuple[Tensor, Tensor, int]:
    """Mel, waveform, and how far the waveform lagged at most."""
    state, mels, sounds, given, got, lag = steps.start(loudest), [], [], 0, 0, 0
    for block in waveform.split(size):
        state, out = steps.step(state, block)
        given, got = given + len(block), got + len(out.samples)
        lag = max(lag, given - got)
        mels.append(out.mel)
        sounds.append(out.samples)
    out = steps.end(state)
    return torch.cat([*mels, out.mel], dim=1), torch.cat([*sounds, out.samples]), lag


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("size", [1, 160, 777, 4096, 48000])
def test_blocks_of_any_size_give_the_mels_of_offline_conversion(tiny_bundle: Bundle, size: int, overlap: float) -> None:
    waveform = torch.from_numpy(hum(0.4 if size == 1 else 3, 8000, 150, 1))
    steps = live(tiny_bundle, overlap)
    offline = steps.translation.front_end, Converter(tiny_bundle, overlap=overlap)
    mel, sound, _ = heard(steps, waveform, size, loudest_of(TINY_AUDIO, waveform))
    wanted = offline[1].convert(MelTransform(TINY_AUDIO)(waveform))
    assert torch.allclose(mel, wanted, atol=1e-4)  # the front end's rounding
    whole, _, _ = heard(steps, waveform, len(waveform), loudest_of(TINY_AUDIO, waveform))
    assert torch.allclose(mel, whole, atol=1e-5)
    assert len(sound) == len(waveform)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_it_lags_as_far_as_it_says_and_no_further(tiny_bundle: Bundle, overlap: float) -> None:
    steps = live(tiny_bundle, overlap, iterations=1)
    _, _, lag = heard(steps, torch.from_numpy(hum(0.6, 8000, 150, 1)), 1)
    assert lag == steps.latency


@pytest.mark.parametrize("size", [1, 700])
def test_a_moved_source_is_later_by_what_moves_it_and_gives_the_mels_of_offline_conversion(
    tiny_bundle: Bundle, size: int
) -> None:
    pitched = replace(tiny_bundle, pitch=PitchSpec(150.0, 0.1, 105.0, 0.1, 0.9))
    waveform = hum(0.6, 8000, 150, 1)
    moved = torch.from_numpy(np.concatenate(list(PitchShifter(PitchShift(0.7, 0.9), 8000).blocks([waveform]))))
    plain, steps = live(tiny_bundle), live(pitched)
    mel, sound, lag = heard(steps, torch.from_numpy(waveform), size, loudest_of(TINY_AUDIO, moved))
    wanted = Converter(tiny_bundle).convert(MelTransform(TINY_AUDIO)(moved))
    assert torch.allclose(mel, wanted, atol=1e-4)
    assert len(sound) == len(waveform)
    assert steps.latency == plain.latency + PitchShifter(PitchShift(0.7, 0.9), 8000).delay
    assert lag == steps.latency if size == 1 else lag <= steps.latency + size


def test_a_pitch_that_only_the_end_tells_is_refused(tiny_bundle: Bundle) -> None:
    pitched = replace(tiny_bundle, pitch=PitchSpec(150.0, 0.1, 105.0, 0.1, 0.9))
    with pytest.raises(UserError, match="pitch=match needs a whole recording"):
        LiveSteps(Converter(pitched, pitch="match"), GriffinLim(TINY_AUDIO, 1))


def test_states_are_not_changed_by_a_step(tiny_bundle: Bundle) -> None:
    steps = live(tiny_bundle)
    waveform = torch.from_numpy(hum(2, 8000, 150, 1))
    state, _ = steps.step(steps.start(), waveform[:9000])
    once, again = (steps.step(state, waveform[9000:])[1] for _ in range(2))
    assert torch.equal(once.mel, again.mel) and torch.equal(once.samples, again.samples)


def test_silence_stays_silence(tiny_bundle: Bundle) -> None:
    _, sound, _ = heard(live(tiny_bundle), torch.zeros(8000), 800)
    assert sound.abs().max() == 0
