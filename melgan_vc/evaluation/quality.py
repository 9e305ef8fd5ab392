"""How good the conversions of an evaluation are as one sentence; :mod:`melgan_vc.measures.quality` has the number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.speakers import CONVERTED, Speaker, unseen_among
from melgan_vc.measures.quality import Quality, Scores, quality_of

MANY, ALL = 1 / 3, 0.95  # of the words: with those lost a conversion is of no use, or holds none
LITTLE = 0.1  # likeness, with which nobody would say that a voice was converted
GRADES = ((0.95, "nearly all"), (0.85, "most"), (-math.inf, "more than two thirds of the"))  # of words kept
SOUNDS = ((0.9, "natural"), (0.75, "slightly damaged"), (0.5, "damaged"), (-math.inf, "badly damaged"))


def voice_quality(summary: Sequence[Summary]) -> dict[str, Quality]:
    """Return the quality of every kind of recording, by kind."""
    found = {
        line.kind: Scores(value(line, "cer"), value(line, "to_target"), value(line, "distillmos")) for line in summary
    }
    own = {kind: one.source for one in unseen_among(found) for kind in one.kinds}
    return {kind: quality_of(one, found[own.get(kind, "source")], found["target"]) for kind, one in found.items()}


def with_quality(summary: Sequence[Summary]) -> list[Summary]:
    """Return the summary of voices with the quality of every kind."""
    found = voice_quality(summary)
    return [replace(line, whole={**line.whole, "quality": found[line.kind].total}) for line in summary]


def value(line: Summary, name: str) -> float:
    """Return a mean; NaN where it was not measured."""
    return line.means[name].value if name in line.means else math.nan


def voice_verdict(summary: Sequence[Summary], rivals: Sequence[str]) -> str:
    """Return how good the conversions are: first what is wrong, then words, sound, voice and melody.

    Each part stands beside that of the source, of the best conversion without training and of the target.

    Args:
        summary: of all kinds.
        rivals: kinds of conversion that need no training.
    """
    lines = {line.kind: line for line in summary}
    qualities = voice_quality(summary)
    known = {rival: qualities[rival].total for rival in rivals if not math.isnan(qualities[rival].total)}
    others = ["source", *sorted(known, key=known.__getitem__)[-1:], "target"]
    beside = [lines[kind] for kind in others]
    parts = [words(lines, beside), sound(lines, qualities["converted"], beside), voice(qualities, others)]
    described = "; ".join([*parts, *melody(lines["converted"], beside)])
    return f"{standing(lines, qualities, known)} {described[:1].upper()}{described[1:]}."


def unseen_verdict(summary: Sequence[Summary]) -> str | None:
    """Return how much worse conversions from speakers are that were not trained on; None where there are none."""
    lines = {line.kind: line for line in summary}
    qualities = voice_quality(summary)
    speakers = unseen_among(lines)
    if not speakers:
        return None
    useless = [one.name for one in speakers if lost_words(lines, one.converted) >= MANY]
    verdict = f", the model is NOT usable yet ({', '.join(useless)})" if useless else ""
    told = "; ".join(f"{one.name}: {beside_trained(lines, qualities, one)}" for one in speakers)
    return f"From speakers that were not trained on{verdict}, with the trained source in brackets: {told}."


def beside_trained(lines: Mapping[str, Summary], qualities: Mapping[str, Quality], speaker: Speaker) -> str:
    """Return quality, words and likeness of conversions from a speaker beside those from the trained source."""
    kinds = (speaker.converted, CONVERTED)
    quality = both([qualities[kind].total for kind in kinds], ".2f")
    error_rate = both([value(lines[kind], "wer") for kind in kinds], ".2f")
    likeness = both([qualities[kind].likeness for kind in kinds], ".0%")
    return f"quality {quality}, word error rate {error_rate}, voice {likeness} of the way to the target's"


def both(values: Sequence[float], form: str) -> str:
    """Return a value with that of the trained source in brackets; dashes for what was not measured."""
    found, trained = ("-" if math.isnan(one) else format(one, form) for one in values)
    return f"{found} ({trained})"


def standing(lines: Mapping[str, Summary], qualities: Mapping[str, Quality], known: Mapping[str, float]) -> str:
    """Return whether the model is of use, and whether it beats conversions that need no training.

    Args:
        lines, qualities: of all kinds.
        known: the quality of the conversions that need no training.
    """
    ours = qualities["converted"]
    lost = lost_words(lines)
    if lost >= MANY:
        share = "all" if lost >= ALL else format(lost, ".0%")
        return f"The model is NOT usable yet: {share} of the words are lost."
    if ours.likeness < LITTLE:
        return "The model does NOT convert yet: the voice is still the source's."
    if math.isnan(ours.total):
        return "The quality could NOT be measured; the parts that could be:"
    figure = f"quality {ours.total:.2f} of 1"
    if not known:
        return f"The conversions have {figure}."
    others = ", ".join(f"{rival}: {one:.2f}" for rival, one in known.items())
    better = all(ours.total > one for one in known.values())
    return f"The model {'beats' if better else 'does NOT beat'} conversions without training: {figure} ({others})."


def lost_words(lines: Mapping[str, Summary], kind: str = CONVERTED) -> float:
    """Return the word error rate of conversions beyond the target's own; NaN where it was not measured."""
    return value(lines[kind], "wer") - floored(value(lines["target"], "wer"))


