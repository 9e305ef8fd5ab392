"""Mel-spectrogram back to waveform, block by block: memory does not grow, and phases go on from block to block."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from melgan_vc.audio.synthesis import Piece, Synthesis
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

BLOCK_SECONDS = 2.0  # more does not sound better, and leaves the processor's cache


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


class Inversion(Synthesis):
    """A method of inversion, for mels of any length: it needs nothing else.

    Args:
        spec: the front end to undo.
        block_seconds: that are inverted at a time.
        seed: of anything random, so that the same mel gives the same waveform.
    """

    def __init__(self, spec: AudioSpec, block_seconds: float = BLOCK_SECONDS, seed: int = 0) -> None:
        super().__init__(spec)
        number("block_seconds", block_seconds, above=0)
        self.seed = seed
        self.block = max(1, round(block_seconds * spec.sample_rate / spec.hop_length))

    @abstractmethod
    def solve(self, problem: Problem) -> Tensor:
        """The signal (B, S) of a stretch."""

    def in_blocks(self, frames: int | None = None) -> "InversionSteps":
        """Return the inversion of mels that come block by block.

        Args:
            frames: that come at a time and are settled at once; None settles a block once the frames after it that its
                last window reaches are there, which sounds better.
        """
        return InversionSteps(self, self.block) if frames is None else InversionSteps(self, frames, ahead=0)

    def synthesise(self, piece: Piece) -> Tensor:
        """Return the sound (N,) of a recording's translated mel; of the source it needs the length alone."""
        return self(piece.mel[None], samples=len(piece.source))[0]

    @torch.no_grad()
    def forward(self, mel: Tensor, samples: int | None = None) -> Tensor:
        """Waveform (B, samples) of a normalised mel (B, M, T); by default (T - 1) · hop_length samples, at least 1."""
        frames = mel.shape[-1]
        if frames == 0:
            raise UserError("the mel is empty: give at least one frame")
        length = max(1, (frames - 1) * self.spec.hop_length) if samples is None else samples
        steps = self.in_blocks()
        states = [steps.start(mel.device) for _ in mel]
        pieces: list[list[Tensor]] = []
        for block in mel.split(self.block, dim=-1):
            states, found = steps.take(states, list(block))
            pieces.append(found)
        pieces.append(steps.end(states))
        waveform = torch.stack([torch.cat(one) for one in zip(*pieces, strict=True)])
        return nn.functional.pad(waveform, (0, max(0, length - waveform.shape[-1])))[..., :length]


@dataclass(frozen=True)
class InversionState:
    """The state of one mel between two blocks.

    Attributes:
        mel: (T, M), normalised, of the context and of what is not settled.
        context: frames of it whose samples before the next one's are settled.
        known: (N,) signal from the first frame of the context on, as far as settled.
        guess: (G,) after it, as last found.
        unheard: samples of the signal before the waveform starts.
    """

    mel: Tensor
    context: int
    known: Tensor
    guess: Tensor
    unheard: int

    @property
    def waiting(self) -> int:
        """Frames that are not settled."""
        return len(self.mel) - self.context

    @property
    def shape(self) -> tuple[int, ...]:
        """Return what must be alike for two to be solved together."""
        return (*self.mel.shape, self.context, len(self.known), len(self.guess))


