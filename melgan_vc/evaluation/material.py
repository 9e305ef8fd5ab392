"""What an evaluation listens to: held-out recordings of both domains, and some that were trained on."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from melgan_vc.audio import io
from melgan_vc.data import corpus
from melgan_vc.data.manifest import Item
from melgan_vc.data.splits import Segment, Split, unit_hash
from melgan_vc.errors import UserError
from melgan_vc.evaluation.inspection import Listening

DOMAINS = ("source", "target")
HELD_OUT = "heldout"  # folder beside those of the domains, with one of the same name for each
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """A recording: its name, and its waveform (N,) when it is asked for."""

    name: str
    read: Callable[[], np.ndarray]


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


def of_folder(folder: Path, sample_rate: int) -> list[Clip]:
    """All recordings of a folder, each by its path in it without the suffix, at a sample rate in Hz.

    Raises:
        UserError: there is none, or two differ in their suffix alone.
    """
    paths = corpus.find(folder)
    found = [Clip(name_of(path.relative_to(folder)), partial(io.read_mono, path, sample_rate)) for path in paths]
    if len({clip.name for clip in found}) < len(found):
        raise UserError(f"{folder}: two recordings differ in their suffix alone; rename one")
    return found


def name_of(path: Path) -> str:
    return path.with_suffix("").as_posix()


def held_out_beside(named: object) -> Path | None:
    """PARENT/heldout/NAME of a domain that a config names as the folder PARENT/NAME, if there is one."""
    if not isinstance(named, str):
        return None
    folder = corpus.locate(named)
    found = folder.parent / HELD_OUT / folder.name
    return found if found.is_dir() else None


def of_split(listening: Listening, split: Split) -> tuple[list[Clip], list[Clip]]:
    """What a training held out of a domain, the test recordings alone where its corpus names some, and what it used."""
    items = {item.path: item for item in listening.store.items}
    unfit = {*split.short, *split.silent}
    tests = [item for item in items.values() if item.split == "test" and item.path not in unfit]
    held_out = [whole(listening, item) for item in tests] or [part(listening, items, one) for one in split.validation]
    return held_out, [part(listening, items, one) for one in split.train]


def whole(listening: Listening, item: Item) -> Clip:
    return Clip(name_of(Path(item.path)), partial(listening.piece, item, 0, item.frames))


def part(listening: Listening, items: Mapping[str, Item], segment: Segment) -> Clip:
    """A stretch of a recording: all of it, but where a single recording was cut in two."""
    item = items[segment.path]
    return Clip(name_of(Path(item.path)), partial(listening.piece, item, segment.offset - item.offset, segment.frames))


def chosen(material: Material, most: int) -> Material:
    """The same with so many recordings of each domain, at most, that a hash of their names chooses.

    Of parallel ones, those in both domains are kept, and the others are named in the log; if there is no such one, they
    are not parallel.
    """
    names = {domain: {clip.name for clip in clips} for domain, clips in material.held_out.items()}
    shared = names["source"] & names["target"]
    held_out = material.held_out
    if material.parallel and shared:
        alone = sorted(names["source"] ^ names["target"])
        if alone:
            log.warning("warning: %d recordings have no partner and are not measured: %s", len(alone), ", ".join(alone))
        held_out = {domain: [clip for clip in clips if clip.name in shared] for domain, clips in held_out.items()}
    kept = {domain: some(clips, most) for domain, clips in held_out.items()}
    return replace(material, held_out=kept, parallel=bool(material.parallel and shared))


def some(clips: Sequence[Clip], most: int) -> list[Clip]:
    names = {clip.name for clip in sorted(clips, key=lambda one: unit_hash(one.name))[:most]}
    return [clip for clip in clips if clip.name in names]


def first_minutes(clips: Sequence[Clip], minutes: float, sample_rate: int) -> Iterator[np.ndarray]:
    """Waveforms (N,) of recordings, from the first on, until there are so many minutes; the last one is cut."""
    left = round(minutes * 60 * sample_rate)
    for clip in clips:
        if left <= 0:
            return
        waveform = clip.read()[:left]
        yield waveform
        left -= len(waveform)
