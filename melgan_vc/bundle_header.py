"""What a bundle says of itself, read without torch: what is none is refused at once, and in little memory."""

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from melgan_vc.errors import UserError
from melgan_vc.plain import check_nesting, unique_keys

VERSION = 3  # that is known
FORMAT = "melgan_vc bundle 2"
PITCH_FORMAT = "melgan_vc bundle 3"  # of a bundle whose source is moved in pitch, which older versions would not do
NAME = "bundle.safetensors"
BEST_NAME = "best.safetensors"  # of a run: the best by a held-out measure
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1}  # of a value
LARGEST_HEADER = 1 << 20
LARGEST_WEIGHTS = 1 << 30
MOST_DIMENSIONS = 8
ZIP = b"PK\x03\x04"  # how a checkpoint begins
TEXTS: Mapping[str, tuple[type, ...]] = {"batches": (int,), "experiment": (str, int, float, bool), "version": (str,)}
TABLES: Mapping[str, tuple[type, ...]] = {  # and of what type their values are
    "code": (str, bool), "data": (str,), "card": (str, type(None)), "minutes": (int, float),
    "held_out": (int, float, type(None)),  # None: could not be measured
}  # fmt: skip

INVERSIONS: Mapping[str, Mapping[str, tuple[float, float]]] = {  # that a bundle may ask for, and the limits of numbers
    "griffin_lim": {
        "iterations": (1, 1000), "momentum": (-0.999, 0.999), "unmix_iterations": (0, 1000), "refit_every": (0, 1000),
        "block_seconds": (0.1, 60), "seed": (0, 2**32 - 1),
    },
    "lbfgs": {
        "steps": (1, 10000), "history": (1, 100), "iterations": (1, 1000), "block_seconds": (0.1, 60),
        "seed": (0, 2**32 - 1),
    },
    "gradient": {"steps": (1, 10000), "lr": (1e-9, 1), "block_seconds": (0.1, 60), "seed": (0, 2**32 - 1)},
    "filter": {"bins": (1, 1023), "frames": (1, 101), "limit_db": (0.001, 199), "n_fft": (2, 1 << 16)},
    "mixed": {
        "frequency": (1, 384_000), "iterations": (1, 1000), "bins": (1, 1023), "frames": (1, 101),
        "limit_db": (0.001, 199), "block_seconds": (0.1, 60), "seed": (0, 2**32 - 1),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Where a file holds one tensor.

    Attributes:
        dtype: a key of ``BYTES``.
        shape: of the tensor.
        start: the byte of the file at which it begins.
        size: in bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


@dataclass(frozen=True)
class Header:
    """What the head of a bundle file says.

    Attributes:
        about: its description.
        entries: the weights by name, in the order in which they lie in the file, which is as large as they need.
    """

    about: Mapping[str, Any]
    entries: Mapping[str, Entry]


def locate(path: Path) -> Path:
    """Return the bundle file of a path that is a bundle or a run directory."""
    if path.is_dir():
        path = path / NAME
        if not path.is_file():
            raise UserError(f"{path.parent}: no {NAME} in this folder; give a bundle file or a finished run directory")
    if not path.is_file():
        what = "is no regular file" if path.exists() else "no such bundle"
        raise UserError(f"{path}: {what}; give a bundle file or a run directory")
    if path.suffix == ".ckpt":
        raise UserError(f"{path}: is a checkpoint; give the run directory, or the {NAME} in it")
    return path


def read_header(path: Path) -> Header:
    """Read the header of a bundle file or of a run directory's bundle.

    Raises:
        UserError: it is missing, no bundle, or of a version that is not known.
    """
    with opened(path) as (_, header):
        return header


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, Header]]:
    """Open a bundle and read its header; errors of reading in the body are errors of the file as well.

    The file is read, not mapped into memory as safetensors does it: a mapped file that another process cuts off ends
    this one without a word.
    """
    path = locate(path)
    try:
        # Not blocking: between the look at it and now, a pipe may have taken the file's place.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            yield file, header_of(file, path)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def header_of(file: BinaryIO, path: Path) -> Header:
    """Read the header of an open file of this path."""
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise unreadable(path, "it is no regular file")
    head = file.read(8)
    if head.startswith(ZIP):
        raise UserError(f"{path}: is a checkpoint or another zip file; give the run directory, or the {NAME} in it")
    length = int.from_bytes(head, "little")
    if len(head) < 8 or not 2 <= length <= min(found.st_size - 8, LARGEST_HEADER):
        raise unreadable(path, "it does not begin with a safetensors header, or is cut off")
    try:
        content = parsed(file.read(length).decode())
        entries = dict(tensors(content, start=8 + length))
        about = description(content.get("__metadata__", {}))
        check_format(about.get("format"), path)
        check_provenance(about.setdefault("provenance", {}))
        check_inversion(about.get("inversion"))
    except UserError:
        raise
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise unreadable(path, reason(error)) from error
    end = 8 + length + sum(entry.size for entry in entries.values())
    if end != found.st_size:
        raise unreadable(path, f"it has {found.st_size} bytes, {end} expected")
    if end > LARGEST_WEIGHTS:
        raise unreadable(path, f"its weights take more than {LARGEST_WEIGHTS >> 20} MiB")
    return Header(about, entries)


