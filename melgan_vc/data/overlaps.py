"""Recordings that are where they should not be: in both domains, or in training and held out."""

import itertools
import logging
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from melgan_vc.data.corpora import Corpus, Folders
from melgan_vc.data.corpus import BUNDLED
from melgan_vc.data.manifest import Item
from melgan_vc.data.splits import SILENT, Split
from melgan_vc.data.store import MelStore
from melgan_vc.errors import UserError
from melgan_vc.text import counted, printable

log = logging.getLogger(__name__)
NAMED = 5  # pairs that are named one by one
MOST_COMPARED = 100  # pairs of recordings, for copies in formats that lose something: a tenth of a second in all
SECONDS_APART, DECIBELS_APART = 0.12, 0.1  # that codecs change of a recording at most
FRAMES_COMPARED, FEWEST_FRAMES = 96, 46
EACH_BIN = 8  # that mels are compared in
MOST_LAG = 6  # frames, for codecs that begin with some silence
ALIKE = 0.7  # correlation of mels without the mean of each bin: of copies 0.8 and more, of others to 0.55
DOMAINS = ("source", "target")


def check_both_given(domains: Mapping[str, object], overrides: Iterable[str]) -> None:
    """Refuse a training of one's own recordings with a bundled voice that nobody asked for.

    Args:
        domains: what a config names, by "source" and "target".
        overrides: KEY=VALUE of the command line.
    """
    given = {override.lstrip("+").partition("=")[0] for override in overrides}
    bundled = [name for name in DOMAINS if str(domains.get(name)).startswith(BUNDLED)]
    if len(bundled) == 1 and f"data.{bundled[0]}" not in given:
        (missing,), (named,) = bundled, set(DOMAINS) - set(bundled)
        raise UserError(
            f"only data.{named} is given, so the {missing} would be the recordings that come with this program "
            f"({domains[missing]}); add data.{missing}=FOLDER, or data.{missing}={domains[missing]} if this is meant"
        )


def check_apart(corpora: Mapping[str, Corpus]) -> None:
    """Refuse folders of one domain that are inside folders of the other, before anything is prepared.

    Raises:
        UserError: one is.
    """
    source, target = (corpora[name] for name in DOMAINS)
    if not isinstance(source, Folders) or not isinstance(target, Folders):
        return
    for one in source.folders:
        for other in target.folders:
            here, there = Path(os.path.realpath(one)), Path(os.path.realpath(other))
            if here == there:
                place = f"data.source and data.target are both {printable(one)}"
            elif here in there.parents:
                place = f"data.target={printable(other)} is inside data.source={printable(one)}"
            elif there in here.parents:
                place = f"data.source={printable(one)} is inside data.target={printable(other)}"
            else:
                continue
            shared = real_paths(source) & real_paths(target)
            if shared:
                count = counted(len(shared), "recording is", "recordings are")
                raise UserError(f"{place}, so {count} in both; give two folders that lie side by side")


def real_paths(corpus: Corpus) -> set[str]:
    return {os.path.realpath(recording.path) for recording in corpus.recordings().values()}


def report_across(stores: Mapping[str, object]) -> None:
    """Warn of recordings that are in both domains: the same file, or the same sound in another format."""
    both = [stores[name] for name in DOMAINS]
    source, target = both
    if not isinstance(source, MelStore) or not isinstance(target, MelStore):
        return
    pairs = same_sounds(source, source.items, target, target.items)
    if len(pairs) == min(len(source.items), len(target.items)) and source.content == target.content:
        log.warning("warning: source and target are the same recordings, so there is nothing to learn")
    elif pairs:
        log.warning(
            "warning: %d of %d recordings of the source are in the target too (%d there), so nothing of them is "
            "converted; take them out of one domain: %s",
            len(pairs), len(source.items), len(target.items), named(pairs),
        )  # fmt: skip


