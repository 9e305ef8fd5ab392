"""The arrays of a store as files: what is written around the mels, and whether a file still holds what it should."""

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from melgan_vc.data.manifest import is_count, mels_name, parse, read_text
from melgan_vc.errors import UserError
from melgan_vc.files import replacing

BLOCK = 1 << 20  # bytes read at a time
PATCH = 65536  # frames that are raised to a recording's floor at a time
MAGNITUDE = 0x7FFF  # all bits of a float16 but its sign
EXPONENT = 0x7C00  # its exponent; all of these bits are set in NaN and infinity


def write_header(file: BinaryIO, frames: int, bins: int) -> int:
    """Write the .npy header of a float16 array (frames, bins) and return where its data starts."""
    shape = {"descr": "<f2", "fortran_order": False, "shape": (frames, bins)}
    np.lib.format.write_array_header_2_0(file, shape)
    return file.tell()


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return value


def check_shape(path: Path, frames: int, bins: int) -> None:
    """Refuse a file that is not an array (frames, bins) of float16 by its header and its size.

    Raises:
        ValueError: it is not.
        OSError: it cannot be read.
    """
    expected = BytesIO()
    start = write_header(expected, frames, bins)
    size = path.stat().st_size
    if size != start + 2 * frames * bins:
        raise ValueError(f"{path.name} has {size} bytes, {start + 2 * frames * bins} expected")
    with path.open("rb") as file:
        if file.read(start) != expected.getvalue():
            raise ValueError(f"{path.name} does not begin as a float16 array ({frames}, {bins})")


def length_of(path: Path, bins: int) -> int:
    """Return the frames that a file has room for, by its size, if it is an array (frames, bins) of float16."""
    return max(0, path.stat().st_size - write_header(BytesIO(), 0, bins)) // (2 * bins)


def check_values(path: Path, crc32: int | None) -> None:
    """Refuse a file whose checksum is another one; where none is known, one that holds NaN or infinity.

    Raises:
        ValueError: it is so.
    """
    if crc32 is not None:
        if checksum(path) != crc32:
            raise ValueError(f"{path.name} does not have its checksum")
        return
    values = np.load(path, mmap_mode="r").reshape(-1)
    for first in range(0, len(values), BLOCK):
        if not is_finite(values[first : first + BLOCK]):
            raise ValueError(f"{path.name} holds NaN or infinite values")


def is_finite(values: np.ndarray) -> bool:
    """Return whether a float16 array holds neither NaN nor infinity."""
    return not values.size or bool((values.view(np.uint16) & MAGNITUDE).max() < EXPONENT)


def raise_to(floor: np.float16, file: BinaryIO, start: int, frames: int, bins: int) -> None:
    """Make a floor the lowest value of so many frames (bins each) from a place in a file on."""
    for first in range(0, frames, PATCH):
        count = min(PATCH, frames - first) * bins
        file.seek(start + 2 * first * bins)
        block = np.frombuffer(file.read(2 * count), np.float16)
        file.seek(start + 2 * first * bins)
        file.write(not_below(block, floor).tobytes())


def not_below(values: np.ndarray, floor: np.float16) -> np.ndarray:
    """The larger of each float16 and a floor."""
    if floor >= 0:
        return np.maximum(values, floor)
    # as whole numbers, twice as fast: the sign is the highest bit, and the lower a value the higher its bits
    return np.minimum(values.view(np.uint16), floor.view(np.uint16)).view(np.float16)


def array_line(number: int, length: int, crc32: int) -> dict[str, Any]:
    """Return what items and manifests say of an array."""
    return {"array": number, "length": length, "crc32": crc32}


def lengths_and_checksums(lines: list[dict[str, Any]]) -> dict[int, tuple[int, int]]:
    """Return frames and checksum of each array that some lines speak of.

    Raises:
        ValueError: a line makes no sense.
    """
    found = {}
    for line in lines:
        if "array" in line:
            if line.keys() != {"array", "length", "crc32"} or not all(map(is_count, line.values())):
                raise ValueError(f"a line on an array makes no sense: {str(line)[:80]}")
            found[line["array"]] = (line["length"], line["crc32"])
    return found


class VerifiedArrays:
    """A record of arrays whose checksums were verified; each is read again only after it has changed.

    Args:
        path: of the file that remembers it, in the folder of all stores.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamps = load_stamps(path)
        self.is_changed = False

    def check(self, folder: Path, number: int, shape: tuple[int, int], crc32: int | None) -> None:
        """Refuse an array that does not hold what it should; see :func:`check_shape` and :func:`check_values`."""
        path = folder / mels_name(number)
        check_shape(path, *shape)
        if self.stamps.get(self.key(path)) != stamp(path):
            check_values(path, crc32)
            self.add(path)

    def add(self, path: Path) -> None:
        """Remember that an array is as it should be."""
        self.stamps[self.key(path)] = stamp(path)
        self.is_changed = True

    def key(self, path: Path) -> str:
        return f"{path.parent.name}/{path.name}"

    def save(self) -> None:
        """Write down what was verified; what is gone is forgotten."""
        if self.is_changed:
            kept = {key: value for key, value in self.stamps.items() if (self.path.parent / key).is_file()}
            with suppress(OSError, UserError), replacing(self.path) as temporary:  # else they are read again
                temporary.write_text(json.dumps(kept), encoding="utf-8")


def load_stamps(path: Path) -> dict[str, list[int]]:
    """Return the stamps that a file remembers; those that make no sense are dropped."""
    try:
        found = parse(read_text(path))
    except (OSError, ValueError):
        return {}
    entries: Mapping[str, Any] = found if isinstance(found, dict) else {}
    return {key: value for key, value in entries.items() if is_stamp(value)}


def stamp(path: Path) -> list[int]:
    """Return size and times of a file, which differ after it has been written."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def is_stamp(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(one) is int for one in value)
