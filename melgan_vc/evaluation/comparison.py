"""Which evaluations can be compared: those that measured the same recordings in the same way."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from melgan_vc.evaluation.columns import COLUMNS
from melgan_vc.evaluation.kept import Evaluation
from melgan_vc.evaluation.speakers import CONVERTED
from melgan_vc.measures.intervals import FEWEST, Mean, mean

SOUND, HELD_OUT, MELS = "kind of sound", "held-out recordings", "mels"
UNKNOWN = "not known"


def conditions(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what decides whether the figures of evaluations may stand side by side, by what it is called.

    Args:
        record: of an evaluation; those of old versions do not hold all of it.
    """
    known, texts = record.get("content"), record.get("transcripts", {})
    places = " and ".join(f"{place} ({record['held_out'].get(domain)})" for domain, place in record["places"].items())
    content = ", ".join(f"{domain} {value[:12]}" for domain, value in known.items()) if known else UNKNOWN
    return {
        SOUND: record["sound"],
        HELD_OUT: places if known is None else content,
        "split": record.get("split") or "all held-out recordings",
        "recordings of one name": "the same sentence" if record["parallel"] else "different sentences",
        MELS: settings_of(record["audio"]),
        "recogniser": str(record.get("recogniser") or "none"),
        "transcripts": ", ".join(f"{domain} {count}" for domain, count in texts.items() if count) or "none",
        "MCD": settings_of(record.get("mcd", {})),
        "F0 tracker": str(record.get("pitch") or "none"),
        "version of the measures": str(record.get("version", 1)),
    }


def mixture(records: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return why the figures of records may not stand in one table; None where they may.

    Args:
        records: by name. Old ones do not say which recordings were held out, which is not held against them.
    """
    (first, reference), *others = records.items()
    for name, record in others:
        ours, theirs = conditions(reference), conditions(record)
        if not (reference.get("content") and record.get("content")):
            ours.pop(HELD_OUT), theirs.pop(HELD_OUT)
        differing = [what for what, value in ours.items() if value != theirs[what]]
        if differing:
            keys = [key for key, value in reference["audio"].items() if value != record["audio"].get(key)]
            named = [f"{what} ({', '.join(keys)})" if what == MELS else what for what in differing]
            return f"{first} and {name} were not measured alike: other {', '.join(named)}"
    return None


PAIRED = ("cer", "wer", "distillmos", "dnsmos", "to_target", "mcd", "f0_cents", "genre_share", "chroma")


def paired_differences(evaluations: Sequence[Evaluation]) -> list[tuple[str, dict[str, Mean]]]:
    """Return how conversions of each evaluation differ from those of the first one, recording by recording.

    A sentence that is hard for one model is hard for the other, so the interval of a difference is narrower than those
    of the two means suggest.

    Args:
        evaluations: of the same recordings, measured alike.

    Returns:
        The name of each but the first, and by measure the mean of its differences, with its 95 % interval. A measure
        that no recording has in both is missing.
    """
    first, *others = evaluations
    found = []
    for other in others:
        names = [name for name in first.names(CONVERTED) if name in set(other.names(CONVERTED))]
        differences = {
            measure: mean(
                [other.value(name, CONVERTED, measure) - first.value(name, CONVERTED, measure) for name in names]
            )
            for measure in PAIRED
        }
        found.append((other.name, {measure: one for measure, one in differences.items() if one.count}))
    return found


def described_difference(measure: str, difference: Mean) -> str:
    """Return a difference with its interval, and whether it is one, as a sentence."""
    column = COLUMNS[measure]
    form = column.form if column.form.endswith("%") else f"+{column.form.lstrip('+')}"
    if not difference.has_interval:
        few = difference.count < FEWEST
        why = "too few recordings" if few else f"{difference.count} recordings, too few that differ from the others,"
        return f"{column.heading} {difference.value:{form}}, {why} for an interval"
    better = {"max": "better", "min": "worse", "none": "higher"}[column.better]
    worse = {"max": "worse", "min": "better", "none": "lower"}[column.better]
    verdict = "no difference found"
    if difference.low > 0 or difference.high < 0:
        verdict = better if math.copysign(1, difference.value) > 0 else worse
    return (
        f"{column.heading} {difference.value:{form}} ({difference.low:{form}} to {difference.high:{form}}, "
        f"{difference.count} recordings): {verdict}"
    )


def differences(evaluations: Sequence[Evaluation]) -> list[tuple[str, list[str]]]:
    """Return how each evaluation differs from the first, as a heading and a sentence for each measure.

    Args:
        evaluations: of the same recordings, measured alike.
    """
    return [
        (f"{name} against {evaluations[0].name}", [described_difference(*one) for one in found.items()])
        for name, found in paired_differences(evaluations)
        if found
    ]


def printed_differences(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the differences between evaluations as lines for a terminal; nothing for a single one.

    Args:
        evaluations: of which only those that were measured alike are compared, and a line says what sets others apart.
    """
    groups = comparable(evaluations)
    lines = []
    for group in groups:
        of = f" ({difference(groups, group)})" if len(groups) > 1 else ""
        found = differences(group)
        if found:
            lines += [f"Differences of the conversions, recording by recording, with 95 % intervals{of}:"]
        elif len(group) > 1:
            lines.append(f"{' and '.join(one.name for one in group)}: no measure of a recording is in both{of}")
        elif len(groups) > 1:
            lines.append(f"{group[0].name}: compared with no other, for none was measured alike{of}")
        for heading, sentences in found:
            lines += [heading, *(f"  {one}" for one in sentences)]
    return lines


def settings_of(found: Mapping[str, Any]) -> str:
    """Return settings as a short text."""
    return ", ".join(f"{key}={value}" for key, value in found.items()) or "-"


def comparable(evaluations: Sequence[Evaluation]) -> list[list[Evaluation]]:
    """Return evaluations in groups that were measured alike, in their order."""
    groups: dict[tuple[tuple[str, str], ...], list[Evaluation]] = {}
    for one in evaluations:
        groups.setdefault(tuple(conditions(one.record).items()), []).append(one)
    return list(groups.values())


def difference(groups: Sequence[Sequence[Evaluation]], group: Sequence[Evaluation]) -> str:
    """Return what sets a group apart from the others, to stand over its table."""
    every = [conditions(one[0].record) for one in groups]
    own = conditions(group[0].record)
    fronts = [one[0].record["audio"] for one in groups]
    differing = [key for key in group[0].record["audio"] if len({str(one.get(key)) for one in fronts}) > 1]
    own[MELS] = settings_of({key: group[0].record["audio"][key] for key in differing})
    parts = [f"{name}: {value}" for name, value in own.items() if len({one[name] for one in every}) > 1]
    if len({one[HELD_OUT] for one in every}) > 1 and "content" in group[0].record:
        parts.append(f"from {' and '.join(group[0].record['places'].values())}")
    return "; ".join(parts)