def report_within(domain: str, store: object, split: Split) -> None:
    """Warn of sounds that a domain trains on and holds out, under two names or in two formats."""
    if not isinstance(store, MelStore):
        return
    paths = {segment.path for segment in split.train}, {segment.path for segment in split.validation}
    unfit = {*split.short, *split.silent}
    train = [item for item in store.items if item.path in paths[0]]
    held_out = [item for item in store.items if item.path not in paths[0] | unfit]
    pairs = same_sounds(store, train, store, held_out)
    if pairs:
        log.warning(
            "warning: %d of %d held-out recordings of the %s are trained on under other names, so what is measured "
            "is too good; remove one of each pair: %s",
            len({other for _, other in pairs}), len(held_out), domain, named(pairs),
        )  # fmt: skip


def report_changed(trained_on: object, content: Mapping[str, str]) -> None:
    """Warn where the recordings of a run are others than when it was trained, so that its split is not known any more.

    Args:
        trained_on: what a bundle says of the content of its domains; of an older version or another program, nothing.
        content: what they hold now.
    """
    if isinstance(trained_on, Mapping):
        changed = [name for name in DOMAINS if trained_on.get(name) not in (None, content[name])]
        if changed:
            log.warning(
                "warning: recordings of the %s were added, removed or changed since this was trained, so some that "
                "count as held out may have been trained on; give source=DIR target=DIR with held-out recordings",
                " and the ".join(changed),
            )


def named(pairs: Sequence[tuple[str, str]]) -> str:
    """Return some pairs by name."""
    more = f", and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    return ", ".join(f"{printable(one)} and {printable(other)}" for one, other in pairs[:NAMED]) + more


def same_sounds(
    store: MelStore, items: Iterable[Item], other_store: MelStore, others: Iterable[Item]
) -> list[tuple[str, str]]:
    """Return the names of recordings of some that are also among others: by their file, or by their mel.

    Copies in formats that lose something are found, too, as far as MOST_COMPARED comparisons go.
    """
    by_file: dict[tuple[str, int], Item] = {}
    by_sound: dict[tuple[float, ...], list[Item]] = {}
    for item in (one for one in items if one.peak >= SILENT):
        by_file.setdefault((item.sha256, item.stream), item)
        by_sound.setdefault(measured(item), []).append(item)
    by_length = sorted((item for found in by_sound.values() for item in found), key=lambda one: one.seconds)
    compared = 0
    pairs = []
    for other in others:
        same = by_file.get((other.sha256, other.stream))
        for item in [] if same else by_sound.get(measured(other), []):
            if item is not other and np.array_equal(store.mel(item), other_store.mel(other)):
                same = item
                break
        for item in [] if same else close(by_length, other):
            if compared == MOST_COMPARED:
                break
            compared += 1
            if are_alike(store.mel(item), other_store.mel(other)):
                same = item
                break
        if same is not None and same is not other:
            pairs.append((same.path, other.path))
    return pairs


def close(by_length: Sequence[Item], other: Item) -> Iterator[Item]:
    """Give the recordings that another one may be a lossy copy of, by duration and level.

    Args:
        by_length: recordings sorted by their seconds.
        other: a recording.
    """
    first = bisect_left(by_length, other.seconds - SECONDS_APART, key=lambda one: one.seconds)
    for item in itertools.islice(by_length, first, None):
        if item.seconds > other.seconds + SECONDS_APART:
            return
        if item is not other and other.peak >= SILENT and abs(item.level - other.level) <= DECIBELS_APART:
            yield item


def are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two mels (T, M) are of the same sound, perhaps a little later, but for what codecs change."""
    step = 1 + min(len(one), len(other)) // FRAMES_COMPARED
    for lag in range(-MOST_LAG, MOST_LAG + 1):
        here, there = one[max(lag, 0) :: step, ::EACH_BIN], other[max(-lag, 0) :: step, ::EACH_BIN]
        frames = min(len(here), len(there))
        if frames < FEWEST_FRAMES:
            continue
        here, there = (mel[:frames].astype(np.float32) for mel in (here, there))
        here, there = (mel - mel.mean(0) for mel in (here, there))
        if float(np.vdot(here, there)) > ALIKE * float(np.linalg.norm(here) * np.linalg.norm(there)):
            return True
    return False


def measured(item: Item) -> tuple[float, ...]:
    """Return what the same samples have in common in any format that loses nothing."""
    return item.frames, item.seconds, item.peak, item.level, item.clipped
