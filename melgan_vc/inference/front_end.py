"""A source waveform to normalised mel frames, moved in pitch where a bundle asks for it: state in, state out."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from melgan_vc.audio.frames import Frames, FrameState, FrameSteps
from melgan_vc.audio.pitch_shift.steps import PitchShifter, ShiftState
from melgan_vc.spec import AudioSpec, PitchShift, PitchSpec


@dataclass(frozen=True)
class FrontEndState:
    """The state of a waveform between two blocks.

    Attributes:
        shifter: moves its pitch; None where nothing does.
        shift: the state of that.
        frames: of its frames.
        samples: that came so far.
    """

    shifter: PitchShifter | None
    shift: ShiftState | None
    frames: FrameState
    samples: int

    @property
    def loudest(self) -> float:
        """Level in dB of the loudest mel bin so far."""
        return self.frames.loudest


class FrontEndSteps:
    """What is done to a waveform before the generator; the waveform that frames are made of is as long as the source.

    Args:
        spec: of the mels.
        shift: how far pitch and formants are moved; None leaves them.
        match: the voices of a training, to whose target a waveform of known F0 is moved instead.

    Attributes:
        delay: samples that must be known after a sample before it is part of a frame, besides the frame's own.
    """

    def __init__(self, spec: AudioSpec, shift: PitchShift | None = None, match: PitchSpec | None = None) -> None:
        self.spec = spec
        self.frames = FrameSteps(spec)
        self.match = match
        self.shifter = None if shift is None else PitchShifter(shift, spec.sample_rate)
        self.delay = 0 if self.shifter is None else self.shifter.delay

    def start(self, loudest: float = -math.inf, f0: float | None = None) -> FrontEndState:
        """The state before the first sample.

        Args:
            loudest: see :meth:`melgan_vc.audio.frames.FrameSteps.start`.
            f0: median of the whole waveform in Hz, where it is known and matched.
        """
        shifter = self.shifter
        if self.match is not None and f0 is not None:
            shifter = PitchShifter(self.match.shift_from(f0), self.spec.sample_rate)
        return FrontEndState(shifter, None if shifter is None else shifter.start(), self.frames.start(loudest), 0)

    def step(self, state: FrontEndState, samples: Tensor) -> tuple[FrontEndState, Frames]:
        """Take samples (N,); gives the frames that they complete."""
        shift, moved = state.shift, samples
        if state.shifter is not None and shift is not None:
            shift, found = state.shifter.step(shift, samples.numpy())
            moved = torch.from_numpy(found)
        frames, out = self.frames.step(state.frames, moved)
        return FrontEndState(state.shifter, shift, frames, state.samples + len(samples)), out

    def end(self, state: FrontEndState) -> tuple[FrontEndState, Frames]:
        """The last frames.

        Raises:
            UserError: no sample came.
        """
        frames, parts = state.frames, []
        if state.shifter is not None and state.shift is not None and state.samples:
            frames, out = self.frames.step(frames, torch.from_numpy(state.shifter.end(state.shift)))
            parts.append(out)
        frames, out = self.frames.end(frames)
        parts.append(out)
        joined = Frames(
            torch.cat([one.mel for one in parts], dim=1),
            torch.cat([one.level for one in parts]),
            torch.cat([one.samples for one in parts]),
        )
        return FrontEndState(None, None, frames, state.samples), joined
