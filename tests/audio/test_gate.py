"""The gate: shut where the source is silent, the same however its samples come."""

import pytest
import torch
from torch import Tensor

from melgan_vc.audio.frames import FrameSteps
from melgan_vc.audio.gate import RELEASE, Gate
from melgan_vc.errors import UserError
from tests.conftest import TINY_AUDIO

RATE, HOP = TINY_AUDIO.sample_rate, TINY_AUDIO.hop_length


def levels(waveform: Tensor) -> Tensor:
    steps = FrameSteps(TINY_AUDIO)
    state, frames = steps.step(steps.start(), waveform)
    return torch.cat([frames.level, steps.end(state)[1].level])


def gains(level: Tensor, samples: int, size: int, threshold: float | None = -60.0) -> Tensor:
    gate = Gate(TINY_AUDIO, threshold)
    state, found = gate.listen(gate.start(), level), []
    for block in torch.ones(samples).split(size):
        state, out = gate.shut(state, block)
        found.append(out)
    return torch.cat(found)


def test_silence_shuts_it_and_sound_opens_it_before_it_begins() -> None:
    sound = torch.sin(torch.arange(RATE) * 0.3)
    waveform = torch.cat([torch.zeros(RATE), sound, torch.zeros(RATE)])
    found = gains(levels(waveform), len(waveform), 1000)
    assert found[: RATE - 1024].max() == 0
    assert found[RATE : 2 * RATE].min() == 1
    assert found[2 * RATE + round(RELEASE * RATE) + 1024 :].max() == 0
    assert found.diff().abs().max() <= 1 / HOP + 1e-6, "it clicks"


@pytest.mark.parametrize("size", [1, 7, 128, 999])
def test_blocks_of_any_size_give_the_same(size: int) -> None:
    waveform = torch.randn(6000) * (torch.arange(6000) // 1500 % 2)
    level = levels(waveform)
    assert torch.allclose(gains(level, 6000, size), gains(level, 6000, 6000), atol=1e-6)


def test_levels_that_come_in_pieces_give_the_same() -> None:
    level = torch.tensor([-90.0, -20, -90, -90, -90, -90, -90, -90, -90, -90, -90, -90, -90, -90, -90, -20])
    gate = Gate(TINY_AUDIO, -60)
    state = gate.start()
    for one in level.split(1):
        state = gate.listen(state, one)
    assert torch.equal(state.opened, gate.listen(gate.start(), level).opened)
    assert state.opened.tolist()[:3] == [0, 1, 1] and 0 in state.opened.tolist()[3:]


def test_without_a_threshold_it_is_open_and_nonsense_is_refused() -> None:
    assert gains(levels(torch.zeros(2000)), 2000, 100, None).min() == 1
    with pytest.raises(UserError, match="gate_db is 'loud'"):
        Gate(TINY_AUDIO, "loud")  # type: ignore[arg-type]
