"""Which held-out recordings an evaluation measures: those of a split, in pairs where they are of one sentence."""

import logging
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

from melgan_vc.data.splits import unit_hash
from melgan_vc.errors import UserError
from melgan_vc.evaluation.material import DEVELOPMENT, DOMAINS, SPLITS, TEST, Clip, Material, without_suffix
from melgan_vc.text import counted

log = logging.getLogger(__name__)


def chosen(material: Material, most: int, split: str | None = None) -> Material:
    """Return the same with the held-out recordings to measure.

    Of parallel ones, pairs are kept, and the others are named in the log; if there is no pair, they are not parallel.

    Args:
        material: with all held-out recordings.
        most: recordings of each domain; of more, a hash of their names chooses.
        split: "development" or "test", what the corpus puts there; where it does not say, the first third by name is
            for development and the rest for the test. None takes all.

    Raises:
        UserError: nothing is in that split.
    """
    held_out = dict(material.held_out)
    named = [domain for domain in DOMAINS if any(one.split for one in held_out[domain])]
    if split is not None:
        for domain in named:
            held_out[domain] = [one for one in held_out[domain] if one.split == split]
            refuse_empty(
                material.places.get(domain, domain), domain, held_out[domain], material.held_out[domain], split
            )
    pairs = paired(held_out["source"], held_out["target"]) if material.parallel else []
    if pairs:
        kept = {id(one) for pair in pairs for one in pair}
        alone = sorted({one.name for clips in held_out.values() for one in clips if id(one) not in kept})
        if alone:
            count = counted(len(alone), "recording has no partner and is", "recordings have no partner and are")
            log.warning("warning: %s not measured: %s", count, ", ".join(alone))
        held_out = {
            "source": [one for one, _ in pairs],
            "target": [replace(other, name=one.name) for one, other in pairs],
        }
    if split is not None and not (pairs and named):
        for domain in [one for one in DOMAINS if one not in named]:
            every, held_out[domain] = held_out[domain], by_name(held_out[domain], split)
            refuse_empty(material.places.get(domain, domain), domain, held_out[domain], every, split)
    kept_clips = {domain: some(clips, most) for domain, clips in held_out.items()}
    return replace(material, held_out=kept_clips, parallel=bool(pairs))


def by_name(clips: Sequence[Clip], split: str) -> list[Clip]:
    """Return the recordings of a split where no corpus says which: the first third by name is for development."""
    count = max(round(len(clips) / 3), min(len(clips) - 1, 1))
    first = {one.name for one in sorted(clips, key=lambda one: one.name)[:count]}
    return [one for one in clips if (one.name in first) == (split == DEVELOPMENT)]


def refuse_empty(place: str, whose: str, found: Sequence[Clip], every: Sequence[Clip], split: str) -> None:
    """Refuse a split that holds none of a domain's or a speaker's held-out recordings."""
    if found:
        return
    counts = {one: sum(clip.split == one for clip in every) for one in SPLITS}
    if any(counts.values()):
        there = f"its corpus has {counts[DEVELOPMENT]} in validation and {counts[TEST]} in test"
    else:
        there = f"{len(every)} {'is' if len(every) == 1 else 'are'} held out, and a split needs two or more"
    raise UserError(
        f"{place}: split={split} holds no recording of the {whose} ({there}); "
        "hold out more recordings, or leave split out"
    )


def paired(source: Sequence[Clip], target: Sequence[Clip]) -> list[tuple[Clip, Clip]]:
    """Return the recordings of one sentence: of one path, else of one but for the suffix, else for capitals as well.

    Where several could be meant, none is taken, and they are named in the log.

    Args:
        source, target: held-out recordings.
    """
    partners: dict[int, Clip] = {}
    left = list(source), list(target)
    for key in (exact, stem, folded):
        ours, theirs = (by_key(clips, key) for clips in left)
        for name in ours.keys() & theirs.keys():
            if len(ours[name]) == len(theirs[name]) == 1:
                partners[id(ours[name][0])] = theirs[name][0]
            elif key is folded:
                several = sorted({exact(one) for one in (*ours[name], *theirs[name])})
                log.warning("warning: cannot tell which of these belong together: %s", ", ".join(several))
        used = {id(one) for one in partners.values()} | set(partners)
        left = [one for one in left[0] if id(one) not in used], [one for one in left[1] if id(one) not in used]
    return [(one, partners[id(one)]) for one in source if id(one) in partners]


def by_key(clips: Sequence[Clip], key: Callable[[Clip], str]) -> dict[str, list[Clip]]:
    found: dict[str, list[Clip]] = {}
    for one in clips:
        found.setdefault(key(one), []).append(one)
    return found


def exact(clip: Clip) -> str:
    return clip.name if clip.path is None else clip.path


def stem(clip: Clip) -> str:
    return clip.name if clip.path is None else without_suffix(clip.path)


def folded(clip: Clip) -> str:
    """Return a recording's stem without regard to capitals or to how a system encodes accents."""
    return unicodedata.normalize("NFC", stem(clip)).casefold()


def some(clips: Sequence[Clip], most: int) -> list[Clip]:
    names = {clip.name for clip in sorted(clips, key=lambda one: unit_hash(one.name))[:most]}
    return [clip for clip in clips if clip.name in names]
