"""Mel to translated mel, of any length."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from melgan_vc import bundle
from melgan_vc.bundle import Bundle
from melgan_vc.errors import UserError
from melgan_vc.inference.chunked import TAILS, ChunkedConversion
from melgan_vc.spec import PitchShift, is_number

MOST_SEMITONES = 24
MATCH = "match"
Mel = TypeVar("Mel", np.ndarray, Tensor)


def usable_device(name: str) -> torch.device:
    """A device of this machine by its name.

    Raises:
        UserError: unknown, or not on this machine.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"device {name!r} cannot be used on this machine; give device=cpu") from error
    return device


def shift_of(bundle: Bundle, pitch: str | float) -> PitchShift | None:
    """Return how a source is moved for a bundle; None where it is not.

    Args:
        bundle: of the model.
        pitch: "auto" moves it as training did; a number is in semitones that are added to that, so that 0 is the same;
            "none" does not move it.

    Raises:
        UserError: it is none of these, or moves a voice too far.
    """
    if pitch == "none":
        return None
    if pitch != "auto" and not (is_number(pitch) and -MOST_SEMITONES <= pitch <= MOST_SEMITONES):  # type: ignore[operator]
        raise UserError(
            f"pitch is {pitch!r}: give auto, match, none, or semitones from {-MOST_SEMITONES} to {MOST_SEMITONES}"
        )
    learned = PitchShift(1.0) if bundle.pitch is None else bundle.pitch.shift
    shift = learned if isinstance(pitch, str) else learned.transposed(pitch)
    return None if shift == PitchShift(1.0) else shift


class Converter:
    """Translates mels chunk by chunk with the generator of a bundle.

    Args:
        bundle: see :mod:`melgan_vc.bundle`.
        device: where to compute.
        chunks_at_once: chunks in one generator call.
        overlap: share of a chunk that the next one shares; 0 puts them side by side, as article and notebook do. See
            :class:`melgan_vc.inference.chunked.ChunkedConversion`.
        pitch: how a source waveform is moved before its mel is made; see :func:`shift_of`. "match" moves each recording
            from its own median F0 instead of the trained source's. A mel that is converted is not moved.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: str = "cpu",
        chunks_at_once: int = 256,
        overlap: float = 0.5,
        pitch: str | float = "auto",
    ) -> None:
        self.bundle = bundle
        self.shift = shift_of(bundle, "auto" if pitch == MATCH else pitch)
        self.match = bundle.pitch if pitch == MATCH else None
        if pitch == MATCH and bundle.pitch is None:
            raise UserError(
                "pitch=match: this bundle does not know its target's pitch, for it was trained without "
                "data.pitch=match; leave pitch out, or give semitones"
            )
        self.device = usable_device(device)
        self.generator = bundle.generator.to(self.device).eval()
        self.chunked = ChunkedConversion(self.generator, bundle.chunk.width, overlap, chunks_at_once)

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: str = "cpu",
        overlap: float = 0.5,
        trust: Sequence[str] = (),
        pitch: str | float = "auto",
    ) -> "Converter":
        """Load a converter from a bundle file or a run directory.

        Args:
            path: of the file or directory.
            device, overlap, pitch: see :class:`Converter`.
            trust: packages, besides this one, whose generators may be built.
        """
        return cls(bundle.load(Path(path), trust), device, overlap=overlap, pitch=pitch)

    def convert(self, mel: Mel, tail: str = "context") -> Mel:
        """Translate a normalised mel (M, T), T >= 1; an array gives an array, a tensor a tensor, of the same shape.

        Args:
            mel: (M, T) float32 in [-1, 1], made with the bundle's AudioSpec.
            tail: the last chunk: "context" takes the last W frames (the notebook), "pad" fills up with silence (the
                article); see :meth:`melgan_vc.inference.chunked.ChunkedConversion.end`.
        """
        bins = self.bundle.audio.n_mels
        if mel.ndim != 2 or mel.shape[0] != bins or mel.shape[1] < 1:
            raise UserError(f"mel has shape {tuple(mel.shape)}; this bundle takes ({bins}, T) with T of at least 1")
        if tail not in TAILS:
            raise UserError(f"tail is {tail!r}: give one of {', '.join(TAILS)}")
        given = torch.as_tensor(mel)
        if not torch.isfinite(given).all():
            raise UserError("the mel holds NaN or infinite values; check the recording it was made from")
        converted = self.translate(given.float(), tail).to(given.device, given.dtype)
        return converted.numpy() if isinstance(mel, np.ndarray) else converted

    @torch.no_grad()
    def translate(self, mel: Tensor, tail: str) -> Tensor:
        """A mel (M, T) through the generator, chunk by chunk."""
        begun = self.chunked.start(len(mel), self.device)
        states, converted = self.chunked.step([begun], [mel.to(self.device)])
        return torch.cat([*converted, *self.chunked.end(states, tail)], dim=-1)
