"""The runs of a folder: their settings, their best validation, and which of them can be compared."""

import math
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgan_vc.bundle_header import BEST_NAME, NAME, read_header
from melgan_vc.config.targets import check_targets
from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.nested import flat
from melgan_vc.text import printable

SPEED = "throughput/batches_per_second"
CONFIG, METRICS, JOB, FAILURE = "config.yaml", "metrics.csv", "job.json", "failure.txt"
CHECKPOINTS = "checkpoints"
SIGNS = {CONFIG, METRICS, JOB, NAME, BEST_NAME, CHECKPOINTS}  # two of them, or a sweep's job alone, make a run
OTHERS = {"metrics.json", "speed.json", "training.csv"}  # an evaluation, which keeps its run's config
PREFIX = "held_out/"
NOT_COMPARED = ("run_dir", "resume", "allow_changes", "logger.", "data.store", "data.workers")
DATA = ("data.source", "data.target", "data.root", "data.litdata.address")
MEASURED_ON = (  # settings that decide what is measured; runs that differ in one are not comparable
    "audio.", "data.validation_share", "prepare.mono", "prepare.loudness", "prepare.silence",
    "callbacks.validation.clips", "callbacks.validation.seconds", "callbacks.validation.listen",
)  # fmt: skip
ABSENT = "-"


@dataclass(frozen=True)
class Entry:
    """A run.

    Attributes:
        name: its folder, relative to that of all runs.
        settings: by dotted name; of a job that failed before it began, those that it was given.
        measures: at the validation that is best by the measure that is asked for; finite ones alone.
        batch: of that validation; None if there was none.
        batches: logged in all.
        speed: batches per second, the median of what was logged; None if nothing was.
        failure: what went wrong, in a line; None if nothing did.
        data: hashes of the recordings it was trained on, by domain; None where they are not known.
    """

    name: str
    settings: Mapping[str, Any]
    measures: Mapping[str, float]
    batch: int | None
    batches: int
    speed: float | None
    failure: str | None
    data: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Survey:
    """The runs of a folder.

    Attributes:
        entries: the best first, those without the measure last.
        skipped: runs that cannot be read, a line each with the reason.
    """

    entries: Sequence[Entry]
    skipped: Sequence[str]


def read(folder: Path, measure: str, trust: Sequence[str] | None = None) -> Survey:
    """Read all runs under a folder.

    Args:
        folder: that holds them, at any depth.
        measure: of validations, by which they are ranked.
        trust: packages whose classes a run's config may name; None does not ask, for nothing of it is called here.

    Raises:
        UserError: there is no run that can be read, or no such measure.
    """
    if BETTER.get(measure, NO_WAY) == NO_WAY:
        known = ", ".join(name for name, way in BETTER.items() if way != NO_WAY)
        raise UserError(f"measure is {measure!r}: give one of {known}")
    entries: list[Entry] = []
    skipped: list[str] = []
    for run in sorted(find(folder, skipped)):
        name = run.relative_to(folder).as_posix()
        try:
            entries.append(entry(run, name, measure, trust))
        except (UserError, OSError, RecursionError) as error:
            skipped.append(f"{printable(name)}: {documents.shortened(error, 300)}; skipped")
    if not entries:
        reasons = f"none of {len(skipped)} runs can be read; the first: {skipped[0]}" if skipped else "no runs found"
        raise UserError(f"{folder}: {reasons}; give a folder that holds run directories")
    return Survey(sorted(entries, key=lambda one: score(one.measures, measure), reverse=True), skipped)


