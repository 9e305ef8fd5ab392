"""How good conversions of music are as one sentence: melody, genre and timbre."""

import math
from collections.abc import Mapping, Sequence

from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.quality import value

AUDIBLE = 0.1  # of chroma similarity above that to other clips, which chance gives
HALF = 0.5  # of the conversions, that must be called the target


def music_verdict(summary: Sequence[Summary], rivals: Sequence[str]) -> str:
    """Return how good the conversions are: first what is wrong, then melody, genre and timbre.

    Each stands beside that of the source and of the conversions that need no training.

    Args:
        summary: of all kinds.
        rivals: kinds of conversion that need no training.
    """
    lines = {line.kind: line for line in summary}
    beside = [lines[kind] for kind in ("source", *rivals) if kind in lines]
    parts = [melody(lines["converted"], beside), genre(lines["converted"], beside), timbre(lines["converted"], beside)]
    described = "; ".join(part for part in parts if part)
    return f"{standing(lines, rivals)} {described[:1].upper()}{described[1:]}."


def standing(lines: Mapping[str, Summary], rivals: Sequence[str]) -> str:
    """Return whether the model is of use, and whether it beats conversions that need no training."""
    ours = lines["converted"]
    kept, called = above_chance(ours), value(ours, "genre")
    if math.isnan(kept):
        return "Whether the melody stays could NOT be measured; give two held-out recordings or more."
    if kept < AUDIBLE:
        return "The model is NOT usable yet: the melody is lost."
    if math.isnan(called):
        return "The melody stays; the genre could NOT be measured."
    if called < HALF:
        return "The model does NOT convert yet: the melody stays, and so does the genre."
    if not rivals:
        return "The model converts: the melody stays, and the genre is the target's."
    better = all(beats(ours, lines[rival]) for rival in rivals)
    return f"The melody stays, and the model {'beats' if better else 'does NOT beat'} conversions without training."


def beats(ours: Summary, other: Summary) -> bool:
    """Return whether conversions are called the target at least as often, and have a timbre nearer to it."""
    return value(ours, "genre") >= value(other, "genre") and distance(ours) < distance(other)


def above_chance(line: Summary) -> float:
    """Return how much nearer the melody is to the source's than to that of its other clips; NaN if not measured."""
    return value(line, "chroma") - value(line, "chroma_other")


def distance(line: Summary) -> float:
    return line.whole.get("frechet", math.nan)


def melody(ours: Summary, beside: Sequence[Summary]) -> str:
    if math.isnan(above_chance(ours)):
        return ""
    figures = f"chroma is {value(ours, 'chroma'):.2f} to the source and {value(ours, 'chroma_other'):.2f} to others"
    known = {line.kind: above_chance(line) for line in beside if line.kind != "source"}
    return figures + listed({kind: f"{one:.2f} above others" for kind, one in known.items() if not math.isnan(one)})


def genre(ours: Summary, beside: Sequence[Summary]) -> str:
    found = {line.kind: value(line, "genre") for line in (ours, *beside)}
    known = {kind: f"{one:.0%}" for kind, one in found.items() if not math.isnan(one)}
    mine = known.pop(ours.kind, None)
    return "" if mine is None else f"{mine} is called the target{listed(known)}"


def timbre(ours: Summary, beside: Sequence[Summary]) -> str:
    found = {line.kind: distance(line) for line in (ours, *beside)}
    known = {kind: f"{one:.0f}" for kind, one in found.items() if not math.isnan(one)}
    mine = known.pop(ours.kind, None)
    return "" if mine is None else f"the Frechet distance of the timbre is {mine}{listed(known)}"


def listed(figures: Mapping[str, str]) -> str:
    """Return the figures of other kinds in brackets, or nothing where there are none."""
    return f" ({', '.join(f'{kind}: {one}' for kind, one in figures.items())})" if figures else ""
