"""What a store says of its recordings: one line of JSON for each."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgan_vc.files import replacing

MANIFEST = "manifest.jsonl"


def mels_name(number: int) -> str:
    return f"mels-{number:05d}.npy"


@dataclass(frozen=True)
class Item:
    """One recording in a store: frames [offset, offset + frames) of one of its files.

    Attributes:
        path: its name.
        group: recordings that are never parted between training and validation; None for each by itself.
        split: "train", "validation" or "test"; None to let a hash decide.
        stream: of several in its file.
        sha256: of the file.
        shard: number of the store's file.
        offset, frames: in frames.
        seconds: duration of the recording.
        removed: seconds of silence that were cut out.
        clipped: share of samples at full scale.
        peak: largest sample, full scale at 1.
        level: root mean square in dB under full scale.
        gain: that its loudness was changed by.
        speaker: or genre, that windows may be drawn from in equal parts.
    """

    path: str
    group: str | None
    split: str | None
    stream: int
    sha256: str
    shard: int
    offset: int
    frames: int
    seconds: float
    removed: float
    clipped: float
    peak: float
    level: float
    gain: float
    speaker: str | None = None


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def read_lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
