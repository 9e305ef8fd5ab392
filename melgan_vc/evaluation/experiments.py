"""The tables of ``experiments/``: written from records of evaluations, so that no figure is typed by hand.

A README holds, where a table shall stand, a comment that says what is in it:

    <!-- table
    measures: [to_target, mcd]
    kinds: [source, target]
    rows: {the notebook's recipe: [notebook-0, notebook-1], ours: [best-0, best-1]}
    -->
    <!-- table ends -->

Rows are conversions of one record or several, ``records/NAME.json``; kinds, which no model changes, are of the first
one.
"""

import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.pictures import mel_figure, save_figure
from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents, report
from melgan_vc.evaluation.columns import COLUMNS, MEANS
from melgan_vc.evaluation.comparison import comparable, mixture
from melgan_vc.evaluation.kept import Evaluation, read
from melgan_vc.evaluation.labels import no_missing_glyphs, plain
from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.records import read_record
from melgan_vc.evaluation.runs import NOT_COMPARED
from melgan_vc.evaluation.speakers import CONVERTED, TRAINED
from melgan_vc.evaluation.tables import aligned
from melgan_vc.evaluation.tracks import pictured, tracks
from melgan_vc.files import output_path, replacing
from melgan_vc.measures.intervals import Mean
from melgan_vc.spec import AudioSpec

log = logging.getLogger(__name__)
PAGE, RECORDS, PICTURE = "README.md", "records", "held_out.png"
DRAWN = 3  # evaluations in a picture
TABLE = re.compile(r"(<!-- table\n(.*?)-->\n)(.*?)(<!-- table ends -->)", re.DOTALL)


def keep(folders: Sequence[Path], experiment: Path, trust: Sequence[str] | None = None) -> list[Path]:
    """Copy the records of evaluations into an experiment, without where things lay on one machine, and draw them."""
    kept = []
    evaluations = read(folders, trust)
    for one in evaluations:
        name = one.name.replace("/", "-")
        path = output_path(experiment / RECORDS, f"{name}.json")
        record = dict(one.record)
        record["bundle"] = name
        record["settings"] = {
            key: placeless(value)
            for key, value in record["settings"].items()
            if not key.startswith((*NOT_COMPARED, "hydra."))
        }
        record["places"] = {domain: placeless(place) for domain, place in record["places"].items()}
        if "unseen" in record:
            record["unseen"] = {
                speaker: {**of, "place": placeless(of["place"])} for speaker, of in record["unseen"].items()
            }
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        kept.append(path)
    try:
        with no_missing_glyphs():
            save_figure(picture(evaluations), experiment / PICTURE)
    except (OSError, MemoryError):  # a full disk, no rights: of the output, not of these evaluations
        raise
    except Exception as error:  # of matplotlib, or where sounds are missing; records are worth more
        log.warning("warning: %s was not drawn: %s", experiment / PICTURE, documents.shortened(error))
        return kept
    return [*kept, experiment / PICTURE]


def placeless(value: Any) -> Any:
    """A setting; of a path from the root, which means nothing elsewhere, its last part alone."""
    if isinstance(value, list):
        return [placeless(one) for one in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def picture(evaluations: Sequence[Evaluation]) -> Figure:
    """Return the first recording, what the first few comparable evaluations made of it, and the target's."""
    first = evaluations[0]
    name = first.names("source")[0]
    alike = comparable(evaluations)[0][:DRAWN]
    audio = AudioSpec(**first.record["audio"])
    front_end = MelTransform(audio)
    found = {one.label: one.waveform for one in tracks(alike, name, 0) if one.kind in pictured(TRAINED)}
    if not found:
        raise UserError(f"{first.folder}: its sounds are missing")
    mels = {plain(label): front_end(torch.from_numpy(waveform)).numpy() for label, waveform in found.items()}
    return mel_figure(mels, audio, f"held-out recording {plain(name)}")


def refresh(folder: Path) -> list[Path]:
    """Write the tables of all experiments anew.

    Args:
        folder: of experiments.

    Returns:
        the pages that changed.

    Raises:
        UserError: there is none; or, when all others are written, a table asks for what is not there.
    """
    pages = sorted(folder.rglob(PAGE)) if folder.is_dir() else []
    if not pages:
        raise UserError(f"{folder}: holds no experiments; give the folder of folders with a {PAGE}")
    changed, problems = [], []
    for page in pages:
        try:
            before = documents.read_text(page)
            after = filled(before, page)
        except UserError as error:
            problems.append(str(error))
            continue
        if after != before:
            with replacing(page) as temporary:
                temporary.write_text(after, encoding="utf-8")
            changed.append(page)
    if problems:
        raise UserError("; ".join(problems))
    return changed


def filled(text: str, page: Path) -> str:
    """A page with its tables."""
    return TABLE.sub(lambda found: f"{found[1]}\n{table(found[2], page)}\n\n{found[4]}", text)


def table(asked: str, page: Path) -> str:
    """A table as a comment of a page asks for it."""
    try:
        wanted = documents.parse_yaml(asked, page)
        measures, rows = list(wanted["measures"]), dict(wanted["rows"])
        kinds, settings = list(wanted.get("kinds", ())), list(wanted.get("settings", ()))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{page}: a table cannot be read ({error}); give measures, rows and perhaps kinds") from error
    unknown = [name for name in measures if name not in COLUMNS]
    if unknown or not rows:
        raise UserError(f"{page}: a table asks for {unknown or 'no rows'}; measures are {', '.join(COLUMNS)}")
    records = {
        name: [record(page, one) for one in ([names] if isinstance(names, str) else names)]
        for name, names in rows.items()
    }
    reason = mixture({one["bundle"]: one for found in records.values() for one in found})
    if reason is not None:
        raise UserError(f"{page}: {reason}; give them tables of their own")
    first = next(iter(records.values()))[0]
    lines = [
        (line.kind, *("" for _ in settings), *(report.cell(line, name) for name in measures))
        for kind in kinds
        for line in report.read_summary(first)
        if line.kind == kind
    ]
    for name, found in records.items():
        given = [", ".join(dict.fromkeys(str(one["settings"].get(key, "-")) for one in found)) for key in settings]
        lines.append((name, *given, *(over(found, measure) for measure in measures)))
    headings = ("", *(f"`{key}`" for key in settings), *(COLUMNS[name].heading for name in measures))
    return aligned(headings, lines)


def record(page: Path, name: str) -> Mapping[str, Any]:
    path = output_path(page.parent / RECORDS, f"{name}.json")
    try:
        return read_record(path)
    except UserError as error:
        raise UserError(f"{path.parent / str(error)}; keep one with melgan_vc.report keep_in=") from error


def over(records: Sequence[Mapping[str, Any]], measure: str) -> str:
    """A measure of the conversions of one training or of several: mean of means, lowest to highest end of intervals."""
    lines = [conversions(one) for one in records]
    if measure not in MEANS:
        values = [line.whole.get(measure, math.nan) for line in lines]
        return report.number(sum(values) / len(values), COLUMNS[measure].form)
    means = [line.means[measure] for line in lines if measure in line.means and line.means[measure].count]
    if not means:
        return "-"
    middle, count = sum(one.value for one in means) / len(means), sum(one.count for one in means)
    if not all(one.has_interval for one in means):
        return report.number(middle, COLUMNS[measure].form)
    whole = Mean(middle, min(one.low for one in means), max(one.high for one in means), count)
    return report.interval(whole, COLUMNS[measure].form)


def conversions(found: Mapping[str, Any]) -> Summary:
    return next(line for line in report.read_summary(found) if line.kind == CONVERTED)
