"""A waveform through a bundle as it comes: a pure step, state in and state out, at the model's rate."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from melgan_vc.audio.cleaning import clean
from melgan_vc.audio.synthesis import Synthesis
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.sound import SoundState, SoundSteps
from melgan_vc.inference.translation import TranslationState, TranslationSteps


@dataclass(frozen=True)
class LiveState:
    """The state between two blocks: of front end and generator, and of the way back to sound and the gate."""

    translation: TranslationState
    sound: SoundState


@dataclass(frozen=True)
class Heard:
    """Result of a block.

    Attributes:
        mel: (M, T) translated frames, normalised: those of offline conversion, whatever the sizes of the blocks.
        samples: (N,) of the waveform.
    """

    mel: Tensor
    samples: Tensor


class LiveSteps:
    """Front end, generator, the way back to sound and the gate, each with as little delay as it can do with.

    What lies ``top_db`` under the loudest mel bin so far is raised to that; offline, under the recording's loudest.

    Args:
        converter: mel to mel.
        inverter: the way back to sound. An inversion settles the frames of a chunk's hop at a time, and looks at none
            after them.
        gate_db: see :class:`melgan_vc.inference.sound.SoundSteps`.
        tail: how the last chunk is filled, see :meth:`melgan_vc.inference.chunked.ChunkedConversion.end`.
    """

    def __init__(
        self, converter: Converter, inverter: Synthesis, gate_db: float | None = -60.0, tail: str = "context"
    ) -> None:
        if converter.match is not None:
            raise UserError("pitch=match needs a whole recording; live, give auto, none or semitones")
        self.spec = converter.bundle.audio
        self.translation = TranslationSteps(converter, tail)
        self.sound = SoundSteps(inverter.to(converter.device), gate_db, converter.chunked.hop)

    @property
    def latency(self) -> int:
        """Samples that the waveform lags behind the source at most, for what is to come must be known: a chunk but for
        its first frame, the half of a frame's window after its middle, what the way back to sound looks ahead, and what
        a shift of the source's pitch looks ahead."""
        spec = self.spec
        chunk = (self.translation.chunked.width - 1) * spec.hop_length
        frames = chunk + spec.n_fft - spec.n_fft // 2 + self.sound.synthesis.lookahead - 1
        return frames + self.translation.front_end.delay

    def start(self, loudest: float = -math.inf) -> LiveState:
        """The state before the first sample; see :meth:`melgan_vc.audio.frames.FrameSteps.start`."""
        return LiveState(self.translation.start(loudest), self.sound.start())

    def step(self, state: LiveState, samples: Tensor) -> tuple[LiveState, Heard]:
        """Take samples (N,) float32 at the model's rate; gives what they complete.

        What is no sound in them is replaced by silence, see :func:`melgan_vc.audio.cleaning.clean`.
        """
        sound_only, _ = clean(samples.numpy())
        (translation,), (piece,) = self.translation.step([state.translation], [torch.from_numpy(sound_only)])
        (sound,), (heard,) = self.sound.step([state.sound], [piece])
        return LiveState(translation, sound), Heard(piece.mel, heard)

    def end(self, state: LiveState) -> Heard:
        """Return the last samples; with them there are as many as came."""
        (piece,) = self.translation.end([state.translation])
        (sound,), (heard,) = self.sound.step([state.sound], [piece])
        (last,) = self.sound.end([sound], [state.translation.frames.samples])
        return Heard(piece.mel, torch.cat([heard, last]))
