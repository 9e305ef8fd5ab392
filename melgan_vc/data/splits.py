"""Which recordings train and which are held out: the same ones when others are added."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from melgan_vc.data.manifest import Item

SILENT = 3e-4  # peak of a recording without sound: -70 dB under full scale


@dataclass(frozen=True)
class Segment:
    """A stretch of a store's mels that windows may be cut from: frames [offset, offset + frames) of one array."""

    path: str
    shard: int
    offset: int
    frames: int
    speaker: str | None = None


@dataclass(frozen=True)
class Split:
    """What a domain's recordings are used for.

    Attributes:
        train, validation: stretches with room for a window.
        short, silent: paths of recordings too short for one window, or without sound; used for neither.
    """

    train: tuple[Segment, ...]
    validation: tuple[Segment, ...]
    short: tuple[str, ...]
    silent: tuple[str, ...]


def split_items(items: Sequence[Item], window: int, share: float) -> Split:
    """Divide recordings as their corpus does, or by a hash of each one's group, so that added ones move no others.

    At least one file is kept for validation, which of few files may become another one when files are added; of a
    single file, its end is kept.

    Args:
        items: of the store.
        window: frames that a recording must have.
        share: of the files that goes to validation, in [0, 1).
    """
    short = tuple(item.path for item in items if item.frames < window)
    silent = tuple(item.path for item in items if item.frames >= window and item.peak < SILENT)
    left_out = {*short, *silent}
    usable = [item for item in items if item.path not in left_out]
    fixed = {name: [segment(item) for item in usable if item.split == name] for name in ("train", "validation")}
    free = [item for item in usable if item.split is None]
    if not free or share <= 0:
        train, validation = [segment(item) for item in free], list[Segment]()
    elif fixed["validation"]:
        train, validation = by_hash(free, share)
    elif len(free) == 1 and not fixed["train"]:
        train, validation = cut_end(segment(free[0]), window, share)
    else:
        train, validation = by_hash(free, share, least=1, kept=0 if fixed["train"] else 1)
    order = {item.path: place for place, item in enumerate(items)}
    return Split(
        train=tuple(sorted([*fixed["train"], *train], key=lambda one: order[one.path])),
        validation=tuple(sorted([*fixed["validation"], *validation], key=lambda one: order[one.path])),
        short=short,
        silent=silent,
    )


def segment(item: Item) -> Segment:
    """All of a recording."""
    return Segment(item.path, item.shard, item.offset, item.frames, item.speaker)


def by_hash(items: Sequence[Item], share: float, least: int = 0, kept: int = 0) -> tuple[list[Segment], list[Segment]]:
    """Recordings for training and for validation: whole groups, or single recordings where all are of one group.

    Args:
        items: to divide.
        share: of the groups that goes to validation.
        least: groups that do.
        kept: groups that stay for training, at least.
    """
    names = {item.path: item.group or item.path for item in items}
    if len(set(names.values())) == 1:
        names = {path: path for path in names}
    ranked = sorted(set(names.values()), key=unit_hash)
    count = sum(unit_hash(name) <= share for name in ranked)
    held_out = set(ranked[: max(least, min(count, len(ranked) - kept))])
    train = [segment(item) for item in items if names[item.path] not in held_out]
    return train, [segment(item) for item in items if names[item.path] in held_out]


def cut_end(whole: Segment, window: int, share: float) -> tuple[list[Segment], list[Segment]]:
    """The start of a recording for training and its end for validation, if both have room for a window."""
    kept = max(window, round(whole.frames * share))
    rest = whole.frames - kept
    if rest < window:
        return [whole], []
    return [replace(whole, frames=rest)], [replace(whole, offset=whole.offset + rest, frames=kept)]


def unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(os.fsencode(text)).digest()[:7], "big") / 2**56