def find(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Yield the run directories under a folder, also damaged ones; folders that cannot be read go into ``skipped``."""

    def tell(error: OSError) -> None:
        if error.filename == str(folder):
            if isinstance(error, PermissionError):
                raise error
            return  # there is no such folder, so there are no runs
        skipped.append(f"{printable(error.filename)}: {error.strerror}; skipped")

    for root, folders, files in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = {*folders, *files}
        if (JOB in names or len(names & SIGNS) > 1) and not names & OTHERS:
            yield Path(root)


def score(measures: Mapping[str, float], measure: str) -> float:
    """Return a measure such that more is better; least of all where it was not measured."""
    value = measures.get(measure, math.nan)
    if not math.isfinite(value):
        return -math.inf
    return value if BETTER[measure] == "max" else -value


def entry(run: Path, name: str, measure: str, trust: Sequence[str] | None = None) -> Entry:
    """Return what a run directory tells of itself.

    Args:
        run: the directory.
        name: for the entry.
        measure: of validations, the best of which counts.
        trust: see :func:`read`.

    Raises:
        UserError: one of its files is damaged, or its config names a class that it may not.
    """
    for file in (CONFIG, METRICS, JOB, FAILURE):
        documents.check_inside(run / file, run)
    path = run / METRICS
    rows = documents.read_table(path, ("step",), cut=True) if os.path.lexists(path) else iter(())
    batches, speeds = 0, []
    best: tuple[float, int | None, dict[str, float]] = (-math.inf, None, {})
    for row in rows:
        batch = documents.step(row, path)
        batches = max(batches, batch)
        if row.get(SPEED):
            speeds.append(documents.number(row, SPEED, path))
        if row.get(f"{PREFIX}{measure}"):
            measures = measured(row, path)
            ranked = score(measures, measure)
            if ranked >= best[0] and math.isfinite(ranked):  # of equal ones the last, as checkpoints are kept
                best = (ranked, batch, measures)
    known = [speed for speed in speeds if math.isfinite(speed)]
    return Entry(
        name,
        settings(run, trust),
        measures=best[2],
        batch=best[1],
        batches=batches,
        speed=statistics.median(known) if known else None,
        failure=failure(run),
        data=trained_on(run),
    )


def measured(row: Mapping[str, str], path: Path) -> dict[str, float]:
    """Return the held-out measures of a row of metrics.csv that are numbers."""
    found = {key.removeprefix(PREFIX): documents.number(row, key, path) for key in row if key.startswith(PREFIX)}
    return {name: value for name, value in found.items() if abs(value) < documents.LARGEST_NUMBER}  # which NaN is not


def failure(run: Path) -> str | None:
    """Return why a job failed, in a line; None if it did not."""
    if not os.path.lexists(run / FAILURE):
        return None
    try:
        content = documents.read_bytes(run / FAILURE, documents.LARGEST_TEXT)
    except UserError as error:
        return f"unknown: {error}"
    line = content.partition(b"\n")[0].decode("utf-8", errors="replace")
    return documents.shortened(line, 500) or "unknown: no reason was kept"


def settings(run: Path, trust: Sequence[str] | None) -> dict[str, Any]:
    """Return the settings of a run by dotted name."""
    if os.path.lexists(run / CONFIG) or not os.path.lexists(run / JOB):
        found = documents.read_yaml(run / CONFIG)
        if trust is not None:
            check_targets(found, trust, f"{CONFIG}: ")
        return flat(found)
    given = documents.read_json(run / JOB).get("overrides")
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise UserError(f"{JOB}: overrides are no list of texts")
    pairs = (one.partition("=") for one in given)
    return {key.lstrip("+"): documents.parse_yaml(value, run / JOB) for key, _, value in pairs}


def trained_on(run: Path) -> tuple[str, ...] | None:
    """Return the hashes of the recordings that a run's bundle was trained on, if it has one that says so."""
    try:
        found = read_header(run / NAME).about.get("provenance", {}).get("data", {})
        return tuple(f"{domain}: {found[domain]:.12}" for domain in sorted(found)) or None
    except (UserError, OSError, AttributeError, TypeError, ValueError, RecursionError):
        return None  # the settings say it, too; a damaged bundle is named where it is linked


def comparable(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return entries in groups that were measured alike: on the same recordings, with the same audio settings.

    Runs without a bundle, which would tell the hashes of their recordings, are known by their data settings.
    """
    hashes: dict[object, set[tuple[str, ...]]] = {}
    for one in entries:
        if one.data:
            hashes.setdefault(chosen(one, DATA), set()).add(one.data)

    def key(one: Entry) -> object:
        known = hashes.get(chosen(one, DATA), set())
        data: object = one.data or (next(iter(known)) if len(known) == 1 else chosen(one, DATA))
        return data, chosen(one, MEASURED_ON)

    groups: dict[object, list[Entry]] = {}
    for one in entries:
        groups.setdefault(key(one), []).append(one)
    return list(groups.values())


def chosen(one: Entry, keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the settings of a run whose names begin so."""
    return tuple(sorted((key, repr(value)) for key, value in one.settings.items() if key.startswith(keys)))


def difference(groups: Sequence[Sequence[Entry]], group: Sequence[Entry]) -> str:
    """Return what sets a group apart from the others, to stand over its table."""
    firsts = [one[0] for one in groups]
    keys = sorted({key for one in firsts for key in one.settings if key.startswith((*DATA, *MEASURED_ON))})
    differing = [key for key in keys if len({repr(one.settings.get(key)) for one in firsts}) > 1]
    told = [f"{key}={documents.shortened(group[0].settings.get(key, ABSENT))}" for key in differing]
    if not told or len({one.data for one in firsts}) == len(groups) > len({chosen(one, DATA) for one in firsts}):
        told.append(f"recordings {', '.join(group[0].data or ('unknown',))}")
    return "; ".join(told)


def swept(entries: Sequence[Entry]) -> list[str]:
    """Return the settings that differ between runs that began."""
    begun = [one.settings for one in entries if one.failure is None] or [one.settings for one in entries]
    keys = sorted({key for one in begun for key in one if not key.startswith(NOT_COMPARED)})
    return [key for key in keys if len({repr(one.get(key, ABSENT)) for one in begun}) > 1]


def logged_as(entries: Sequence[Entry]) -> str:
    """Return the group of Weights & Biases that these runs, a sweep, are in.

    Raises:
        UserError: they are not in one.
    """
    groups = {one.settings.get("logger.wandb.group") for one in entries if one.failure is None}
    if len(groups) != 1 or not isinstance(group := groups.pop(), str):
        raise UserError("these runs are not one group in Weights & Biases: run the sweep with logger=wandb")
    return group


def best_bundle(folder: Path, entries: Sequence[Entry], skipped: list[str]) -> Path | None:
    """Return the best bundle of the best run that has one; damaged ones are told in ``skipped``.

    Args:
        folder: of all runs.
        entries: the best first.
        skipped: gets a line for each bundle that cannot be read.
    """
    for one in entries:
        for name in (BEST_NAME, NAME) if one.batch is not None and one.failure is None else ():
            path = folder / one.name / name
            if os.path.lexists(path):
                try:
                    read_header(path)
                    return path
                except (UserError, OSError, ValueError, RecursionError) as error:
                    reason = documents.shortened(str(error).removeprefix(f"{path}: "))
                    skipped.append(f"{printable(one.name)}/{name}: {reason}; skipped")
    return None
