"""What other stores have of the recordings of a new one: verified, and linked instead of prepared again."""

import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgan_vc.data.arrays import VerifiedArrays, array_line, checksum, length_of, lengths_and_checksums
from melgan_vc.data.manifest import MANIFEST, item_of, mels_name, read_lines
from melgan_vc.data.units import Task
from melgan_vc.errors import FOR_ALL
from melgan_vc.files import sync

NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP)


@dataclass(frozen=True)
class OldArray:
    """An array of another store.

    Attributes:
        folder: of the store.
        number: of the array in it.
        length: frames.
        crc32: its checksum; None in stores of an older version.
    """

    folder: Path
    number: int
    length: int
    crc32: int | None


def old_recordings(
    root: Path, described: dict[str, Any], bins: int
) -> dict[tuple[str, int], tuple[OldArray, dict[str, Any]]]:
    """Return what all stores with the same settings have: array and line of each recording by its hash and stream."""
    found: dict[tuple[str, int], tuple[OldArray, dict[str, Any]]] = {}
    for manifest in sorted(root.glob(f"*/{MANIFEST}")):
        try:
            head, *lines = read_lines(manifest)
            if head.get("settings") != described:
                continue
            known = lengths_and_checksums(lines)
            folder = manifest.parent
            for line in lines:
                if "array" not in line and "reason" not in line:
                    item = item_of(line)
                    path = folder / mels_name(item.shard)
                    length, crc32 = known.get(item.shard) or (length_of(path, bins), None)
                    if item.offset + item.frames <= length:
                        array = OldArray(folder, item.shard, length, crc32)
                        found[item.sha256, item.stream] = (array, line)
        except (OSError, ValueError):
            continue  # it is damaged: what it has is prepared again
    return found


def take_over(
    folder: Path, tasks: Sequence[Task], described: dict[str, Any], bins: int, verified: VerifiedArrays
) -> list[dict[str, Any]]:
    """Link the arrays of other stores that hold recordings of a new one.

    Args:
        folder: that the new store is made in.
        tasks: its recordings.
        described: its settings.
        bins: of its mels.
        verified: arrays that were read before.

    Returns:
        The lines of these recordings and arrays for the new manifest; the arrays are numbered from 0.
    """
    old = old_recordings(folder.parent, described, bins)
    numbers: dict[OldArray, int | None] = {}
    recordings, arrays = [], []
    for task in tasks:
        if task.key not in old:
            continue
        array, line = old[task.key]
        if array not in numbers:
            number = sum(one is not None for one in numbers.values())
            is_sound = link_verified(array, folder / mels_name(number), bins, verified)
            numbers[array] = number if is_sound else None
            if is_sound:
                crc32 = checksum(folder / mels_name(number)) if array.crc32 is None else array.crc32
                arrays.append(array_line(number, array.length, crc32))
        if numbers[array] is not None:
            about = {"path": task.name, "group": task.group, "split": task.split, "speaker": task.speaker}
            recordings.append(line | about | {"shard": numbers[array]})
    return [*recordings, *arrays]


def link_verified(array: OldArray, target: Path, bins: int, verified: VerifiedArrays) -> bool:
    """Link an array of another store; returns whether that is as it should be."""
    try:
        verified.check(array.folder, array.number, (array.length, bins), array.crc32)
        link(array.folder / mels_name(array.number), target)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in FOR_ALL:
            raise
        return False
    return True


def link(source: Path, target: Path) -> None:
    """Give a file another name, or copy it where the file system has no such links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copyfile(source, target)
        sync(target)
