"""The work of a preparation: units of some recordings, each of them done whole or not at all."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from melgan_vc.audio.stream import FrontEnd
from melgan_vc.data.arrays import (
    array_line,
    check_shape,
    checksum,
    is_finite,
    lengths_and_checksums,
    raise_to,
    write_header,
)
from melgan_vc.data.digests import Digest, change_of
from melgan_vc.data.faults import explained_recording
from melgan_vc.data.manifest import Item, item_of, mels_name, read_lines, write_lines
from melgan_vc.data.meter import Meter
from melgan_vc.data.preparation import Preparation, RecordingMel
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.spec import AudioSpec

UNITS = 256  # that many recordings are shared out to, about
UNIT_BYTES = 8_000_000  # of recordings in a unit, at least; a longer recording is one alone
UNIT_FILES = 2000  # in a unit, at most
TOO_LARGE = "{}: its samples are too large to be sound; export the recording again"
CRASHED = "{}: ended the process that decoded it; export the recording again, or give that process more memory"
CHANGED = "changed"  # key of a line on a recording that must be tried again


@dataclass(frozen=True)
class Task:
    """A recording to prepare.

    Attributes:
        name: in the store.
        path, stream: where it is.
        digest: of its file.
        group, split, speaker: see :class:`melgan_vc.data.manifest.Item`.
    """

    name: str
    path: str
    digest: Digest
    stream: int = 0
    group: str | None = None
    split: str | None = None
    speaker: str | None = None

    @property
    def size(self) -> int:
        return self.digest.size

    @property
    def key(self) -> tuple[str, int]:
        """Hash and stream: the same for the same recording under any name."""
        return self.digest.sha256, self.stream

    def is_described_by(self, line: dict[str, Any]) -> bool:
        """Return whether a line of a manifest is on this recording."""
        mine: dict[str, Any] = {"path": self.name, "sha256": self.digest.sha256}
        if "reason" not in line:
            mine |= {"stream": self.stream, "group": self.group, "split": self.split, "speaker": self.speaker}
        return all(line.get(name) == value for name, value in mine.items())


@dataclass(frozen=True)
class Unit:
    """Recordings whose mels come into one file of the store."""

    number: int
    tasks: tuple[Task, ...]

    @property
    def mels(self) -> str:
        return mels_name(self.number)

    @property
    def items(self) -> str:
        return f"items-{self.number:05d}.jsonl"

    @property
    def size(self) -> int:
        return sum(task.size for task in self.tasks)

    def result(self, folder: Path, bins: int, verify: bool = False) -> list[dict[str, Any]] | None:
        """Return the lines on the recordings of this unit; None where it is not done, or not as it should be.

        Args:
            folder: that it is done in.
            bins: of the mels.
            verify: read the mels, too, and have all recordings prepared that could not be in the last attempt.
        """
        try:
            *lines, last = read_lines(folder / self.items)
            length, crc32 = lengths_and_checksums([last])[self.number]
            check_shape(folder / self.mels, length, bins)
            if verify and (checksum(folder / self.mels) != crc32 or any(CHANGED in line for line in lines)):
                return None
            end = 0
            for task, line in zip(self.tasks, lines, strict=True):
                if not task.is_described_by(line):
                    return None
                if "reason" not in line:
                    item = item_of(line)
                    if (item.shard, item.offset) != (self.number, end):
                        return None
                    end += item.frames
        except (OSError, ValueError, KeyError):
            return None
        return [*lines, last] if end == length else None


@dataclass(frozen=True)
class Settings:
    """What all recordings of a store have in common."""

    front_end: FrontEnd
    preparation: Preparation

    @property
    def audio(self) -> AudioSpec:
        return self.front_end.spec


def plan(tasks: Sequence[Task], first: int = 0) -> list[Unit]:
    """Share recordings, in their order, out to units; the same for the same recordings whoever does them.

    Args:
        tasks: the recordings.
        first: number of the first unit.
    """
    full = max(UNIT_BYTES, sum(task.size for task in tasks) // UNITS)
    groups: list[list[Task]] = []
    size = full  # of the last group
    for task in tasks:
        if size >= full or task.size >= full or len(groups[-1]) == UNIT_FILES:
            groups.append([])
            size = 0
        groups[-1].append(task)
        size += task.size
    return [Unit(number, tuple(group)) for number, group in enumerate(groups, start=first)]


def do(
    unit: Unit,
    folder: Path,
    settings: Settings,
    meter: Meter,
    refused: Collection[str] = (),
    trace: Path | None = None,
) -> None:
    """Write the mels of a unit, and then, for it is done with that, what is known of each recording.

    Args:
        unit: the recordings.
        folder: that the store is made in.
        settings: what all recordings have in common.
        meter: counts what was decoded.
        refused: names of recordings that ended the process that decoded them.
        trace: a file to note the name of each recording in, before it is decoded.
    """
    lines: list[dict[str, Any]] = []
    bins = settings.audio.n_mels
    with replacing(folder / unit.mels, durable=True) as temporary:
        with temporary.open("w+b") as file:
            start = write_header(file, 0, bins)
            offset = 0
            for task in unit.tasks:
                if task.name in refused:
                    lines.append({"path": task.name, "sha256": task.digest.sha256, CHANGED: True,
                                  "reason": CRASHED.format(task.path)})  # fmt: skip
                    continue
                if trace is not None:
                    trace.write_text(task.name, encoding="utf-8", errors="surrogatepass")
                recording = RecordingMel(Path(task.path), settings.front_end, settings.preparation, task.stream)
                line = prepared(task, file, recording, meter, unit.number, offset)
                lines.append(line)
                meter.add(0, task.size)
                offset += line.get("frames", 0)
                file.seek(start + 2 * bins * offset)
                file.truncate()
            file.seek(0)
            if write_header(file, offset, bins) != start:
                raise RuntimeError("the .npy header changed its length")
        lines.append(array_line(unit.number, offset, checksum(temporary)))
    write_lines(folder / unit.items, lines)


def prepared(
    task: Task, file: BinaryIO, recording: RecordingMel, meter: Meter, shard: int, offset: int
) -> dict[str, Any]:
    """Write the frames of a recording at the end of a file; returns what the manifest says of it."""
    failed = {"path": task.name, "sha256": task.digest.sha256}
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # of samples that are TOO_LARGE
            frames, reason = append(file, recording, meter), None
    except UserError as error:
        frames, reason = 0, str(error)
    change = change_of(Path(task.path), task.digest)
    if change is not None:  # what was read is not what was hashed
        return failed | {"reason": change, CHANGED: True}
    if reason is not None:
        return failed | {"reason": reason}
    line = entry(task, shard, offset, frames, recording)
    try:
        item_of(line)
    except ValueError:  # levels that are not numbers
        return failed | {"reason": TOO_LARGE.format(task.path)}
    return line


def append(file: BinaryIO, recording: RecordingMel, meter: Meter) -> int:
    """Write the frames of a recording at the end of a file; returns how many.

    Raises:
        UserError: the recording cannot be used.
        OSError: the file cannot be written.
    """
    start, frames, told = file.tell(), 0, 0.0
    bins = 0
    for block in decoded(recording):
        block = np.ascontiguousarray(block)
        if not is_finite(block):
            raise UserError(TOO_LARGE.format(recording.path))
        file.write(block.tobytes())
        frames, bins = frames + len(block), block.shape[1]
        meter.add((recording.level.samples - told) / recording.rate)
        told = recording.level.samples
    if not frames:
        raise UserError(f"{recording.path}: holds no sound; remove it or record it again")
    if recording.floor > -1:
        raise_to(recording.floor, file, start, frames, bins)
    file.seek(start + 2 * frames * bins)
    return frames


def decoded(recording: RecordingMel) -> Iterator[np.ndarray]:
    """Give the blocks of a recording.

    Raises:
        UserError: it cannot be used.
    """
    with explained_recording(recording.path):
        yield from recording.blocks()


def entry(task: Task, shard: int, offset: int, frames: int, recording: RecordingMel) -> dict[str, Any]:
    """What the manifest says of a recording."""
    level, rate = recording.level, recording.rate
    return asdict(
        Item(
            path=task.name,
            group=task.group,
            split=task.split,
            stream=task.stream,
            sha256=task.digest.sha256,
            shard=shard,
            offset=offset,
            frames=frames,
            seconds=round(level.samples / rate, 6),
            removed=round((level.samples - recording.used) / rate, 6),
            clipped=round(level.clipped / max(1, level.samples), 9),
            peak=round(level.peak, 6),
            level=round(level.decibel, 3),
            gain=round(recording.gain, 6),
            speaker=task.speaker,
        )
    )
