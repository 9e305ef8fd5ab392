"""A generator of chunks applied to mels of any length, which come in blocks of any size: states in, states out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from melgan_vc.audio.chunks import SILENCE
from melgan_vc.errors import UserError

TAILS = ("context", "pad")


@dataclass(frozen=True)
class State:
    """The state between two blocks.

    Attributes:
        frames: (M, ...) given so far, from a chunk's width before the next chunk on.
        next: place of the next chunk's start in them.
        sums, weights: (M, W - H) and (W - H), of chunks that reach over that start.
        done: place where the last chunk started.
    """

    frames: Tensor
    next: int
    sums: Tensor
    weights: Tensor
    done: int | None


class ChunkedConversion:
    """Chunks with a hop of up to their width; where they overlap they are faded into one another.

    Args:
        generator: (K, M, W) to the same shape.
        width: frames (W) of a chunk.
        overlap: share of a chunk that the next one shares, from 0, plain concatenation as in the article, to under 1.
        chunks_at_once: in one call of the generator.
    """

    def __init__(
        self, generator: Callable[[Tensor], Tensor], width: int, overlap: float = 0.0, chunks_at_once: int = 256
    ) -> None:
        if isinstance(overlap, bool) or not isinstance(overlap, int | float) or not 0 <= overlap < 1:
            raise UserError(f"overlap is {overlap!r}: give a share from 0 up to, not including, 1")
        self.generator = generator
        self.width = width
        self.hop = max(1, round(width * (1 - overlap)))
        self.chunks_at_once = chunks_at_once
        self.window = torch.sin(torch.pi * (torch.arange(width) + 0.5) / width).square()
        if self.hop == width:
            self.window = torch.ones(width)

    def start(self, bins: int, device: torch.device | None = None) -> State:
        """The state before the first frame of a mel with so many bins."""
        shared = self.width - self.hop
        nothing = torch.zeros(bins, 0, device=device)
        return State(nothing, 0, torch.zeros(bins, shared, device=device), torch.zeros(shared, device=device), None)

    def step(self, states: Sequence[State], mels: Sequence[Tensor]) -> tuple[list[State], list[Tensor]]:
        """Take frames (M, T) of mels side by side; gives those (M, N) that no later chunk changes.

        The chunks of all mels go through the generator together.
        """
        frames = [torch.cat([state.frames, mel], dim=-1) for state, mel in zip(states, mels, strict=True)]
        outs = self.generated([self.cut(given[:, state.next :]) for state, given in zip(states, frames, strict=True)])
        taken = [self.take(*one) for one in zip(states, frames, outs, strict=True)]
        return [state for state, _ in taken], [mel for _, mel in taken]

    def cut(self, pending: Tensor) -> Tensor:
        """The whole chunks (K, M, W) of frames (M, T)."""
        if pending.shape[-1] < self.width:
            return pending.new_zeros(0, len(pending), self.width)
        return pending.unfold(-1, self.width, self.hop).transpose(0, 1)

    def generated(self, chunks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Chunks (K, M, W) of several mels through the generator."""
        if not any(len(some) for some in chunks):
            return tuple(chunks)
        together = torch.cat(list(chunks))
        out = torch.cat([self.generator(some) for some in together.split(self.chunks_at_once)])
        return out.split([len(some) for some in chunks])

    def take(self, state: State, frames: Tensor, out: Tensor) -> tuple[State, Tensor]:
        """Add generated chunks (K, M, W), the next ones of frames (M, T); gives frames (M, N) that are done."""
        if not len(out):
            return replace(state, frames=frames), frames[:, :0]
        sums, weights = self.added(out, state.sums, state.weights)
        ready = len(out) * self.hop
        last, following = state.next + ready - self.hop, state.next + ready
        dropped = max(0, following - self.width)
        kept = State(frames[:, dropped:], following - dropped, sums[:, ready:], weights[ready:], last - dropped)
        return kept, sums[:, :ready] / weights[:ready]

    def added(self, chunks: Tensor, sums: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Chunks (K, M, W) faded, and added to what earlier ones left: weighted sums (M, T) and the weights (T)."""
        count, _, width = chunks.shape
        frames = (count - 1) * self.hop + width
        window = self.window.to(chunks)
        faded, all_weights = (
            torch.nn.functional.fold(pieces.permute(1, 2, 0), (1, frames), (1, width), stride=(1, self.hop))[:, 0, 0]
            for pieces in (chunks * window, window.expand(count, 1, -1))
        )
        faded[:, : sums.shape[-1]] += sums
        all_weights[0, : len(weights)] += weights
        return faded, all_weights[0]

    def end(self, states: Sequence[State], tail: str = "context") -> list[Tensor]:
        """The last frames (M, N) of each.

        Args:
            tail: what fills the last chunk: "context", the W frames that end the mel, so that it starts before the
                others end (the authors' notebook), or "pad", silence (the article). A mel under W frames is padded.
        """
        firsts = [self.last_chunk(state, tail) for state in states]
        chunks = [
            state.frames.new_zeros(0, len(state.frames), self.width) if first is None else self.filled(state, first)
            for state, first in zip(states, firsts, strict=True)
        ]
        outs = self.generated(chunks)
        return [self.finish(*one) for one in zip(states, firsts, outs, strict=True)]

    def last_chunk(self, state: State, tail: str) -> int | None:
        """Place of the start of the chunk that ends a mel, if there is one left."""
        if state.frames.shape[-1] == state.next:
            return None
        first = state.frames.shape[-1] - self.width
        if tail == "pad" or first < 0:
            first = state.next
        return None if first == state.done else first

    def filled(self, state: State, first: int) -> Tensor:
        """A chunk (1, M, W) of the frames from a place on, filled with silence."""
        chunk = state.frames[:, first:]
        return torch.nn.functional.pad(chunk, (0, self.width - chunk.shape[-1]), value=SILENCE)[None]

    def finish(self, state: State, first: int | None, out: Tensor) -> Tensor:
        """The last frames (M, N), with the last chunk (1, M, W), if there was one."""
        left = state.frames.shape[-1] - state.next
        sums, weights = (torch.nn.functional.pad(one, (0, left - one.shape[-1])) for one in (state.sums, state.weights))
        if first is not None:
            window = self.window.to(out)
            begin = state.next - first
            sums = sums + (out[0] * window)[:, begin : begin + left]
            weights = weights + window[begin : begin + left]
        return sums / weights
