"""What a store says of its recordings: one line of JSON for each, checked as it is read."""

import json
import math
import os
import stat
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from melgan_vc.files import replacing

MANIFEST = "manifest.jsonl"
SPLITS = ("train", "validation", "test")
CHECKSUM = "crc32"  # the only key of a last line
LONGEST_LINE = 1_000_000  # characters; a recording takes some hundred
LARGEST = 2**40  # of any count of frames, files or streams


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


TEXTS = ("path", "sha256")
OPTIONAL_TEXTS = ("group", "speaker")
COUNTS = ("stream", "shard", "offset", "frames")
NUMBERS = ("seconds", "removed", "clipped", "peak", "level", "gain")


def item_of(line: Mapping[str, Any]) -> Item:
    """Return the recording that a line of a manifest describes.

    Raises:
        ValueError: the line lacks something, or a value is not what it should be.
    """
    expected = {one.name for one in fields(Item)}
    if not expected - {"speaker"} <= line.keys() <= expected:
        raise ValueError(f"a line has the keys {', '.join(sorted(line))[:200]}")
    item = Item(**line)
    wrong = [
        *(name for name in TEXTS if not isinstance(line[name], str) or not line[name]),
        *(name for name in OPTIONAL_TEXTS if not isinstance(line.get(name), str | None)),
        *(name for name in COUNTS if not is_count(line[name])),
        *(name for name in NUMBERS if not is_number(line[name])),
    ]
    if item.split is not None and item.split not in SPLITS:
        wrong.append("split")
    if not wrong and item.frames < 1:
        wrong.append("frames")
    if wrong:
        raise ValueError(f"the line of {str(item.path)[:80]!r} has a wrong {wrong[0]}: {str(line[wrong[0]])[:80]!r}")
    return item


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write one line of JSON for each mapping, and a last one with their checksum.

    The file appears whole or not at all, after the disk holds it.
    """
    with replacing(path, durable=True) as temporary, temporary.open("w", encoding="utf-8") as file:
        crc32 = 0
        for line in lines:
            text = json.dumps(line) + "\n"
            crc32 = zlib.crc32(text.encode(), crc32)
            file.write(text)
        file.write(json.dumps({CHECKSUM: crc32}) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return what the lines of a file hold, without the checksum.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged; see :func:`parse_lines`.
    """
    try:
        with open(path, encoding="utf-8", opener=open_regular) as file:
            return parse_lines(iter(lambda: file.readline(LONGEST_LINE + 1), ""))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def parse_lines(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the JSON objects of some lines, without the checksum; versions before wrote none.

    Args:
        lines: with their line breaks.

    Raises:
        ValueError: a line is not a JSON object or is absurdly long, or the checksum is another one.
    """
    parsed: list[dict[str, Any]] = []
    before = crc32 = 0  # of the lines before the last one, and of all
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} characters")
        value = parse(line)
        if not isinstance(value, dict):
            raise ValueError(f"line {number} is not a JSON object")
        parsed.append(value)
        before, crc32 = crc32, zlib.crc32(line.encode(errors="surrogatepass"), crc32)
    if parsed and parsed[-1].keys() == {CHECKSUM} and parsed.pop()[CHECKSUM] != before:
        raise ValueError("it does not have its checksum")
    if not parsed:
        raise ValueError("it is empty")
    return parsed


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not UTF-8, or no regular file.
    """
    with open(path, encoding="utf-8", opener=open_regular) as file:
        return file.read()


def open_regular(name: str, flags: int) -> int:
    """Open a file as ``open(..., opener=...)`` wants it, but no pipe or device, whose end may never come.

    Raises:
        ValueError: it is something else.
    """
    descriptor = os.open(name, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is no regular file")
    return descriptor


def parse(text: str) -> Any:
    """Return what a JSON text holds, from a file that may be damaged or a stranger's.

    Raises:
        ValueError: it is not JSON, nested too deeply, or holds numbers that JSON does not know.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}")
