"""What an offline run of Weights & Biases has on disk.

The format is wandb's own and not documented: a header of 7 bytes, then blocks of 32 KiB that hold pieces of records,
each after a head of checksum, length and kind. It is read here for one thing only: to know which batches a killed
training had logged before it is resumed.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

HEADER, BLOCK = 7, 32768
HEAD = struct.Struct("<IHB")
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
STEP = "trainer/global_step"


def records(path: Path) -> Iterator[Record]:
    """The records of a ``run-*.wandb`` file, up to one that was cut off."""
    data, place, payload = path.read_bytes(), HEADER, b""
    while place + HEAD.size <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEAD.size:
            place += left
            continue
        _, size, kind = HEAD.unpack_from(data, place)
        piece = data[place + HEAD.size : place + HEAD.size + size]
        if kind not in (WHOLE, FIRST, MIDDLE, LAST) or len(piece) < size:
            return
        payload = piece if kind in (WHOLE, FIRST) else payload + piece
        place += HEAD.size + size
        if kind in (WHOLE, LAST):
            record = Record()
            record.ParseFromString(payload)
            yield record


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """What was logged, row by row."""
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            yield {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}


def last_batches(paths: list[Path]) -> dict[str, int]:
    """The last batch at which each key was logged in any of these files."""
    last: dict[str, int] = {}
    for path in paths:
        for row in rows(path):
            step = row.get(STEP)
            if step is not None:
                last |= {key.split("/_type")[0]: max(last.get(key, -1), int(step)) for key in row}
    return last
