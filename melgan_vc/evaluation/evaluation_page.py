"""The page of one evaluation, or of several side by side: figures, curves, sound, pictures, settings."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents, page, report
from melgan_vc.evaluation.charts import curves
from melgan_vc.evaluation.columns import COLUMNS, MEANS
from melgan_vc.evaluation.comparison import comparable, difference, differences
from melgan_vc.evaluation.kept import Evaluation, is_evaluation, read
from melgan_vc.evaluation.page_clips import clips
from melgan_vc.evaluation.runs import NOT_COMPARED
from melgan_vc.evaluation.speakers import TRAINED, Speaker, unseen_among
from melgan_vc.evaluation.tracks import kind_name
from melgan_vc.measures.intervals import FEWEST
from melgan_vc.spec import AudioSpec

RANKED_BY = ("mcd", "to_target", "chroma", "cer")  # the first one that was measured orders the recordings


def write(output: Path, folders: Sequence[Path], trust: Sequence[str] | None = None) -> Path:
    """Read evaluations and write their page, see :func:`write_page`.

    Args:
        output: gets the page.
        folders: of evaluations.
        trust: see :func:`melgan_vc.evaluation.records.read_record`.

    Returns:
        where the page is.

    Raises:
        UserError: none of them can be read, or the page would replace that of another evaluation.
    """
    return write_page(output, read(folders, trust))


def write_page(output: Path, evaluations: Sequence[Evaluation]) -> Path:
    """Write the page of evaluations into a folder; those that cannot be compared stand apart.

    Args:
        output: gets the page.
        evaluations: to show.

    Returns:
        where the page is.

    Raises:
        UserError: the page would replace that of another evaluation.
    """
    own = [os.path.realpath(one.folder) for one in evaluations]
    if is_evaluation(output) and own != [os.path.realpath(output)]:
        raise UserError(f"{output}: holds an evaluation, whose own page this would replace; give another output")
    groups = comparable(evaluations)
    first = evaluations[0]
    several = len(evaluations) > 1
    content = {
        "title": f"{len(evaluations)} evaluations" if several else f"Evaluation: {first.record['bundle']}",
        "evaluations": evaluations,
        "several": several,
        "verdicts": [
            f"{f'{one.name}: ' if several else ''}{line}"
            for one in evaluations
            for line in report.verdicts(one.summary, one.record)
        ],
        "groups": [part(group, difference(groups, group)) for group in groups],
        "few": FEWEST,
        "curves": curves(evaluations),
        "changed": changed(evaluations),
        "cards": [(one.name, card(one)) for one in evaluations],
        "facts": [(one.name, facts(one)) for one in evaluations],
        "data": [(one.name, one.record["data_report"]) for one in evaluations if one.record.get("data_report")],
        "settings": sorted(first.record["settings"].items()),
    }
    page.write(output / report.PAGE, "evaluation.html", content)
    return output / report.PAGE


def part(evaluations: Sequence[Evaluation], heading: str) -> dict[str, Any]:
    """Evaluations that were measured alike: their table and their recordings.

    Args:
        evaluations: of one group.
        heading: what sets them apart from others on the page; empty where there are none.
    """
    summary = [line for one in evaluations for line in one.summary]
    measured = [name for name in COLUMNS if any(report.has(line, name) for line in summary)]
    measures = list(dict.fromkeys([*report.columns(evaluations[0].record["sound"], summary), *measured]))
    return {
        "heading": heading,
        "split": evaluations[0].record.get("split"),
        "names": [one.name for one in evaluations],
        "headings": [COLUMNS[name] for name in measures],
        "lines": lines(evaluations, measures),
        "differences": differences(evaluations),
        "sections": sections(evaluations, [name for name in measures if name in MEANS]),
    }


def lines(evaluations: Sequence[Evaluation], measures: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """The table: name, class and cells of each line; what no model changes is there once."""
    every = {one.name: {line.kind: line for line in one.summary} for one in evaluations}
    known = dict.fromkeys(kind for found in every.values() for kind in found)
    speakers = [TRAINED, *unseen_among(known)]
    own = {one.source: one for one in speakers[1:]}
    found = []

    def add(one: Evaluation, kind: str, name: str, style: str = "") -> None:
        found.append((name, style, [report.cell(every[one.name][kind], measure) for measure in measures]))

    for kind in known:
        if kind in [one.converted for one in speakers]:
            for one in evaluations:
                if kind in every[one.name]:
                    add(one, kind, kind_name(evaluations, one, kind), "model")
        elif kind in own:
            groups = by_recordings(evaluations, own[kind])
            for group in groups:
                add(group[0], kind, kind_name([one[0] for one in groups], group[0], kind))
        else:
            add(next(one for one in evaluations if kind in every[one.name]), kind, kind)
    return found


def by_recordings(evaluations: Sequence[Evaluation], speaker: Speaker) -> list[list[Evaluation]]:
    """Return the evaluations that converted an unseen speaker, in groups that did so with the same recordings."""
    groups: dict[Any, list[Evaluation]] = {}
    for one in evaluations:
        if speaker in unseen_among(line.kind for line in one.summary):
            groups.setdefault(one.record.get("unseen", {}).get(speaker.name, {}).get("content"), []).append(one)
    return list(groups.values())


def sections(evaluations: Sequence[Evaluation], measures: Sequence[str]) -> list[dict[str, Any]]:
    """Return the recordings of each source speaker: the trained one, then those that were not trained on.

    Args:
        evaluations: that have them.
        measures: of single recordings, by which they can be ordered where the speaker's conversions have them.
    """
    audio = AudioSpec(**evaluations[0].record["audio"])
    known = dict.fromkeys(line.kind for one in evaluations for line in one.summary)
    found = [("", evaluations, TRAINED)]
    found += [
        (f"From {speaker.name}, who was not trained on", group, speaker)
        for speaker in unseen_among(known)
        for group in by_recordings(evaluations, speaker)
    ]
    shown = []
    for heading, group, speaker in found:
        converted = [line for line in group[0].summary if line.kind == speaker.converted]
        orders = [name for name in measures if any(name in line.means and line.means[name].count for line in converted)]
        ranking = next((name for name in RANKED_BY if name in orders), None)
        shown.append(
            {
                "heading": heading,
                "clips": clips(group, audio, ranking, speaker),
                "count": len(set(group[0].names(speaker.source))),
                "ranking": COLUMNS[ranking].heading if ranking else None,
                "orders": [(name, COLUMNS[name].heading) for name in orders],
            }
        )
    return shown


def changed(evaluations: Sequence[Evaluation]) -> list[tuple[str, list[str]]]:
    """Settings that differ between the runs."""
    all_settings = [one.record["settings"] for one in evaluations]
    keys = sorted({key for one in all_settings for key in one if not key.startswith(NOT_COMPARED)})
    values = [(key, [str(one.get(key, "-")) for one in all_settings]) for key in keys]
    return [(key, found) for key, found in values if len(set(found)) > 1]


def card(one: Evaluation) -> str:
    """The model card that was kept beside the figures."""
    path = one.folder / report.CARD
    if not os.path.lexists(path):
        return "no card was kept"
    try:
        documents.check_inside(path, one.folder)
        return documents.read_text(path)
    except UserError as error:
        one.tell(error)
        return "the card that was kept is damaged"


def speed(one: Evaluation) -> float | None:
    """Return how many times faster than real time it converted, if that was kept."""
    path = one.folder / report.SPEED
    if not os.path.lexists(path):
        return None
    try:
        documents.check_inside(path, one.folder)
        times = documents.read_json(path).get("times_real_time")
        if not isinstance(times, int | float | None):
            raise UserError(f"{report.SPEED}: times_real_time is no number")
        return times
    except UserError as error:
        one.tell(error)
        return None


def facts(one: Evaluation) -> list[tuple[str, str]]:
    """Return how an evaluation was made, as names and values."""
    record = one.record
    silence = "-" if record["silence_dbfs"] is None else record["silence_dbfs"]
    held_out = ", ".join(f"{count} of the {domain}" for domain, count in record["held_out"].items())
    found = [
        ("bundle", record["bundle"]),
        (
            "held-out recordings",
            held_out + ("; the same sentences" if record["parallel"] else "; not the same sentences"),
        ),
        ("split", record.get("split") or "all held-out recordings"),
        ("from", ", ".join(record["places"].values())),
        (
            "converted with",
            f"overlap {record['overlap']}, inversion {str(record['inversion'].get('_target_', '')).rpartition('.')[2]}",
        ),
        ("digital silence becomes", f"{silence} dBFS without the gate, silence with it"),
    ]
    for name, of in record.get("unseen", {}).items():
        sentences = "the same sentences" if of["paired"] else "not the same sentences"
        found.append((f"{name}, who was not trained on", f"{of['held_out']} of {of['place']}; {sentences}"))
    times = speed(one)
    if times is not None:
        found.append(("speed of converting", f"{times} times real time, inversion included"))
    if record["baselines"] and "baselines_from" in record:
        found.append((f"{' and '.join(record['baselines'])} from", f"statistics of the {record['baselines_from']}"))
    if "recogniser" in record:
        found.append(("words heard by", record["recogniser"] or "no recogniser: no CER, no WER"))
    if record.get("classifier_accuracy") is not None:
        found.append(("classifier right on real held-out recordings", f"{record['classifier_accuracy']:.0%}"))
    return found
