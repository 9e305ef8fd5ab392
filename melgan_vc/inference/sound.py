"""Translated mels to waveforms at the model's rate, block by block and several side by side: states in, states out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from melgan_vc.audio.gate import Gate, GateState
from melgan_vc.audio.synthesis import Synthesis
from melgan_vc.inference.translation import Translated


@dataclass(frozen=True)
class SoundState:
    """The state of one waveform between two blocks.

    Attributes:
        synthesis: of the way back to sound.
        gate: of the gate.
        samples: given so far.
    """

    synthesis: Any
    gate: GateState
    samples: int


class SoundSteps:
    """The way back to sound, and the gate.

    Args:
        synthesis: the way back to sound.
        gate_db: level of the source in dBFS under which silence is given; None for no gate.
        frames: see :meth:`melgan_vc.audio.synthesis.Synthesis.in_blocks`.
    """

    def __init__(self, synthesis: Synthesis, gate_db: float | None = -60.0, frames: int | None = None) -> None:
        self.synthesis = synthesis.in_blocks(frames)
        self.gate = Gate(synthesis.spec, gate_db)
        self.device = synthesis.spectrum.window.device

    def start(self) -> SoundState:
        """The state before the first frame."""
        return SoundState(self.synthesis.start(self.device), self.gate.start(), 0)

    @torch.no_grad()
    def step(self, states: Sequence[SoundState], pieces: Sequence[Translated]) -> tuple[list[SoundState], list[Tensor]]:
        """Take what was translated of each waveform; gives the samples (N,) that it settles."""
        placed = [piece.to(self.device) for piece in pieces]
        syntheses, found = self.synthesis.step([state.synthesis for state in states], placed)
        states = [
            SoundState(synthesis, self.gate.listen(state.gate, piece.level), state.samples)
            for state, synthesis, piece in zip(states, syntheses, pieces, strict=True)
        ]
        shut = [self.shut(state, samples) for state, samples in zip(states, found, strict=True)]
        return [state for state, _ in shut], [samples for _, samples in shut]

    @torch.no_grad()
    def end(self, states: Sequence[SoundState], totals: Sequence[int]) -> list[Tensor]:
        """The last samples (N,) of each, so that it has so many in all."""
        last = self.synthesis.end([state.synthesis for state in states])
        out = []
        for state, samples, total in zip(states, last, totals, strict=True):
            left = total - state.samples
            fitting = torch.nn.functional.pad(samples[:left], (0, max(0, left - len(samples))))
            out.append(self.shut(state, fitting)[1])
        return out

    def shut(self, state: SoundState, samples: Tensor) -> tuple[SoundState, Tensor]:
        gate, sound = self.gate.shut(state.gate, samples.cpu())
        return SoundState(state.synthesis, gate, state.samples + len(sound)), sound
