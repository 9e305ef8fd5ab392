"""Waveforms at the model's rate to translated mels, block by block and several side by side: states in, states out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from melgan_vc.audio.frames import Frames
from melgan_vc.audio.synthesis import Piece
from melgan_vc.errors import UserError
from melgan_vc.inference import chunked
from melgan_vc.inference.chunked import TAILS
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.front_end import FrontEndState, FrontEndSteps


@dataclass(frozen=True)
class TranslationState:
    """The state of one waveform between two blocks: the front end's and the chunks'."""

    frames: FrontEndState
    chunks: chunked.State


@dataclass(frozen=True)
class Translated(Piece):
    """Result of a block.

    Attributes:
        mel, source_mel, source: see :class:`melgan_vc.audio.synthesis.Piece`.
        level: (T',) in dBFS, of the source's frames; they come before the translation of the same frames does.
    """

    level: Tensor


class TranslationSteps:
    """Front end and generator of a bundle.

    Args:
        converter: mel to mel.
        tail: how the last chunk is filled, see :meth:`melgan_vc.inference.chunked.ChunkedConversion.end`.
    """

    def __init__(self, converter: Converter, tail: str = "context") -> None:
        if tail not in TAILS:
            raise UserError(f"tail is {tail!r}: give one of {', '.join(TAILS)}")
        self.spec = converter.bundle.audio
        self.device = converter.device
        self.front_end = FrontEndSteps(self.spec, converter.shift, converter.match)
        self.chunked = converter.chunked
        self.tail = tail

    def start(self, loudest: float = -math.inf, f0: float | None = None) -> TranslationState:
        """The state before the first sample; see :meth:`melgan_vc.inference.front_end.FrontEndSteps.start`."""
        return TranslationState(self.front_end.start(loudest, f0), self.chunked.start(self.spec.n_mels, self.device))

    @torch.no_grad()
    def step(
        self, states: Sequence[TranslationState], blocks: Sequence[Tensor]
    ) -> tuple[list[TranslationState], list[Translated]]:
        """Take samples (N,) of each waveform; all chunks that they complete go through the generator together."""
        stepped = [self.front_end.step(state.frames, block) for state, block in zip(states, blocks, strict=True)]
        return self.translate(states, stepped)

    @torch.no_grad()
    def end(self, states: Sequence[TranslationState]) -> list[Translated]:
        """Return what is left of each."""
        states, pieces = self.translate(states, [self.front_end.end(state.frames) for state in states])
        last = self.chunked.end([state.chunks for state in states], self.tail)
        return [replace(piece, mel=torch.cat([piece.mel, mel], dim=1)) for piece, mel in zip(pieces, last, strict=True)]

    def translate(
        self, states: Sequence[TranslationState], stepped: Sequence[tuple[FrontEndState, Frames]]
    ) -> tuple[list[TranslationState], list[Translated]]:
        """Put frames through the generator."""
        mels = [frames.mel.to(self.device) for _, frames in stepped]
        chunks, out = self.chunked.step([state.chunks for state in states], mels)
        kept = [TranslationState(state, chunk) for (state, _), chunk in zip(stepped, chunks, strict=True)]
        pieces = [
            Translated(mel, frames.mel, frames.samples, frames.level)
            for mel, (_, frames) in zip(out, stepped, strict=True)
        ]
        return kept, pieces
