"""Random windows of two domains, each a pure function of a seed and a sample number."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from melgan_vc.data.splits import Segment
from melgan_vc.data.store import Arrays

AHEAD = 4096  # places of windows that are drawn at a time, for drawing each by itself takes longer than reading it


class Batch(NamedTuple):
    """Windows of both domains, unpaired: (B, M, S·W) float32 each, (B, S·W, M) float16 as they are loaded."""

    source: Tensor
    target: Tensor


def mix(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele et al., 2014): each 64-bit number to one that looks random."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class RandomWindows:
    """Windows of one domain, drawn evenly from all places where one fits, so a recording by its length.

    Args:
        arrays: (T, M) float16, by their numbers.
        segments: where windows may be cut; each has at least ``window`` frames.
        window: frames (S·W).
        seed: any whole number.
        stream: tells the domains apart.
        balanced: draw from each speaker equally often, and evenly from a speaker's places.
    """

    def __init__(
        self,
        arrays: Arrays | Sequence[np.ndarray],
        segments: Sequence[Segment],
        window: int,
        seed: int,
        stream: int,
        balanced: bool = False,
    ) -> None:
        speakers = [(segment.speaker or "") if balanced else "" for segment in segments]
        segments = [segment for _, segment in sorted(zip(speakers, segments, strict=True), key=lambda pair: pair[0])]
        self.arrays = arrays
        self.window = window
        self.bins = arrays[segments[0].shard].shape[1]
        self.key = mix(mix(np.array([seed % 2**64], np.uint64)) + np.uint64(stream))[0]
        self.shards = np.array([segment.shard for segment in segments])
        self.offsets = np.array([segment.offset for segment in segments])
        self.ends = np.cumsum([segment.frames - window + 1 for segment in segments])
        counts = [speakers.count(speaker) for speaker in sorted(set(speakers))]
        self.parts = np.array([0, *self.ends[np.cumsum(counts) - 1]])  # from one to the next are a speaker's places
        self.block = -1  # of sample numbers whose places are drawn
        self.drawn: list[tuple[int, int]] = []

    def places(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Arrays and first frames of the windows of these sample numbers."""
        with np.errstate(over="ignore"):
            draws = mix(mix(numbers) + self.key)
        part = (mix(draws) % np.uint64(len(self.parts) - 1)).astype(np.int64)
        sizes = np.diff(self.parts)[part].astype(np.uint64)
        places = self.parts[part] + (draws % sizes).astype(np.int64)
        segment = np.searchsorted(self.ends, places, side="right")
        before = np.where(segment > 0, self.ends[segment - 1], 0)
        return self.shards[segment], self.offsets[segment] + places - before

    def drawn_places(self, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
        """The same as :meth:`places`, one by one."""
        for number in numbers:
            block, place = divmod(number, AHEAD)
            if block != self.block:
                shards, starts = self.places(np.arange(block * AHEAD, (block + 1) * AHEAD, dtype=np.uint64))
                self.block, self.drawn = block, list(zip(shards.tolist(), starts.tolist(), strict=True))
            yield self.drawn[place]

    def take(self, numbers: Sequence[int]) -> Tensor:
        """Windows (B, S·W, M) of these sample numbers, in float16 as they are stored."""
        found = np.empty((len(numbers), self.window, self.bins), np.float16)
        for window, (shard, start) in zip(found, self.drawn_places(numbers), strict=True):
            window[:] = self.arrays[shard][start : start + self.window]
        return torch.from_numpy(found)


class Windows(Protocol):
    """Of one domain, by their sample numbers."""

    def take(self, numbers: Sequence[int]) -> Tensor: ...


class WindowPairs(Dataset[Batch]):
    """Unpaired windows of source and target; loads a batch of sample numbers at a time."""

    def __init__(self, source: Windows, target: Windows) -> None:
        self.source = source
        self.target = target

    def __getitem__(self, number: int) -> Batch:
        return self.__getitems__([number])

    def __getitems__(self, numbers: list[int]) -> Batch:
        return Batch(self.source.take(numbers), self.target.take(numbers))


class EndlessBatches(Sampler[list[int]]):
    """Sample numbers in order, a batch at a time, without end.

    Args:
        batch_size: numbers in a batch.
        first: batches to leave out at the start: a resumed training goes on where it was.
        part, parts: this process has so many numbers of each batch: the part-th of all parts.
    """

    def __init__(self, batch_size: int, first: int = 0, part: int = 0, parts: int = 1) -> None:
        self.batch_size = batch_size
        self.first = first
        self.share = range(batch_size * part // parts, batch_size * (part + 1) // parts)

    def __iter__(self) -> Iterator[list[int]]:
        start = self.first * self.batch_size
        while True:
            yield [start + number for number in self.share]
            start += self.batch_size


class HereAndNow:
    """Batches of a dataset, made when they are asked for: a DataLoader without workers, without what that takes.

    Args:
        dataset: that makes them.
        numbers: of the samples of each.
    """

    def __init__(self, dataset: WindowPairs, numbers: EndlessBatches) -> None:
        self.dataset = dataset
        self.numbers = numbers

    def __iter__(self) -> Iterator[Batch]:
        return map(self.dataset.__getitems__, self.numbers)
