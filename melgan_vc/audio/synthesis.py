"""What all ways from translated mels back to sound have in common: states in, states out, several side by side."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.spectrum import Spectrum
from melgan_vc.spec import AudioSpec


@dataclass(frozen=True)
class Piece:
    """What one block adds to a recording's translation.

    Attributes:
        mel: (M, T) translated frames, normalised.
        source_mel: (M, T') frames of the source as the generator saw them, normalised. A frame comes with its
            translation or before it.
        source: (N,) samples of the source at the model's rate, those from which the source's mel is made. They come
            before or with the frames that they complete.
    """

    mel: Tensor
    source_mel: Tensor
    source: Tensor

    def to(self, device: torch.device) -> "Piece":
        """Return the same on another device."""
        return Piece(self.mel.to(device), self.source_mel.to(device), self.source.to(device))


class Steps(Protocol):
    """A way back to sound for recordings that come piece by piece; a state is a value that no call changes.

    Attributes:
        lookahead: samples; a sample of the sound is known once all frames whose middle lies no further after it are.
    """

    lookahead: int

    def start(self, device: torch.device | None = None) -> Any:
        """Return the state before the first piece."""
        ...

    def step(self, states: Sequence[Any], pieces: Sequence[Piece]) -> tuple[list[Any], list[Tensor]]:
        """Take a piece of each recording; return new states, and the samples (N,) that are known now."""
        ...

    def end(self, states: Sequence[Any]) -> list[Tensor]:
        """Return the last samples (N,) of each recording; there may be some more than the source has."""
        ...


class Synthesis(nn.Module, ABC):
    """A way from translated mels back to sound.

    :class:`melgan_vc.audio.inversion.Inversion` needs nothing but mels, :class:`melgan_vc.audio.filtering.Filter` the
    source as well.

    Args:
        spec: the front end of the mels.
    """

    def __init__(self, spec: AudioSpec) -> None:
        super().__init__()
        self.spec = spec
        self.front_end = MelTransform(spec)
        self.spectrum = Spectrum(spec)

    @abstractmethod
    def in_blocks(self, frames: int | None = None) -> Steps:
        """Return the same, piece by piece.

        Args:
            frames: that come at a time, where each is to be heard as early as it can; None leaves that open.
        """

    @abstractmethod
    def synthesise(self, piece: Piece) -> Tensor:
        """Return the sound (N,) of a whole recording (N,), given as one piece."""
