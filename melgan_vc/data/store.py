"""A domain's mels, prepared once: memory-mapped arrays and a manifest in a folder named by its content."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from melgan_vc.data.arrays import VerifiedArrays, length_of, lengths_and_checksums
from melgan_vc.data.manifest import MANIFEST, Item, item_of, mels_name, read_lines
from melgan_vc.data.splits import LEAST_HELD_OUT, Segment, Split, split_items
from melgan_vc.spec import AudioSpec, spec_of

OPEN_ARRAYS = 320  # files of a store that are mapped at a time: most stores have fewer


class Arrays:
    """The arrays (T, M) of a store by their numbers, memory-mapped; not all of many at a time.

    Args:
        folder: of the store.
        most: that are mapped at a time, for each takes one of the files that a process may have open.
    """

    def __init__(self, folder: Path, most: int = OPEN_ARRAYS) -> None:
        self.folder = folder
        self.most = most
        self.mapped: OrderedDict[int, np.ndarray] = OrderedDict()

    def __getitem__(self, number: int) -> np.ndarray:
        found = self.mapped.get(number)
        if found is None:
            found = np.asarray(np.load(self.folder / mels_name(number), mmap_mode="r"))
            self.mapped[number] = found
            if len(self.mapped) > self.most:
                self.mapped.popitem(last=False)
        return found


@dataclass(frozen=True)
class MelStore:
    """The mels of a domain: arrays (T, M) float16, time-major so that a window is one contiguous piece.

    Attributes:
        folder: that it is in.
        content: hash of recordings and settings.
        audio: of the mels.
        items: its recordings.
        left_out: recordings that are not in it, and why, by name.
        arrays: by the items' ``shard``.
    """

    folder: Path
    content: str
    audio: AudioSpec
    items: tuple[Item, ...]
    left_out: Mapping[str, str]
    arrays: Arrays = field(compare=False)

    @property
    def seconds(self) -> float:
        return sum(item.seconds for item in self.items)

    def split(self, window: int, share: float, least: int = LEAST_HELD_OUT) -> Split:
        """Return which recordings train and which are held out; see :func:`melgan_vc.data.splits.split_items`."""
        return split_items(self.items, window, share, least)

    def start(self, segment: Segment, frames: int) -> np.ndarray:
        """The first frames (T, M) of a stretch."""
        return self.arrays[segment.shard][segment.offset : segment.offset + min(frames, segment.frames)]

    def mel(self, item: Item) -> np.ndarray:
        """The frames (T, M) of a recording."""
        return self.arrays[item.shard][item.offset : item.offset + item.frames]


def read_store(folder: Path, verified: VerifiedArrays) -> MelStore:
    """Open a prepared store without reading its mels into memory, unless they were written since they were verified.

    Raises:
        ValueError: something of it is not what it should be.
        OSError: it cannot be read.
    """
    head, *lines = read_lines(folder / MANIFEST)
    try:
        items = tuple(item_of(line) for line in lines if "array" not in line and "reason" not in line)
        left_out = {str(line["path"]): str(line["reason"]) for line in lines if "reason" in line}
        audio = spec_of(AudioSpec, head["settings"]["audio"])
        content = str(head["content"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{MANIFEST} lacks something: {error}") from error
    check_items(items, left_out)
    check_arrays(folder, items, audio.n_mels, lengths_and_checksums(lines), verified)
    return MelStore(folder, content, audio, items, left_out, Arrays(folder))


def check_items(items: Sequence[Item], left_out: Mapping[str, str]) -> None:
    """Refuse recordings that are there twice, or that share frames.

    Raises:
        ValueError: some do.
    """
    if len({*left_out, *(item.path for item in items)}) < len(items) + len(left_out):
        raise ValueError("a recording is there twice")
    ends: dict[int, int] = {}
    for item in sorted(items, key=lambda one: (one.shard, one.offset)):
        if item.offset < ends.get(item.shard, 0):
            raise ValueError(f"{item.path!r} shares frames with another recording")
        ends[item.shard] = item.offset + item.frames


def check_arrays(
    folder: Path,
    items: Sequence[Item],
    bins: int,
    known: Mapping[int, tuple[int, int]],
    verified: VerifiedArrays,
) -> None:
    """Refuse arrays that do not hold what the manifest says.

    Args:
        known: length and checksum by number, of stores that have them.

    Raises:
        ValueError: one of them.
    """
    ends: dict[int, int] = {}
    for item in items:
        ends[item.shard] = max(ends.get(item.shard, 0), item.offset + item.frames)
    for number, end in ends.items():
        length, crc32 = known.get(number) or (length_of(folder / mels_name(number), bins), None)
        if length < end:
            raise ValueError(f"{mels_name(number)} has {length} frames, {end} expected")
        verified.check(folder, number, (length, bins), crc32)
