"""Translated mels to waveforms at the model's rate, block by block and several side by side: states in, states out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from melgan_vc.audio.gate import Gate, GateState
from melgan_vc.audio.inversion import Inversion, InversionState, InversionSteps
from melgan_vc.inference.translation import Translated


@dataclass(frozen=True)
class SoundState:
    """The state of one waveform between two blocks.

    Attributes:
        inversion, gate: of these steps.
        samples: given so far.
    """

    inversion: InversionState
    gate: GateState
    samples: int


class SoundSteps:
    """Inversion and gate.

    Args:
        inversion: mel to waveform.
        gate_db: level of the source in dBFS under which silence is given; None for no gate.
        block: frames that are inverted at a time; by default the inversion's own.
        ahead: see :class:`melgan_vc.audio.inversion.InversionSteps`.
    """

    def __init__(
        self, inversion: Inversion, gate_db: float | None = -60.0, block: int | None = None, ahead: int | None = None
    ) -> None:
        self.inversion = InversionSteps(inversion, inversion.block if block is None else block, ahead)
        self.gate = Gate(inversion.spec, gate_db)
        self.device = inversion.spectrum.window.device

    def start(self) -> SoundState:
        """The state before the first frame."""
        return SoundState(self.inversion.start(self.device), self.gate.start(), 0)

    @torch.no_grad()
    def step(self, states: Sequence[SoundState], pieces: Sequence[Translated]) -> tuple[list[SoundState], list[Tensor]]:
        """Take what was translated of each waveform; gives the samples (N,) that it settles."""
        mels = [piece.mel.to(self.device) for piece in pieces]
        inversions, found = self.inversion.step([state.inversion for state in states], mels)
        states = [
            SoundState(inversion, self.gate.listen(state.gate, piece.level), state.samples)
            for state, inversion, piece in zip(states, inversions, pieces, strict=True)
        ]
        shut = [self.shut(state, samples) for state, samples in zip(states, found, strict=True)]
        return [state for state, _ in shut], [samples for _, samples in shut]

    @torch.no_grad()
    def end(self, states: Sequence[SoundState], totals: Sequence[int]) -> list[Tensor]:
        """The last samples (N,) of each, so that it has so many in all."""
        last = self.inversion.end([state.inversion for state in states])
        out = []
        for state, samples, total in zip(states, last, totals, strict=True):
            left = total - state.samples
            fitting = torch.nn.functional.pad(samples[:left], (0, max(0, left - len(samples))))
            out.append(self.shut(state, fitting)[1])
        return out

    def shut(self, state: SoundState, samples: Tensor) -> tuple[SoundState, Tensor]:
        gate, sound = self.gate.shut(state.gate, samples.cpu())
        return SoundState(state.inversion, gate, state.samples + len(sound)), sound