def words(lines: Mapping[str, Summary], beside: Sequence[Summary]) -> str:
    lost = lost_words(lines)
    if math.isnan(lost):
        return "words were not measured"
    figure = f"word error rate {value(lines['converted'], 'wer'):.2f}"
    others = listed(beside, "wer", ".2f")
    if lost >= MANY:  # which is said already
        return figure + "".join(f" ({one})" for one in others)
    if value(lines["target"], "wer") >= MANY:
        return f"words cannot be judged ({'; '.join([figure, *others])})"
    kept = next(name for least, name in GRADES if 1 - lost > least)
    return f"{kept} words are kept ({'; '.join([figure, *others])})"


def sound(lines: Mapping[str, Summary], ours: Quality, beside: Sequence[Summary]) -> str:
    if math.isnan(ours.naturalness):
        return "naturalness was not measured"
    grade = next(name for least, name in SOUNDS if ours.naturalness >= least)
    figure = f"DistillMOS {value(lines['converted'], 'distillmos'):.1f} of 5"
    return f"the sound is {grade} ({'; '.join([figure, *listed(beside, 'distillmos', '.1f')])})"


def voice(qualities: Mapping[str, Quality], others: Sequence[str]) -> str:
    found = qualities["converted"].likeness
    if math.isnan(found):
        return "likeness was not measured"
    known = {kind: qualities[kind].likeness for kind in others[1:-1]}  # source and target are its scale
    rest = "".join(f" ({kind}: {one:.0%})" for kind, one in known.items())
    return f"the voice is {found:.0%} of the way from the source's to the target's{rest}"


def melody(ours: Summary, beside: Sequence[Summary]) -> list[str]:
    """Return how far the pitch is off, where it was measured: against the target's recordings of the sentences."""
    found = value(ours, "f0_cents")
    if math.isnan(found):
        return []
    rest = "".join(f" ({one})" for one in listed(beside[:-1], "f0_cents", ".0f"))
    return [f"the pitch is off by {found:.0f} cents{rest}"]


def listed(lines: Sequence[Summary], name: str, form: str) -> list[str]:
    """Return a mean of each kind that has it, as one text; no text where none has."""
    known = {line.kind: value(line, name) for line in lines}
    found = [f"{kind}: {one:{form}}" for kind, one in known.items() if not math.isnan(one)]
    return [", ".join(found)] if found else []


def floored(found: float) -> float:
    return 0.0 if math.isnan(found) else found
