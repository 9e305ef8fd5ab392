"""Random windows of what is streamed: from a pool of items, of which the oldest are replaced all the time."""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from melgan_vc.data.dataset import Batch, mix
from melgan_vc.data.shard_pieces import checked_piece, explained_reading
from melgan_vc.data.streamed import Streaming
from melgan_vc.errors import UserError


class PooledWindows:
    """Random windows of one domain: drawn from a pool of items, of which some are replaced after each batch.

    A window is a pure function of the seed, its number and the order of the items, so a training can go on anywhere.

    Args:
        pieces: litdata's reader, shuffled.
        window: frames (S·W).
        streaming: how many windows for each item, and items in the pool.
        seed: any whole number.
        stream: tells the domains apart.
        bins: of the mels.
    """

    def __init__(self, pieces: Any, window: int, streaming: Streaming, seed: int, stream: int, bins: int) -> None:
        self.pieces = pieces
        self.place = pieces.input_dir.url or pieces.input_dir.path
        with explained_reading(self.place):
            self.length = len(pieces)  # of an epoch, in this process
        if not self.length:
            raise UserError(f"{self.place}: has fewer pieces than there are processes; train in fewer of them")
        self.window = window
        self.streaming = streaming
        self.bins = bins
        self.key = mix(mix(np.array([seed % 2**64], np.uint64)) + np.uint64(stream))[0]

    def items(self, first: int) -> Iterator[np.ndarray]:
        """Items (T, M) without end, from one on: epoch by epoch, each in an order of its own."""
        epoch, place = divmod(first, self.length)
        self.pieces.set_epoch(1 + epoch)
        if place:
            self.pieces.load_state_dict(self.pieces.state_dict(place, 1, 1))
        while True:
            with explained_reading(self.place):
                for item in self.pieces:
                    yield checked_piece(item, self.bins)

    def batches(self, first: int, count: int, part: int, parts: int) -> Iterator[Tensor]:
        """Windows (B, S·W, M) float16 of batches of so many, from one batch on, of this one of several processes."""
        oldest = first * count // self.streaming.crops
        items = self.items(oldest)
        pool: deque[np.ndarray] = deque(maxlen=self.streaming.pool)
        loaded = oldest
        for number in itertools.count(first):
            wanted = number * count // self.streaming.crops + self.streaming.pool
            for _ in range(wanted - loaded):
                pool.append(next(items))
            loaded = wanted
            mine = (number * count + np.arange(count)) * parts + part
            yield self.draw(pool, mine.astype(np.uint64))

    def draw(self, pool: Sequence[np.ndarray], numbers: np.ndarray) -> Tensor:
        """Windows of these sample numbers, drawn evenly from all places of a pool where one fits."""
        ends = np.cumsum([max(0, len(item) - self.window + 1) for item in pool])
        if not ends[-1]:
            raise UserError(
                f"data.litdata.pool: of {len(pool)} pieces of recordings none is as long as a window; give more, or a "
                "smaller chunk.width"
            )
        with np.errstate(over="ignore"):
            places = (mix(mix(numbers) + self.key) % np.uint64(ends[-1])).astype(np.int64)
        which = np.searchsorted(ends, places, side="right")
        starts = places - np.where(which > 0, ends[which - 1], 0)
        pieces = [pool[one][start : start + self.window] for one, start in zip(which, starts, strict=True)]
        return torch.from_numpy(np.stack(pieces))


class StreamedPairs(IterableDataset[Batch]):
    """Batches of unpaired windows of source and target, without end.

    Args:
        source, target: their windows.
        first: number of the first batch.
        count: windows of each domain in a batch of this process.
        part, parts: this process is the part-th of so many.
    """

    def __init__(
        self, source: PooledWindows, target: PooledWindows, first: int, count: int, part: int, parts: int
    ) -> None:
        self.domains = source, target
        self.first, self.count, self.part, self.parts = first, count, part, parts

    def __iter__(self) -> Iterator[Batch]:
        each = (windows.batches(self.first, self.count, self.part, self.parts) for windows in self.domains)
        for source, target in zip(*each, strict=True):
            yield Batch(source, target)
