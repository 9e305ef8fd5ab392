"""Figures of an evaluation as a table, a CSV and JSON."""

import csv
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from melgan_vc.csv_cells import csv_cell
from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents
from melgan_vc.evaluation.columns import COLUMNS, MEANS, MUSIC, VOICE, WHOLE
from melgan_vc.evaluation.music_verdict import music_verdict
from melgan_vc.evaluation.protocol import Row, Summary
from melgan_vc.evaluation.quality import MANY, unseen_verdict, value, voice_verdict
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.measures.intervals import Mean
from melgan_vc.measures.words import FLOORS
from melgan_vc.nested import flat, jsonable

log = logging.getLogger(__name__)
RECORD, ROWS = "metrics.json", "metrics.csv"
CONFIG, CURVES, CARD = "config.yaml", "training.csv", "card.md"  # of the run, kept beside
SPEED = "speed.json"  # by itself, for no two calls have the same
PAGE = "index.html"
ENOUGH = 0.95  # of real recordings that a classifier must be right on, to judge conversions
VERSION = 4  # of how things are measured; figures of different ones are not comparable


def columns(sound: str, summary: Sequence[Summary]) -> list[str]:
    """Return the measures that a table shows: the most telling ones of voices or music that were asked for."""
    return [name for name in (VOICE if sound == "voice" else MUSIC) if any(has(line, name) for line in summary)]


def has(line: Summary, name: str) -> bool:
    return name in line.whole or name in line.means


def table(summary: Sequence[Summary], names: Sequence[str]) -> str:
    """A Markdown table with one line a kind."""
    headings = ("", *(COLUMNS[name].heading for name in names))
    return aligned(headings, [(line.kind, *(cell(line, name) for name in names)) for line in summary])


def cell(line: Summary, name: str) -> str:
    form = COLUMNS[name].form
    if name in MEANS:
        return interval(line.means[name], form) if name in line.means else "-"
    return number(line.whole.get(name, math.nan), form)


def interval(mean: Mean, form: str) -> str:
    """A mean with its 95 % interval, where it has one."""
    if not mean.count or not mean.has_interval:
        return number(mean.value, form)
    return f"{mean.value:{form}} ({mean.low:{form}} to {mean.high:{form}})"


def number(value: float, form: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if math.isnan(value) else format(value, form)


def verdicts(summary: Sequence[Summary], about: Mapping[str, Any]) -> list[str]:
    """Return the conclusions: whether the model beats the baselines, and whether the classifier can be trusted."""
    found = []
    if about["sound"] == "voice":
        found.append(voice_verdict(summary, about["baselines"]))
        unseen = unseen_verdict(summary)
        found += [] if unseen is None else [unseen]
        found += about_words(summary, str(about.get("recogniser")))
    else:
        found.append(music_verdict(summary, about["baselines"]))
    right = about.get("classifier_accuracy")
    if right is not None and math.isfinite(right):
        trust = "" if right >= ENOUGH else ": too seldom to judge conversions by it"
        found.append(f"The classifier of genres is right on {right:.0%} of the real held-out recordings{trust}.")
    return found


def about_words(summary: Sequence[Summary], recogniser: str) -> list[str]:
    """Return why the error rates are to be doubted, if they are."""
    if recogniser in FLOORS:
        floor = FLOORS[recogniser]
        return [
            f"{recogniser} gets about {floor:.0%} of the characters of natural speech wrong (CER {floor:.2f}): its "
            "error rates compare conversions, and do NOT count the words that are lost."
        ]
    natural = value(next(line for line in summary if line.kind == "target"), "wer")
    if natural >= MANY:
        return [
            f"Error rates are NOT reliable here: even in the target's own recordings, {min(natural, 1):.0%} of the "
            "words are recognised wrongly; check the transcripts, and give recogniser=whisper "
            "recogniser.language=LANGUAGE for other languages than English."
        ]
    return []


def settings(config: Any) -> dict[str, Any]:
    """A run's config, flat; empty where there is none."""
    return flat(config) if config else {}


def plain(summary: Sequence[Summary]) -> list[dict[str, Any]]:
    """Return a summary as JSON has it."""
    return [
        {
            "kind": line.kind,
            "means": {name: mean_of(one) for name, one in line.means.items()},
            "whole": {name: rounded(one) for name, one in line.whole.items()},
        }
        for line in summary
    ]


def mean_of(mean: Mean) -> dict[str, Any]:
    return {"value": rounded(mean.value), "low": rounded(mean.low), "high": rounded(mean.high), "count": mean.count}


def rounded(value: float) -> float | None:
    """Six digits; None in place of NaN and infinity, which JSON does not know."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def write(folder: Path, rows: Sequence[Row], summary: Sequence[Summary], about: Mapping[str, object]) -> None:
    """metrics.json with all but single recordings, and metrics.csv with those, each in one step."""
    record = jsonable({"version": VERSION, **about, "summary": plain(summary)})
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    names = [name for name in MEANS if any(name in row.values for row in rows)]
    with (
        replacing(folder / ROWS) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["name", "kind", *names])
        for row in rows:
            values = [row.values.get(name, math.nan) for name in names]
            cells = ["" if math.isnan(one) else f"{one:.6g}" for one in values]  # numbers, so a minus is one
            writer.writerow([csv_cell(row.name), csv_cell(row.kind), *cells])


def clear(folder: Path) -> None:
    """Remove the figures of an earlier evaluation, so that nobody takes them for those of the sounds written next.

    What tells that there was an evaluation goes last: a folder whose clearing was interrupted can be cleared again.
    """
    if not any(os.path.lexists(folder / name) for name in (RECORD, SPEED)):
        return
    for path in (folder / name for name in (RECORD, ROWS, CONFIG, CURVES, CARD, PAGE, SPEED)):
        if os.path.lexists(path) and not path.is_dir():
            path.unlink()


def keep_run(folder: Path, run: Path, card: str, times_real_time: float) -> None:
    """Copy what the page shows beside the figures: config and curves of the bundle's run, its card, and the speed."""
    speed = jsonable({"times_real_time": round(times_real_time, 1)})
    with replacing(folder / SPEED) as temporary:
        temporary.write_text(json.dumps(speed, allow_nan=False) + "\n", encoding="utf-8")
    for name, place in (("config.yaml", CONFIG), ("metrics.csv", CURVES)):
        if (run / "config.yaml").is_file() and os.path.lexists(run / name):
            try:
                documents.check_inside(run / name, run)
                content = documents.read_bytes(run / name, documents.LARGEST_TABLE)
            except UserError as error:
                log.warning("warning: %s of the run is not kept: %s", name, error)
                continue
            with replacing(folder / place) as temporary:
                temporary.write_bytes(content)
    with replacing(folder / CARD) as temporary:
        temporary.write_text(card + "\n", encoding="utf-8", errors="backslashreplace")


def read_summary(record: Mapping[str, Any]) -> list[Summary]:
    """The summary of a record that was checked; measures that this version does not know are skipped."""
    return [
        Summary(
            line["kind"],
            {name: read_mean(one) for name, one in line["means"].items() if name in MEANS},
            {name: nan(one) for name, one in line["whole"].items() if name in WHOLE},
        )
        for line in record["summary"]
    ]


def read_mean(found: Mapping[str, Any]) -> Mean:
    return Mean(nan(found["value"]), nan(found["low"]), nan(found["high"]), found["count"])


def nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
