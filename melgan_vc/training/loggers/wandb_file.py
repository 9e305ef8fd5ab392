"""What an offline run of Weights & Biases has on disk.

The format is wandb's own and not documented: a header of 7 bytes, then blocks of 32 KiB that hold pieces of records,
each after a head of checksum, length and kind. It is read here for one thing only: to know which batches a killed
training had logged before it is resumed. The file may be damaged or a stranger's, so its size and that of each record
are bounded, and one block is in memory at a time.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

HEADER, BLOCK = 7, 32768
HEAD = struct.Struct("<IHB")
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
STEP = "trainer/global_step"
LARGEST_FILE, LARGEST_RECORD = 500_000_000, 4_000_000  # bytes; a row of ours has 10 kB, its media are other files


def pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the pieces of records in a file, up to one that was cut off.

    Raises:
        OSError, ValueError: it is no regular file, cannot be read, or is too large.
    """
    if not path.is_file():  # a named pipe would never end
        raise ValueError(f"{path.name} is no regular file")
    with path.open("rb") as file:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{path.name} is larger than {LARGEST_FILE / 1e6:g} MB")
        place = HEADER
        while block := file.read(BLOCK):
            while place + HEAD.size <= len(block):
                _, size, kind = HEAD.unpack_from(block, place)
                place += HEAD.size + size
                if kind not in (WHOLE, FIRST, MIDDLE, LAST) or place > len(block):
                    return
                yield kind, block[place - size : place]
            place = 0


def records(path: Path) -> Iterator[Record]:
    """Yield the records of a ``run-*.wandb`` file, up to one that was cut off.

    Raises:
        OSError, ValueError: the file cannot be read, or holds something else.
    """
    payload = bytearray()
    for kind, piece in pieces(path):
        if kind in (WHOLE, FIRST):
            payload.clear()
        payload += piece
        if len(payload) > LARGEST_RECORD:
            raise ValueError(f"{path.name} holds a record of over {LARGEST_RECORD / 1e6:g} MB")
        if kind in (WHOLE, LAST):
            record = Record()
            try:
                record.ParseFromString(bytes(payload))
            except DecodeError as error:
                raise ValueError(f"{path.name} holds a damaged record: {error}") from error
            yield record


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what was logged, row by row; raises what :func:`records` does."""
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            try:
                yield {one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in record.history.item}
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path.name} holds a row that is no JSON") from error


def last_batches(paths: list[Path]) -> dict[str, int]:
    """Return the last batch at which each key was logged in any of these files; raises what :func:`records` does."""
    last: dict[str, int] = {}
    for path in paths:
        for row in rows(path):
            step = row.get(STEP)
            if step is None:
                continue
            if not isinstance(step, int | float) or not 0 <= step < 1e15:
                raise ValueError(f"{path.name} holds a row whose {STEP} is no number of batches")
            for key in {one.split("/_type")[0] for one in row}:
                last[key] = max(last.get(key, -1), int(step))
    return last