class InversionSteps:
    """The waveforms of mels that come block by block, several side by side: states in, states out.

    Args:
        method: of inversion.
        block: frames that are settled at a time.
        ahead: frames after them that are looked at before they are settled; by default as many as a window reaches.
    """

    def __init__(self, method: Inversion, block: int, ahead: int | None = None) -> None:
        self.method = method
        self.hop, self.n_fft = method.spec.hop_length, method.spec.n_fft
        self.reach = -(-self.n_fft // self.hop) - 1  # frames before one that share samples with it
        self.block = block
        self.ahead = self.reach if ahead is None else ahead
        self.lookahead = self.ahead * self.hop + self.n_fft // 2

    def start(self, device: torch.device | None = None) -> InversionState:
        """The state before the first frame."""
        nothing = torch.zeros(0, device=device)
        return InversionState(nothing.new_zeros(0, self.method.spec.n_mels), 0, nothing, nothing, self.n_fft // 2)

    def step(
        self, states: Sequence[InversionState], pieces: Sequence[Piece]
    ) -> tuple[list[InversionState], list[Tensor]]:
        """Take a piece of each recording, of which only the translated mel counts; see :meth:`take`."""
        return self.take(states, [piece.mel for piece in pieces])

    def take(
        self, states: Sequence[InversionState], mels: Sequence[Tensor]
    ) -> tuple[list[InversionState], list[Tensor]]:
        """Take frames (M, T) of each mel; gives the samples (N,) that they settle."""
        states = [
            replace(state, mel=torch.cat([state.mel, mel.float().T])) for state, mel in zip(states, mels, strict=True)
        ]
        sounds = [[state.known[:0]] for state in states]
        while ready := [at for at, state in enumerate(states) if state.waiting >= self.block + self.ahead]:
            for at, (state, sound) in self.settled(states, ready, self.block).items():
                states[at] = state
                sounds[at].append(sound)
        return states, [torch.cat(sound) for sound in sounds]

    def end(self, states: Sequence[InversionState]) -> list[Tensor]:
        """The last samples (N,) of each."""
        waiting = [at for at, state in enumerate(states) if state.waiting]
        settled = self.settled(states, waiting)
        return [settled[at][1] if at in settled else state.known[:0] for at, state in enumerate(states)]

    def settled(
        self, states: Sequence[InversionState], wanted: Sequence[int], frames: int | None = None
    ) -> dict[int, tuple[InversionState, Tensor]]:
        """New states and samples (N,) of those that are wanted, with so many frames settled, by default all; those of
        one shape are solved together."""
        alike: dict[tuple[int, ...], list[int]] = {}
        for at in wanted:
            taken = len(states[at].mel) if frames is None else states[at].context + frames + self.ahead
            alike.setdefault((taken, *states[at].shape[1:]), []).append(at)
        found = {}
        for (taken, *_), places in alike.items():
            stretch = torch.stack([states[at].mel[:taken] for at in places])
            known, guess = (torch.stack([getattr(states[at], name) for at in places]) for name in ("known", "guess"))
            signals = self.method.solve(Problem(self.method.front_end.denormalise(stretch), known, guess))
            for at, signal in zip(places, signals, strict=True):
                found[at] = self.settle(states[at], signal, frames)
        return found

    def settle(self, state: InversionState, signal: Tensor, frames: int | None) -> tuple[InversionState, Tensor]:
        """Take what is settled of a signal (S,); the last one, without ``frames``, is taken whole."""
        settled = len(state.mel) if frames is None else state.context + frames
        end = len(signal) if frames is None else settled * self.hop
        sound = signal[len(state.known) : end]
        kept = min(self.reach + 3, settled)  # so that some frames are known whole
        dropped = settled - kept
        known, guess = signal[dropped * self.hop : end], signal[end:]
        unheard = max(0, state.unheard - len(sound))
        return InversionState(state.mel[dropped:], kept, known, guess, unheard), sound[state.unheard :]


def number(name: str, value: object, above: float = -math.inf, below: float = math.inf) -> None:
    """Refuse a setting that is no number in (above, below)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < below:
        bounds = [f"above {above:g}"] * (above > -math.inf) + [f"below {below:g}"] * (below < math.inf)
        raise UserError(f"inversion.{name} is {value!r}: give a number {' and '.join(bounds)}")


def whole(name: str, value: object, lowest: int = 1) -> None:
    """Refuse a setting that is no whole number from ``lowest`` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise UserError(f"inversion.{name} is {value!r}: give a whole number from {lowest}")
