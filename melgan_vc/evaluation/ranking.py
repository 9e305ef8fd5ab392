"""Which measure ranks runs, and their figures in evaluations that are kept in their directories."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents
from melgan_vc.evaluation.runs import Entry, comparable, read
from melgan_vc.measures.better import BETTER
from melgan_vc.text import printable, shortened

AUTO = "auto"
QUALITY, FALLBACK = "quality", "mel_distance"
EVALUATED = {"quality": "evaluated_quality", "distillmos": "evaluated_distillmos"}  # names beside those of validations
WAYS = BETTER | {name: BETTER[measure] for measure, name in EVALUATED.items()}
RECORD = "metrics.json"
NAMED = 3  # runs in a reason


@dataclass(frozen=True)
class Ranking:
    """Runs in their order.

    Attributes:
        entries: the best first, those without the measure last; their measures have those of evaluations.
        skipped: what cannot be read, a line each with the reason.
        measure: that ranks them.
        reason: why it does, as the end of a sentence; empty where it was asked for.
    """

    entries: Sequence[Entry]
    skipped: Sequence[str]
    measure: str
    reason: str


@dataclass(frozen=True)
class Evaluated:
    """An evaluation of a run.

    Attributes:
        conditions: under which it was made; figures of the same ones may stand side by side.
        chooses: whether it is of recordings that are there to choose by, not to measure the choice.
        written: when, in seconds since 1970.
        measures: of the conversions, finite ones alone, by their names in EVALUATED.
    """

    conditions: tuple[tuple[str, str], ...]
    chooses: bool
    written: float
    measures: Mapping[str, float]


def rank(folder: Path, measure: str, trust: Sequence[str] | None = None) -> Ranking:
    """Rank the runs of a folder.

    Args:
        folder: that holds them, at any depth.
        measure: of validations; AUTO for the quality of evaluations where all runs have one of the same recordings,
            else of validations where all measured it, else FALLBACK.
        trust: see :func:`melgan_vc.evaluation.runs.read`.

    Raises:
        UserError: there is no run that can be read, or no such measure.
    """
    survey = read(folder, FALLBACK if measure == AUTO else measure, trust)
    skipped = list(survey.skipped)
    figures = evaluation_figures(folder, survey.entries, trust, skipped)
    entries = [with_figures(one, figures) for one in survey.entries]
    if measure != AUTO:
        return Ranking(entries, skipped, measure, "")
    name = EVALUATED[QUALITY]
    compared = [one for one in entries if one.failure is None and (one.batch is not None or name in one.measures)]
    if compared and all(name in one.measures for one in compared):
        entries.sort(key=lambda one: one.measures.get(name, float("-inf")), reverse=True)
        return Ranking(entries, skipped, name, "which evaluations of the same recordings give for every run")
    by_quality = read(folder, QUALITY, trust).entries
    known = {one.name for one in by_quality if QUALITY in one.measures}
    lacking = [one.name for one in compared if one.name not in known]
    if compared and not lacking:
        found = [with_figures(one, figures) for one in by_quality]
        return Ranking(found, skipped, QUALITY, "which the validations of every run measured")
    return Ranking(entries, skipped, FALLBACK, f"for {listed(lacking, len(compared))} no quality")


def listed(names: Sequence[str], most: int) -> str:
    """Return the subject and verb of a sentence on some of ``most`` runs."""
    if len(names) in (0, most):
        return "the runs have"
    shown = ", ".join(map(printable, names[:NAMED])) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    return f"{shown} {'has' if len(names) == 1 else 'have'}"


def with_figures(one: Entry, figures: Mapping[str, Mapping[str, float]]) -> Entry:
    """Return a run with its figures of an evaluation, if it has any."""
    return replace(one, measures={**one.measures, **figures.get(one.name, {})})


def evaluation_figures(
    folder: Path, entries: Sequence[Entry], trust: Sequence[str] | None, skipped: list[str]
) -> dict[str, Mapping[str, float]]:
    """Return figures of evaluations by run, within each group of comparable runs those of one set of conditions.

    It is the one that most runs were evaluated under; of several, one of recordings to choose by, then the newest.

    Args:
        folder: of all runs.
        entries: the runs.
        trust: packages whose classes a record may name.
        skipped: gets a line for each evaluation that cannot be read.
    """
    figures: dict[str, Mapping[str, float]] = {}
    for group in comparable([one for one in entries if one.failure is None]):
        found = {one.name: list(evaluations(folder / one.name, one, trust, skipped)) for one in group}
        every = [evaluation for evaluations in found.values() for evaluation in evaluations]
        counts = Counter(conditions for known in found.values() for conditions in {one.conditions for one in known})
        if not every:
            continue
        best = max(every, key=lambda one: (counts[one.conditions], one.chooses, one.written))
        for name, known in found.items():
            alike = [one for one in known if one.conditions == best.conditions]
            if alike:
                figures[name] = max(alike, key=lambda one: one.written).measures
    return figures


def evaluations(run: Path, one: Entry, trust: Sequence[str] | None, skipped: list[str]) -> Iterator[Evaluated]:
    """Yield the evaluations in folders of a run directory that are of this run.

    Args:
        run: the directory.
        one: what is known of it.
        trust, skipped: see :func:`evaluation_figures`.
    """
    for path in sorted(run.glob(f"[!.]*/{RECORD}")):
        try:
            documents.check_inside(path, run)
            found = evaluated(path, one, trust)
        except (UserError, OSError, RecursionError) as error:
            skipped.append(f"{printable(f'{one.name}/{path.parent.name}')}: {shortened(error, 300)}; skipped")
            continue
        if found is not None:
            yield found


def evaluated(path: Path, one: Entry, trust: Sequence[str] | None) -> Evaluated | None:
    """Return the evaluation of a record; None where it is that of another run.

    Raises:
        UserError: the record is damaged.
    """
    from melgan_vc.evaluation.comparison import conditions  # takes a while, and few runs have an evaluation
    from melgan_vc.evaluation.records import read_record

    record = read_record(path, trust)
    own = record["settings"].get("run_dir")
    if own is not None and own != one.settings.get("run_dir"):
        return None
    line: Any = next(line for line in record["summary"] if line["kind"] == "converted")
    figures = {name: mean.get("value") for name, mean in line["means"].items()} | line["whole"]
    values = {name: figures.get(measure) for measure, name in EVALUATED.items()}
    return Evaluated(
        tuple(conditions(record).items()),
        record.get("split") == "development",
        path.stat().st_mtime,
        {
            name: float(value)
            for name, value in values.items()
            if value is not None and abs(value) < documents.LARGEST_NUMBER
        },
    )
