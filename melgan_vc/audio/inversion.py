"""Mel-spectrogram back to waveform, block by block: memory does not grow, and phases go on from block to block."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.spectrum import Spectrum
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

BLOCK_SECONDS = 8.0


class Inverter(Protocol):
    """Any method that turns a normalised mel (B, M, T) into a waveform (B, samples)."""

    def __call__(self, mel: Tensor, samples: int | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Problem:
    """A stretch of mel whose signal is sought.

    Attributes:
        wanted: mel power (B, T, M).
        known: (B, K) first samples of the signal, which stay as they are; K may be 0.
        guess: (B, G) samples after those, to start from, as far as there are any.
    """

    wanted: Tensor
    known: Tensor
    guess: Tensor


class Inversion(nn.Module, ABC):
    """A method of inversion, for mels of any length.

    Args:
        spec: the front end to undo.
        block_seconds: that are inverted at a time.
        seed: of anything random, so that the same mel gives the same waveform.
    """

    def __init__(self, spec: AudioSpec, block_seconds: float = BLOCK_SECONDS, seed: int = 0) -> None:
        super().__init__()
        number("block_seconds", block_seconds, above=0)
        self.spec = spec
        self.seed = seed
        self.front_end = MelTransform(spec)
        self.spectrum = Spectrum(spec)
        self.block = max(1, round(block_seconds * spec.sample_rate / spec.hop_length))

    @abstractmethod
    def solve(self, problem: Problem) -> Tensor:
        """The signal (B, S) of a stretch."""

    @torch.no_grad()
    def forward(self, mel: Tensor, samples: int | None = None) -> Tensor:
        """Waveform (B, samples) of a normalised mel (B, M, T); by default (T - 1) · hop_length samples, at least 1."""
        frames = mel.shape[-1]
        length = max(1, (frames - 1) * self.spec.hop_length) if samples is None else samples
        stream = InversionStream(self, self.block)
        pieces = [stream.push(block) for block in mel.split(self.block, dim=-1)]
        waveform = torch.cat([*pieces, stream.finish()], dim=-1)
        return nn.functional.pad(waveform, (0, max(0, length - waveform.shape[-1])))[..., :length]


class InversionStream:
    """The waveform of a mel that comes block by block.

    Args:
        method: of inversion.
        block: frames that are settled at a time.
        ahead: frames after them that are looked at before they are settled; by default as many as a window reaches.
    """

    def __init__(self, method: Inversion, block: int, ahead: int | None = None) -> None:
        self.method = method
        self.spectrum = method.spectrum
        self.hop, self.n_fft = method.spec.hop_length, method.spec.n_fft
        self.reach = -(-self.n_fft // self.hop) - 1  # frames before one that share samples with it
        self.block = block
        self.ahead = self.reach if ahead is None else ahead
        self.mel: Tensor | None = None  # (B, T, M), of the context and of what is not settled
        self.context = 0  # frames of it whose samples before the next one's are settled
        self.known: Tensor | None = None  # signal from the first frame of the context on, as far as settled
        self.guess: Tensor | None = None  # after it, as last found
        self.unheard = self.n_fft // 2  # samples of the signal before the waveform starts

    @property
    def waiting(self) -> int:
        """Frames that are not settled."""
        return 0 if self.mel is None else self.mel.shape[1] - self.context

    def push(self, mel: Tensor) -> Tensor:
        """The samples (B, N) that normalised frames (B, M, T) settle."""
        frames = mel.float().transpose(1, 2)
        nothing = frames.new_zeros(len(frames), 0)
        self.mel = frames.contiguous() if self.mel is None else torch.cat([self.mel, frames], dim=1)
        if self.known is None:
            self.known = self.guess = nothing
        settled = [self.settle(self.block) for _ in range((self.waiting - self.ahead) // self.block)]
        return torch.cat([nothing, *settled], dim=-1)

    def finish(self) -> Tensor:
        """The last samples (B, N)."""
        if self.mel is None:
            raise UserError("the mel is empty: give at least one frame")
        return self.settle(self.waiting, last=True)

    def settle(self, frames: int, last: bool = False) -> Tensor:
        """Settle so many frames and give their samples (B, N); the last ones with all that they reach."""
        assert self.mel is not None and self.known is not None and self.guess is not None
        stretch = self.mel[:, : self.context + frames + self.ahead].contiguous()
        wanted = self.method.front_end.denormalise(stretch)
        signal = self.method.solve(Problem(wanted, self.known, self.guess))
        start = self.known.shape[-1]
        end = signal.shape[-1] if last else (self.context + frames) * self.hop
        sound = signal[:, start:end]
        kept = min(self.reach + 3, self.context + frames)  # so that some frames are known whole
        dropped = self.context + frames - kept
        self.mel, self.context = self.mel[:, dropped:], kept
        self.known, self.guess = signal[:, dropped * self.hop : end], signal[:, end:]
        heard = sound[:, self.unheard :]
        self.unheard = max(0, self.unheard - sound.shape[-1])
        return heard


def number(name: str, value: object, above: float = -math.inf, below: float = math.inf) -> None:
    """Refuse a setting that is no number in (above, below)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < below:
        bounds = [f"above {above:g}"] * (above > -math.inf) + [f"below {below:g}"] * (below < math.inf)
        raise UserError(f"inversion.{name} is {value!r}: give a number {' and '.join(bounds)}")


def whole(name: str, value: object, lowest: int = 1) -> None:
    """Refuse a setting that is no whole number from ``lowest`` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise UserError(f"inversion.{name} is {value!r}: give a whole number from {lowest}")
