"""Mel to translated mel, of any length."""

from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from melgan_vc import bundle
from melgan_vc.audio.chunks import cover, uncover
from melgan_vc.bundle import Bundle
from melgan_vc.errors import UserError

Mel = TypeVar("Mel", np.ndarray, Tensor)
TAILS = ("context", "pad")


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


class Converter:
    """Translates mels chunk by chunk with the generator of a bundle.

    Args:
        bundle: see :mod:`melgan_vc.bundle`.
        device: where to compute.
        chunks_at_once: chunks in one generator call.
    """

    def __init__(self, bundle: Bundle, device: str = "cpu", chunks_at_once: int = 256) -> None:
        self.bundle = bundle
        self.device = usable_device(device)
        self.chunks_at_once = chunks_at_once
        self.generator = bundle.generator.to(self.device).eval()

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> "Converter":
        """A converter from a bundle file or a run directory."""
        return cls(bundle.load(Path(path)), device)

    def convert(self, mel: Mel, tail: str = "context") -> Mel:
        """Translate a normalised mel (M, T), T >= 1; an array gives an array, a tensor a tensor, of the same shape.

        Args:
            mel: (M, T) float32 in [-1, 1], made with the bundle's AudioSpec.
            tail: the last chunk: "context" takes the last W frames (the notebook), "pad" fills up with silence (the
                article); see :func:`melgan_vc.audio.chunks.cover`.
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
        chunks = cover(mel.to(self.device), self.bundle.chunk.width, tail)
        out = torch.cat([self.generator(some) for some in chunks.split(self.chunks_at_once)])
        return uncover(out, mel.shape[-1], tail)
