"""Random windows of two domains, each a pure function of a seed and a sample number."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from melgan_vc.data.manifest import Item
from melgan_vc.data.store import Arrays

AHEAD = 4096  # places of windows that are drawn at a time, for drawing each by itself takes longer than reading it
SILENT = 3e-4  # peak of a recording without sound: -70 dB under full scale


class Batch(NamedTuple):
    """Windows of both domains, unpaired: (B, M, S·W) float32 each, (B, S·W, M) float16 as they are loaded."""

    source: Tensor
    target: Tensor


@dataclass(frozen=True)
class Segment:
    """A stretch of a store's mels that windows may be cut from: frames [offset, offset + frames) of one array."""

    path: str
    shard: int
    offset: int
    frames: int


@dataclass(frozen=True)
class Split:
    """What a domain's recordings are used for.

    Attributes:
        train, validation: stretches with room for a window.
        short, silent: paths of recordings too short for one window, or without sound; used for neither.
    """

    train: tuple[Segment, ...]
    validation: tuple[Segment, ...]
    short: tuple[str, ...]
    silent: tuple[str, ...]


def split_items(items: Sequence[Item], window: int, share: float) -> Split:
    """Divide recordings as their corpus does, or by a hash of each one's group, so that added ones move no others.

    At least one file is kept for validation, which of few files may become another one when files are added; of a
    single file, its end is kept.

    Args:
        items: of the store.
        window: frames that a recording must have.
        share: of the files that goes to validation, in [0, 1).
    """
    short = tuple(item.path for item in items if item.frames < window)
    silent = tuple(item.path for item in items if item.frames >= window and item.peak < SILENT)
    left_out = {*short, *silent}
    usable = [item for item in items if item.path not in left_out]
    fixed = {name: [segment(item) for item in usable if item.split == name] for name in ("train", "validation")}
    free = [item for item in usable if item.split is None]
    if not free or share <= 0:
        train, validation = [segment(item) for item in free], list[Segment]()
    elif fixed["validation"]:
        train, validation = by_hash(free, share)
    elif len(free) == 1 and not fixed["train"]:
        train, validation = cut_end(segment(free[0]), window, share)
    else:
        train, validation = by_hash(free, share, least=1, kept=0 if fixed["train"] else 1)
    order = {item.path: place for place, item in enumerate(items)}
    return Split(
        train=tuple(sorted([*fixed["train"], *train], key=lambda one: order[one.path])),
        validation=tuple(sorted([*fixed["validation"], *validation], key=lambda one: order[one.path])),
        short=short,
        silent=silent,
    )


def segment(item: Item) -> Segment:
    """All of a recording."""
    return Segment(item.path, item.shard, item.offset, item.frames)


def by_hash(items: Sequence[Item], share: float, least: int = 0, kept: int = 0) -> tuple[list[Segment], list[Segment]]:
    """Recordings for training and for validation: whole groups, or single recordings where all are of one group.

    Args:
        items: to divide.
        share: of the groups that goes to validation.
        least: groups that do.
        kept: groups that stay for training, at least.
    """
    names = {item.path: item.group or item.path for item in items}
    if len(set(names.values())) == 1:
        names = {path: path for path in names}
    ranked = sorted(set(names.values()), key=unit_hash)
    count = sum(unit_hash(name) <= share for name in ranked)
    held_out = set(ranked[: max(least, min(count, len(ranked) - kept))])
    train = [segment(item) for item in items if names[item.path] not in held_out]
    return train, [segment(item) for item in items if names[item.path] in held_out]


def cut_end(whole: Segment, window: int, share: float) -> tuple[list[Segment], list[Segment]]:
    """The start of a recording for training and its end for validation, if both have room for a window."""
    kept = max(window, round(whole.frames * share))
    rest = whole.frames - kept
    if rest < window:
        return [whole], []
    return [replace(whole, frames=rest)], [replace(whole, offset=whole.offset + rest, frames=kept)]


def unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(os.fsencode(text)).digest()[:7], "big") / 2**56


def mix(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele et al., 2014): each 64-bit number to one that looks random."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class RandomWindows:
    """Windows of one domain, drawn evenly from all places where one fits.

    Args:
        arrays: (T, M) float16, by their numbers.
        segments: where windows may be cut; each has at least ``window`` frames.
        window: frames (S·W).
        seed: any whole number.
        stream: tells the domains apart.
    """

    def __init__(
        self, arrays: Arrays | Sequence[np.ndarray], segments: Sequence[Segment], window: int, seed: int, stream: int
    ) -> None:
        self.arrays = arrays
        self.window = window
        self.key = mix(mix(np.array([seed % 2**64], np.uint64)) + np.uint64(stream))[0]
        self.shards = np.array([segment.shard for segment in segments])
        self.offsets = np.array([segment.offset for segment in segments])
        self.ends = np.cumsum([segment.frames - window + 1 for segment in segments])
        self.block = -1  # of sample numbers whose places are drawn
        self.drawn: list[tuple[int, int]] = []

    def places(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Arrays and first frames of the windows of these sample numbers."""
        with np.errstate(over="ignore"):
            draws = mix(mix(numbers) + self.key)
        places = (draws % np.uint64(self.ends[-1])).astype(np.int64)
        segment = np.searchsorted(self.ends, places, side="right")
        before = np.where(segment > 0, self.ends[segment - 1], 0)
        return self.shards[segment], self.offsets[segment] + places - before

    def take(self, numbers: Sequence[int]) -> Tensor:
        """Windows (B, S·W, M) of these sample numbers, in float16 as they are stored."""
        pieces = []
        for number in numbers:
            block, place = divmod(number, AHEAD)
            if block != self.block:
                shards, starts = self.places(np.arange(block * AHEAD, (block + 1) * AHEAD, dtype=np.uint64))
                self.block, self.drawn = block, list(zip(shards.tolist(), starts.tolist(), strict=True))
            shard, start = self.drawn[place]
            pieces.append(self.arrays[shard][start : start + self.window])
        return torch.from_numpy(np.stack(pieces))


class WindowPairs(Dataset[Batch]):
    """Unpaired windows of source and target; loads a batch of sample numbers at a time."""

    def __init__(self, source: RandomWindows, target: RandomWindows) -> None:
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