def tensors(content: Mapping[str, Any], start: int) -> Iterator[tuple[str, Entry]]:
    """The tensors that a header lists, which must lie side by side from ``start`` on.

    Raises:
        ValueError: something of it is no safetensors header, or another one than that of a generator.
    """
    listed = {name: entry for name, entry in content.items() if name != "__metadata__"}
    place = 0
    for name, entry in sorted(listed.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if dtype not in BYTES:
            raise ValueError(f"{name!r:.60} is of type {dtype!r:.20}, which no bundle has")
        if len(shape) > MOST_DIMENSIONS or not all(type(size) is int and size >= 0 for size in (*shape, begin, end)):
            raise ValueError(f"{name!r:.60} has a shape or a place that is none")
        if begin != place or end - begin != math.prod(shape) * BYTES[dtype]:
            raise ValueError(f"{name!r:.60} does not lie where its shape puts it")
        place = end
        yield name, Entry(dtype, tuple(shape), start + begin, end - begin)


def unreadable(path: Path, why: str) -> UserError:
    """One line on why a file could not be read."""
    return UserError(f"{path}: cannot be read as a bundle ({why}); export or copy it again")


def reason(error: Exception) -> str:
    """Why a text is no header, in a few words."""
    if isinstance(error, RecursionError):
        return "its header is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "its header is not UTF-8"
    return f"damaged header: {error!s:.200}" if isinstance(error, ValueError) else "damaged header"


def description(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a file's metadata say of it; version 1 kept its format beside the rest, and is otherwise the same."""
    about = parsed(metadata["about"]) if "about" in metadata else {}
    return {"format": metadata["format"]} | about if "format" in metadata else about


def check_format(found: object, path: Path) -> None:
    """Refuse what is no bundle, or one of a version that is not known yet."""
    version = re.fullmatch(r"melgan_vc bundle (\d{1,6})", found) if isinstance(found, str) else None
    if version is None:
        raise UserError(f"{path}: format {found!r:.60} found, {FORMAT!r} expected; is it another file?")
    if not 1 <= int(version[1]) <= VERSION:
        raise UserError(
            f"{path}: is a bundle of version {version[1]}, and this melgan_vc knows versions up to {VERSION}; update it"
        )


def check_provenance(provenance: Any) -> None:
    """Refuse what does not say in the usual types where a bundle comes from; what else it says is free.

    Raises:
        ValueError: a value is of another type.
    """
    if not isinstance(provenance, dict):
        raise ValueError(f"provenance is {provenance!r:.60}")
    wrong = [name for name, types in TEXTS.items() if name in provenance and type(provenance[name]) not in types]
    for name, types in TABLES.items():
        table = provenance.get(name, {})
        if not isinstance(table, dict) or any(type(value) not in types for value in table.values()):
            wrong.append(name)
    if wrong:
        raise ValueError(f"provenance.{wrong[0]} is {provenance[wrong[0]]!r:.60}")
    if provenance.get("batches", 0) < 0:
        raise ValueError(f"provenance.batches is {provenance['batches']}")


def check_inversion(preferred: Any) -> None:
    """Refuse a way back to sound that is none of ours by its name, or whose settings are no numbers within limits.

    Args:
        preferred: what a bundle asks for: a name and numbers; None for nothing.

    Raises:
        ValueError: it is.
    """
    if preferred is None:
        return
    if not isinstance(preferred, dict) or not isinstance(name := preferred.get("name"), str) or name not in INVERSIONS:
        raise ValueError(f"inversion is {preferred!r:.60}, none of {', '.join(INVERSIONS)}")
    limits = INVERSIONS[name]
    for key, value in preferred.items():
        if key == "name":
            continue
        lowest, highest = limits.get(key, (math.inf, -math.inf))
        if type(value) not in (int, float) or not lowest <= value <= highest:
            raise ValueError(f"inversion.{key!s:.40} is {value!r:.40}")


def parsed(text: str) -> dict[str, Any]:
    """The JSON object in a text, each key of which is there once.

    Raises:
        ValueError, RecursionError: there is none, or one that only harms.
    """
    found = json.loads(text, object_pairs_hook=unique_keys)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    check_nesting(found)
    return found
