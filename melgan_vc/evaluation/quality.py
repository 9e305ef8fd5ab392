"""How good the conversions of an evaluation are as one sentence; :mod:`melgan_vc.measures.quality` has the number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from melgan_vc.evaluation.protocol import Summary
from melgan_vc.measures.quality import Quality, Scores, quality_of

MANY = 1 / 3  # of the words, with which a conversion is of no use
GRADES = ((0.95, "nearly all"), (0.85, "most"), (1 - MANY, "more than two thirds"), (0.0, "too few"))  # of words kept
SOUNDS = ((0.9, "natural"), (0.75, "slightly damaged"), (0.5, "damaged"), (-math.inf, "badly damaged"))


def voice_quality(summary: Sequence[Summary]) -> dict[str, Quality]:
    """Return the quality of every kind of recording, by kind."""
    found = {
        line.kind: Scores(value(line, "cer"), value(line, "to_target"), value(line, "distillmos")) for line in summary
    }
    return {kind: quality_of(one, found["source"], found["target"]) for kind, one in found.items()}


def with_quality(summary: Sequence[Summary]) -> list[Summary]:
    """Return the summary of voices with the quality of every kind."""
    found = voice_quality(summary)
    return [replace(line, whole={**line.whole, "quality": found[line.kind].total}) for line in summary]


def value(line: Summary, name: str) -> float:
    """Return a mean; NaN where it was not measured."""
    return line.means[name].value if name in line.means else math.nan


def voice_verdict(summary: Sequence[Summary], rivals: Sequence[str]) -> str:
    """Return how good the conversions are as one sentence: words, sound, voice and melody, then the quality.

    Args:
        summary: of all kinds.
        rivals: kinds of conversion that need no training.
    """
    lines = {line.kind: line for line in summary}
    qualities = voice_quality(summary)
    ours = qualities["converted"]
    parts = [words(lines), sound(lines, ours), voice(ours), melody(lines)]
    described = "; ".join(part for part in parts if part)
    return f"{standing(lines, qualities, rivals)} {described[:1].upper()}{described[1:]}."


def standing(lines: Mapping[str, Summary], qualities: Mapping[str, Quality], rivals: Sequence[str]) -> str:
    """Return whether the model is of use, and whether it beats conversions that need no training."""
    ours = qualities["converted"].total
    lost = value(lines["converted"], "wer") - floored(value(lines["target"], "wer"))
    if lost >= MANY:
        return f"The model is NOT usable yet: {'all' if lost >= 1 else format(lost, '.0%')} of the words are lost."
    if math.isnan(ours):
        return "The quality could NOT be measured; the parts that could be:"
    known = {rival: qualities[rival].total for rival in rivals if not math.isnan(qualities[rival].total)}
    figures = f"quality {ours:.2f} of 1"
    if not known:
        return f"The conversions have {figures}."
    others = ", ".join(f"{rival} {one:.2f}" for rival, one in known.items())
    better = all(ours > one for one in known.values())
    return f"The model {'beats' if better else 'does NOT beat'} what needs no training: {figures} ({others})."


def words(lines: Mapping[str, Summary]) -> str:
    found = value(lines["converted"], "wer")
    if math.isnan(found):
        return "words were not measured"
    natural = floored(value(lines["target"], "wer"))
    kept = next(name for least, name in GRADES if 1 - max(found - natural, 0.0) >= least or least == 0.0)
    return f"{kept} words are kept (word error rate {found:.2f}, the target's own recordings {natural:.2f})"


def sound(lines: Mapping[str, Summary], ours: Quality) -> str:
    found, natural = (value(lines[kind], "distillmos") for kind in ("converted", "target"))
    if math.isnan(ours.naturalness):
        return "naturalness was not measured"
    grade = next(name for least, name in SOUNDS if ours.naturalness >= least)
    return f"the sound is {grade} (DistillMOS {found:.1f} of 5, the target's own recordings {natural:.1f})"


def voice(ours: Quality) -> str:
    if math.isnan(ours.likeness):
        return "likeness was not measured"
    return f"the voice is {ours.likeness:.0%} of the way from the source's to the target's"


def melody(lines: Mapping[str, Summary]) -> str:
    found = value(lines["converted"], "f0_cents")
    return "" if math.isnan(found) else f"the pitch is {found:.0f} cents off the target's recordings of the sentences"


def floored(found: float) -> float:
    return 0.0 if math.isnan(found) else found
