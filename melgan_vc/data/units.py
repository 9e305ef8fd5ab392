"""The work of a preparation: units of some recordings, each of them done whole or not at all."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from melgan_vc.audio.stream import FrontEnd
from melgan_vc.data.manifest import Item, mels_name, write_lines
from melgan_vc.data.meter import Meter
from melgan_vc.data.preparation import Preparation, RecordingMel
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.spec import AudioSpec

UNITS = 256  # that many recordings are shared out to, about
UNIT_BYTES = 8_000_000  # of recordings in a unit, at least; a longer recording is one alone
UNIT_FILES = 2000  # in a unit, at most
PATCH = 65536  # frames that are raised to a recording's floor at a time


@dataclass(frozen=True)
class Task:
    """A recording to prepare.

    Attributes:
        name: in the store.
        path, stream: where it is.
        sha256, size: of its file.
        group, split, speaker: see :class:`melgan_vc.data.manifest.Item`.
    """

    name: str
    path: str
    sha256: str
    size: int
    stream: int = 0
    group: str | None = None
    split: str | None = None
    speaker: str | None = None


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

    def is_done(self, folder: Path) -> bool:
        return (folder / self.items).is_file()


@dataclass(frozen=True)
class Settings:
    """What all recordings of a store have in common."""

    front_end: FrontEnd
    preparation: Preparation

    @property
    def audio(self) -> AudioSpec:
        return self.front_end.spec


def plan(tasks: Sequence[Task]) -> list[Unit]:
    """Recordings, in their order, as units; the same for the same recordings whoever does them."""
    full = max(UNIT_BYTES, sum(task.size for task in tasks) // UNITS)
    groups: list[list[Task]] = []
    size = full  # of the last group
    for task in tasks:
        if size >= full or task.size >= full or len(groups[-1]) == UNIT_FILES:
            groups.append([])
            size = 0
        groups[-1].append(task)
        size += task.size
    return [Unit(number, tuple(group)) for number, group in enumerate(groups)]


def do(unit: Unit, folder: Path, settings: Settings, meter: Meter) -> None:
    """Write the mels of a unit, and then, for it is done with that, what is known of each recording."""
    lines: list[dict[str, Any]] = []
    with replacing(folder / unit.mels) as temporary, temporary.open("w+b") as file:
        start = write_header(file, 0, settings.audio.n_mels)
        offset = 0
        for task in unit.tasks:
            recording = RecordingMel(Path(task.path), settings.front_end, settings.preparation, task.stream)
            try:
                frames = append(file, recording, meter)
            except UserError as error:
                file.seek(start + 2 * settings.audio.n_mels * offset)
                file.truncate()
                lines.append({"path": task.name, "sha256": task.sha256, "reason": str(error)})
                continue
            lines.append(entry(task, unit.number, offset, frames, recording))
            offset += frames
        file.seek(0)
        if write_header(file, offset, settings.audio.n_mels) != start:
            raise RuntimeError("the .npy header changed its length")
    write_lines(folder / unit.items, lines)


def append(file: BinaryIO, recording: RecordingMel, meter: Meter) -> int:
    """Write the frames of a recording at the end of a file; tells how many."""
    start, frames, told = file.tell(), 0, 0
    bins = 0
    for block in recording.blocks():
        file.write(np.ascontiguousarray(block).tobytes())
        frames, bins = frames + len(block), block.shape[1]
        meter.add((recording.level.samples - told) / recording.rate)
        told = recording.level.samples
    if recording.floor > -1:
        raise_to(recording.floor, file, start, frames, bins)
    file.seek(start + 2 * frames * bins)
    return frames


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


def entry(task: Task, shard: int, offset: int, frames: int, recording: RecordingMel) -> dict[str, Any]:
    """What the manifest says of a recording."""
    level, rate = recording.level, recording.rate
    return asdict(
        Item(
            path=task.name,
            group=task.group,
            split=task.split,
            stream=task.stream,
            sha256=task.sha256,
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


def write_header(file: BinaryIO, frames: int, bins: int) -> int:
    """Write the .npy header of a float16 array (frames, bins) and tell where its data starts."""
    shape = {"descr": "<f2", "fortran_order": False, "shape": (frames, bins)}
    np.lib.format.write_array_header_2_0(file, shape)
    return file.tell()
