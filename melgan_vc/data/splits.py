"""Which recordings train and which are held out: the same ones when others are added."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from melgan_vc.data.manifest import Item
from melgan_vc.errors import UserError

SILENT = 3e-4  # peak of a recording without sound: -70 dB under full scale
LEAST_HELD_OUT = 3  # recordings, where a domain has MANY or more; versions before knew no such rule, which is 1
MANY = 12
RECORDED = "least_held_out"  # its name in checkpoints and bundles


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


def split_items(items: Sequence[Item], window: int, share: float, least: int = LEAST_HELD_OUT) -> Split:
    """Divide recordings as their corpus does, or by a hash of each one's group, so that added ones move no others.

    At least one recording is held out for validation, and at least ``least`` of MANY or more; of few recordings, other
    ones may be held out when some are added. Of a single recording, its end is held out.

    Args:
        items: of the store.
        window: frames that a recording must have.
        share: of the recordings that is held out, in [0, 1).
        least: recordings that are held out of MANY or more, unless the corpus or a share of 0 says otherwise.
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
        needed = least if len(usable) >= MANY else 1
        train, validation = by_hash(free, share, least=needed, kept=0 if fixed["train"] else 1)
    order = {item.path: place for place, item in enumerate(items)}
    return Split(
        train=tuple(sorted([*fixed["train"], *train], key=lambda one: order[one.path])),
        validation=tuple(sorted([*fixed["validation"], *validation], key=lambda one: order[one.path])),
        short=short,
        silent=silent,
    )


def recorded_least(about: Mapping[str, Any]) -> int:
    """Return how many recordings of a large domain a run held out at least, as its checkpoint or bundle says.

    Raises:
        UserError: what it says makes no sense.
    """
    least = about.get(RECORDED, 1)  # older versions had no such rule
    if isinstance(least, bool) or not isinstance(least, int) or not 1 <= least <= MANY:
        raise UserError(f"{RECORDED} of a checkpoint or bundle is {str(least)[:40]!r}: it is damaged; use another one")
    return least


def segment(item: Item) -> Segment:
    """All of a recording."""
    return Segment(item.path, item.shard, item.offset, item.frames, item.speaker)


def by_hash(items: Sequence[Item], share: float, least: int = 0, kept: int = 0) -> tuple[list[Segment], list[Segment]]:
    """Recordings for training and for validation: whole groups, or single recordings where all are of one group.

    Args:
        items: to divide.
        share: of the groups that goes to validation.
        least: recordings that do, as far as ``kept`` allows; where there are any, one group at least.
        kept: groups that stay for training, at least.
    """
    names = {item.path: item.group or item.path for item in items}
    if len(set(names.values())) == 1:
        names = {path: path for path in names}
    ranked = sorted(set(names.values()), key=unit_hash)
    most = len(ranked) - kept
    count = min(most, sum(unit_hash(name) <= share for name in ranked))
    sizes = Counter(names.values())
    while count < most and sum(sizes[name] for name in ranked[:count]) < least:
        count += 1
    held_out = set(ranked[: max(count, min(least, 1))])
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
