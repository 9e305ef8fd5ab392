"""A source waveform to normalised mel frames, moved in pitch where a bundle asks for it: state in, state out."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from melgan_vc.audio.frames import Frames, FrameState, FrameSteps
from melgan_vc.audio.pitch_shift.steps import PitchShifter, ShiftState
from melgan_vc.spec import AudioSpec, PitchShift


@dataclass(frozen=True)
class FrontEndState:
    """The state of a waveform between two blocks.

    Attributes:
        shift: of what moves its pitch; None where nothing does.
        frames: of its frames.
        samples: that came so far.
    """

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

    Attributes:
        delay: samples that must be known after a sample before it is part of a frame, besides the frame's own.
    """

    def __init__(self, spec: AudioSpec, shift: PitchShift | None = None) -> None:
        self.spec = spec
        self.frames = FrameSteps(spec)
        self.shifter = None if shift is None else PitchShifter(shift, spec.sample_rate)
        self.delay = 0 if self.shifter is None else self.shifter.delay

    def start(self, loudest: float = -math.inf) -> FrontEndState:
        """The state before the first sample; see :meth:`melgan_vc.audio.frames.FrameSteps.start`."""
        shift = None if self.shifter is None else self.shifter.start()
        return FrontEndState(shift, self.frames.start(loudest), 0)

    def step(self, state: FrontEndState, samples: Tensor) -> tuple[FrontEndState, Frames]:
        """Take samples (N,); gives the frames that they complete."""
        shift, moved = state.shift, samples
        if self.shifter is not None and shift is not None:
            shift, found = self.shifter.step(shift, samples.numpy())
            moved = torch.from_numpy(found)
        frames, out = self.frames.step(state.frames, moved)
        return FrontEndState(shift, frames, state.samples + len(samples)), out

    def end(self, state: FrontEndState) -> tuple[FrontEndState, Frames]:
        """The last frames.

        Raises:
            UserError: no sample came.
        """
        frames, parts = state.frames, []
        if self.shifter is not None and state.shift is not None and state.samples:
            frames, out = self.frames.step(frames, torch.from_numpy(self.shifter.end(state.shift)))
            parts.append(out)
        frames, out = self.frames.end(frames)
        parts.append(out)
        joined = Frames(
            torch.cat([one.mel for one in parts], dim=1),
            torch.cat([one.level for one in parts]),
            torch.cat([one.samples for one in parts]),
        )
        return FrontEndState(None, frames, state.samples), joined
