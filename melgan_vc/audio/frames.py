"""Waveform to normalised mel frames block by block, as :class:`melgan_vc.audio.mel.MelTransform` makes them of a whole
waveform: state in, state out.

For conversion, in torch and float32; :mod:`stream` does the same without torch, for preparing.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from melgan_vc.audio.spectrum import Spectrum, power_of
from melgan_vc.audio.stream import SMALLEST_POWER
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec


@dataclass(frozen=True)
class FrameState:
    """The state of a waveform between two blocks.

    Attributes:
        held: samples (N,) from the start of the next frame on.
        started: whether they begin with the reflection of the first samples.
        samples: that came so far.
        frames: made so far.
        loudest: level in dB of the loudest mel bin so far.
    """

    held: Tensor
    started: bool
    samples: int
    frames: int
    loudest: float


@dataclass(frozen=True)
class Frames:
    """Frames of a waveform.

    Attributes:
        mel: (M, T), normalised.
        level: (T,) in dBFS: root mean square of the samples under each frame's window.
        samples: (N,) of the waveform that were taken on the way to these frames, each once.
    """

    mel: Tensor
    level: Tensor
    samples: Tensor


class FrameSteps(nn.Module):
    """The front end of an AudioSpec for waveforms that come in blocks.

    Args:
        spec: of the mels.
    """

    def __init__(self, spec: AudioSpec) -> None:
        super().__init__()
        self.spec = spec
        self.spectrum = Spectrum(spec)
        self.margin = spec.n_fft // 2  # samples that the first and the last frame reach over the ends

    def start(self, loudest: float = -math.inf) -> FrameState:
        """The state before the first sample.

        Args:
            loudest: level in dB of the whole recording's loudest mel bin, where that is known: what lies ``top_db``
                under it is raised to that, as ``MelTransform`` does. Without it the loudest bin so far takes its place.
        """
        return FrameState(self.spectrum.window.new_zeros(0), False, 0, 0, loudest)

    def step(self, state: FrameState, samples: Tensor) -> tuple[FrameState, Frames]:
        """Take samples (N,); gives the frames that they complete."""
        given = replace(state, held=torch.cat([state.held, samples]), samples=state.samples + len(samples))
        if not given.started and len(given.held) > self.margin:
            given = self.reflected(given)
        spare = self.margin + 1  # which the reflection at the end will need
        return self.take(given, (len(given.held) - spare) // self.spec.hop_length if given.started else 0, samples)

    def end(self, state: FrameState) -> tuple[FrameState, Frames]:
        """The last frames.

        Raises:
            UserError: no sample came.
        """
        if state.samples == 0:
            raise UserError("the waveform is empty: give at least one sample")
        if not state.started:
            missing = self.margin + 1 - len(state.held)
            state = self.reflected(replace(state, held=nn.functional.pad(state.held, (0, missing))))
        after = state.held[-self.margin - 1 : -1].flip(0)
        whole = replace(state, held=torch.cat([state.held, after]))
        return self.take(whole, self.spec.frames(state.samples) - state.frames, after[:0])

    def reflected(self, state: FrameState) -> FrameState:
        """Reflect the first samples, as the whole waveform's STFT does."""
        before = state.held[1 : self.margin + 1].flip(0)
        return replace(state, held=torch.cat([before, state.held]), started=True)

    def take(self, state: FrameState, most: int, samples: Tensor) -> tuple[FrameState, Frames]:
        """The next frames, so many at most, and the samples (N,) that were added for them."""
        hop = self.spec.hop_length
        count = min(most, (len(state.held) - self.spec.n_fft) // hop + 1)
        if count <= 0:
            return state, Frames(state.held.new_zeros(self.spec.n_mels, 0), state.held.new_zeros(0), samples)
        signal = state.held[: self.spectrum.samples(count)]
        power = self.spectrum.mel(power_of(self.spectrum.analyse(signal[None])))[0]  # (T, M)
        decibel = 10 * torch.log10(power.clamp(min=SMALLEST_POWER))
        loudest = decibel.amax(dim=1).cummax(dim=0).values.clamp(min=state.loudest)
        if self.spec.top_db is not None:
            decibel = torch.maximum(decibel, (loudest - self.spec.top_db)[:, None])
        level = 10 * torch.log10(self.energy(signal))
        kept = replace(state, held=state.held[count * hop :], frames=state.frames + count, loudest=float(loudest[-1]))
        return kept, Frames(self.spec.normalised(decibel).T, level, samples)

    def energy(self, signal: Tensor) -> Tensor:
        """Mean square (T,) of the samples under each frame's window, whose squares sum to 1."""
        frames = signal.unfold(0, self.spec.n_fft, self.spec.hop_length)
        return frames.square() @ self.spectrum.window.square()
