"""A generator of chunks applied to a mel of any length, which comes in blocks of any size: state in, state out."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from melgan_vc.audio.chunks import SILENCE
from melgan_vc.errors import UserError

TAILS = ("context", "pad")


@dataclass(frozen=True)
class State:
    """What is kept between two blocks.

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

    def step(self, state: State, mel: Tensor) -> tuple[State, Tensor]:
        """Take frames (M, T); gives those (M, N) that no later chunk changes."""
        frames = torch.cat([state.frames, mel], dim=-1)
        pending = frames[:, state.next :]
        count = max(0, (pending.shape[-1] - self.width) // self.hop + 1)
        if not count:
            return State(frames, state.next, state.sums, state.weights, state.done), mel[:, :0]
        chunks = pending.unfold(-1, self.width, self.hop)[:, :count].transpose(0, 1)  # (K, M, W)
        out = torch.cat([self.generator(some.contiguous()) for some in chunks.split(self.chunks_at_once)])
        sums, weights = self.added(out, state.sums, state.weights)
        ready = count * self.hop
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

    def end(self, state: State, tail: str = "context") -> Tensor:
        """The last frames (M, N).

        Args:
            tail: what fills the last chunk: "context", the W frames that end the mel, so that it starts before the
                others end (the authors' notebook), or "pad", silence (the article). A mel under W frames is padded.
        """
        left = state.frames.shape[-1] - state.next
        if left == 0:
            return state.frames[:, :0]
        sums, weights = (torch.nn.functional.pad(one, (0, left - one.shape[-1])) for one in (state.sums, state.weights))
        first = state.frames.shape[-1] - self.width
        if tail == "pad" or first < 0:
            first = state.next
        if state.done is None or first != state.done:
            chunk = state.frames[:, first:]
            filled = torch.nn.functional.pad(chunk, (0, self.width - chunk.shape[-1]), value=SILENCE)
            out = self.generator(filled[None])[0]
            window = self.window.to(out)
            begin = state.next - first
            sums = sums + (out * window)[:, begin : begin + left]
            weights = weights + window[begin : begin + left]
        return sums / weights
