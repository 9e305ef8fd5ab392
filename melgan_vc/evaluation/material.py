"""The recordings of an evaluation: held-out ones of both domains, and some that were trained on."""

import math
import posixpath
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from melgan_vc.audio import io
from melgan_vc.data import corpus
from melgan_vc.data.manifest import Item
from melgan_vc.data.splits import Segment, Split
from melgan_vc.data.transcripts import transcript_of, transcripts
from melgan_vc.evaluation.inspection import Listening

DOMAINS = ("source", "target")
SPLITS = DEVELOPMENT, TEST = "development", "test"  # of held-out recordings: to choose recipes by, and to measure them
HELD_OUT = "heldout"  # folder beside those of the domains, with one of the same name for each


@dataclass(frozen=True)
class Clip:
    """A recording.

    Attributes:
        name: that tells it from all others of its domain.
        read: gives its waveform (N,).
        path: of its file in its folder, by which parallel recordings are paired; None: by the name.
        file: that it is read from, which nothing may replace; None where it is none.
        text: what is said in it; None where nobody knows.
        split: that its corpus puts it in, of :data:`SPLITS`; None where the corpus does not say.
    """

    name: str
    read: Callable[[], np.ndarray]
    path: str | None = None
    file: Path | None = None
    text: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Material:
    """By domain.

    Attributes:
        held_out: recordings that were not trained on.
        training: some that were; nothing where nobody knows them.
        places: where the held-out ones are.
        parallel: whether held-out recordings of one name are of the same sentence.
        report: what is known of the recordings that were trained on; see :mod:`melgan_vc.evaluation.data_report`.
    """

    held_out: Mapping[str, Sequence[Clip]]
    training: Mapping[str, Sequence[Clip]]
    places: Mapping[str, str]
    parallel: bool
    report: Mapping[str, Any] | None = None


def of_folder(folder: Path, sample_rate: int, seconds: float = math.inf) -> list[Clip]:
    """All recordings of a folder.

    Args:
        folder: that holds them, at any depth.
        sample_rate: to read them at, in Hz.
        seconds: of each that are read; the rest of a long one is never in memory.

    Raises:
        UserError: there is none.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in corpus.find(folder)}
    names = names_of(list(paths))
    read = partial(read_start, sample_rate=sample_rate, seconds=seconds)
    texts = transcripts(paths)
    return [Clip(names[one], partial(read, path), one, path, texts.get(one)) for one, path in paths.items()]


def read_start(path: Path, sample_rate: int, seconds: float) -> np.ndarray:
    """Return the first seconds of a file as one channel (N,) at a sample rate in Hz."""
    wanted = seconds * sample_rate
    found, count = [], 0
    for block in io.mono_blocks(path, sample_rate):
        found.append(block)
        count += len(block)
        if count >= wanted:
            break
    waveform = np.concatenate(found)
    return waveform if count <= wanted else waveform[: round(wanted)]


def names_of(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each recording that no other has: its path without the suffix.

    Where two differ in their suffix alone, both keep it. Paths that lead out of their folder, as a table can have them,
    are taken from the last folder that they share.

    Args:
        paths: as a folder, a table or a manifest has them.
    """
    inside = {path: posixpath.normpath(path) for path in paths}
    outside = [path for path in inside.values() if posixpath.isabs(path)]
    shared = posixpath.commonpath([posixpath.dirname(path) for path in outside]) if outside else ""
    for path, normal in inside.items():
        short = posixpath.relpath(normal, shared) if posixpath.isabs(normal) else normal
        parts = [part for part in short.split("/") if part != ".."]
        inside[path] = "/".join(parts).encode(errors="backslashreplace").decode()
    stems = {path: without_suffix(short) for path, short in inside.items()}
    counts = Counter(stems.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in paths:
        wanted = name = stems[path] if counts[stems[path]] == 1 else inside[path]
        number = 1
        while name in taken:
            number += 1
            name = f"{wanted} ({number})"
        taken.add(name)
        names[path] = name
    return names


def without_suffix(path: str) -> str:
    """Return a path without its suffix; a name that begins with its only dot has none."""
    return PurePosixPath(path).with_suffix("").as_posix() if PurePosixPath(path).name else path


def held_out_beside(named: object) -> Path | None:
    """PARENT/heldout/NAME of a domain that a config names as the folder PARENT/NAME, if there is one."""
    if not isinstance(named, str):
        return None
    folder = corpus.locate(named)
    found = folder.parent / HELD_OUT / folder.name
    return found if found.is_dir() else None


def of_split(
    listening: Listening, split: Split, held_out_seconds: float, training_seconds: float, both: bool = False
) -> tuple[list[Clip], list[Clip]]:
    """Return what a training held out of a domain, and what it used.

    Of a corpus that names test recordings, those alone are held out, unless both splits are asked for.

    Args:
        listening: to the domain.
        split: of it.
        held_out_seconds, training_seconds: of each recording that are read; the rest of a long one is never in memory.
        both: of a corpus that names test recordings, also those of the validation; each then has its split.
    """
    spec = listening.front_end.spec
    longest, most = (
        math.ceil(one * spec.sample_rate / spec.hop_length) for one in (held_out_seconds, training_seconds)
    )
    items = {item.path: item for item in listening.store.items}
    names = names_of(list(items))
    unfit = {*split.short, *split.silent}
    tests = [item for item in items.values() if item.split == "test" and item.path not in unfit]

    def part(segment: Segment, frames: int) -> Clip:
        item = items[segment.path]  # all of it, but where a single recording was cut in two
        return clip(listening, item, names[item.path], segment.offset - item.offset, min(segment.frames, frames))

    training = [part(one, most) for one in split.train]
    tested = [clip(listening, item, names[item.path], 0, min(item.frames, longest)) for item in tests]
    if tested and not both:
        return tested, training
    validated = [part(one, longest) for one in split.validation]
    if tested:
        validated = [replace(one, split=DEVELOPMENT) for one in validated]
    return [*validated, *(replace(one, split=TEST) for one in tested)], training


def clip(listening: Listening, item: Item, name: str, start: int, frames: int) -> Clip:
    """Return frames [start, start + frames) of a recording."""
    recording = listening.recordings.get(item.path)
    file = recording.path if recording is not None else None
    text = None
    if recording is not None and (start, frames) == (0, item.frames):
        text = transcript_of(recording)
    return Clip(name, partial(listening.piece, item, start, frames), name, file, text)
