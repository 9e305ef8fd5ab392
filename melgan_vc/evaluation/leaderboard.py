"""Runs beside one another: what differed between them, and which is best by a held-out measure."""

import csv
import json
import math
import os
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from melgan_vc.bundle_header import BEST_NAME, NAME
from melgan_vc.errors import UserError
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.nested import flat

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPEED = "throughput/batches_per_second"
CONFIG, METRICS, JOB, FAILURE = "config.yaml", "metrics.csv", "job.json", "failure.txt"
SIGNS = (METRICS, JOB, NAME)  # that a folder with a config is a run's
PREFIX = "held_out/"
NOT_COMPARED = ("run_dir", "resume", "allow_changes", "logger.", "data.store", "data.workers")
ABSENT = "-"
CLASS = "._target_"
WIDE = 50  # largest over smallest of values that are drawn on a logarithmic axis


@dataclass(frozen=True)
class Entry:
    """A run.

    Attributes:
        name: its folder, relative to that of all runs.
        settings: by dotted name; of a job that failed before it began, those that it was given.
        measures: at the validation that is best by the measure that is asked for.
        batch: of that validation; None if there was none.
        batches: logged in all.
        speed: batches per second, the median of what was logged; None if nothing was.
        failure: what went wrong, in a line; None if nothing did.
    """

    name: str
    settings: Mapping[str, Any]
    measures: Mapping[str, float]
    batch: int | None
    batches: int
    speed: float | None
    failure: str | None


def read(folder: Path, measure: str) -> list[Entry]:
    """All runs under a folder, the best first, those without the measure last.

    Raises:
        UserError: there is no run, or no such measure.
    """
    if BETTER.get(measure, NO_WAY) == NO_WAY:
        known = ", ".join(name for name, way in BETTER.items() if way != NO_WAY)
        raise UserError(f"measure is {measure!r}: give one of {known}")
    homes = {path.parent for name in (CONFIG, JOB) for path in folder.rglob(name)} if folder.is_dir() else set()
    found = [home for home in homes if any((home / name).exists() for name in SIGNS)]  # not wandb's own folders
    if not found:
        raise UserError(f"{folder}: no runs found; give a folder that holds run directories")
    entries = [entry(run, run.relative_to(folder).as_posix(), measure) for run in sorted(found)]
    return sorted(entries, key=lambda one: score(one.measures, measure), reverse=True)


def score(measures: Mapping[str, float], measure: str) -> float:
    """More is better; least of all where it was not measured."""
    value = measures.get(measure, math.nan)
    if not math.isfinite(value):
        return -math.inf
    return value if BETTER[measure] == "max" else -value


def entry(run: Path, name: str, measure: str) -> Entry:
    """What a run directory tells of itself."""
    rows = list(csv.DictReader((run / METRICS).open(encoding="utf-8"))) if (run / METRICS).is_file() else []
    validations = [(int(row["step"]), measured(row)) for row in rows if row.get(f"{PREFIX}{measure}")]
    batch, measures = max(validations, key=lambda one: score(one[1], measure), default=(None, {}))
    failure = (run / FAILURE).read_text(encoding="utf-8").partition("\n")[0] if (run / FAILURE).is_file() else None
    speeds = [float(row[SPEED]) for row in rows if row.get(SPEED)]
    return Entry(
        name,
        settings(run),
        measures,
        batch,
        batches=max((int(row["step"]) for row in rows), default=0),
        speed=statistics.median(speeds) if speeds else None,
        failure=failure,
    )


def measured(row: Mapping[str, str]) -> dict[str, float]:
    return {key.removeprefix(PREFIX): float(value) for key, value in row.items() if key.startswith(PREFIX) and value}


def settings(run: Path) -> dict[str, Any]:
    """The settings of a run, flat."""
    if (run / CONFIG).is_file():
        try:
            return flat(yaml.safe_load((run / CONFIG).read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise UserError(f"{run / CONFIG}: cannot be read; put it right, or move this run away") from error
    given = json.loads((run / JOB).read_text(encoding="utf-8"))["overrides"]
    return {key.lstrip("+"): yaml.safe_load(value) for key, _, value in (one.partition("=") for one in given)}


def swept(entries: Sequence[Entry]) -> list[str]:
    """The settings that differ between runs that began."""
    begun = [one.settings for one in entries if one.failure is None] or [one.settings for one in entries]
    keys = sorted({key for one in begun for key in one if not key.startswith(NOT_COMPARED)})
    return [key for key in keys if len({repr(one.get(key, ABSENT)) for one in begun}) > 1]


def logged_as(entries: Sequence[Entry]) -> str:
    """The group of Weights & Biases that these runs, a sweep, are in.

    Raises:
        UserError: they are not in one.
    """
    groups = {one.settings.get("logger.wandb.group") for one in entries if one.failure is None}
    if len(groups) != 1 or not isinstance(group := groups.pop(), str):
        raise UserError("these runs are not one group in Weights & Biases: run the sweep with logger=wandb")
    return group


def short(keys: Sequence[str]) -> dict[str, str]:
    """Names for columns: the last two parts."""
    names = {key: key.removesuffix(CLASS) for key in keys}
    return {
        key: ".".join(name.split(".")[-2:]) if name.count(".") > 1 and len(keys) > 1 else name
        for key, name in names.items()
    }


def shown(settings: Mapping[str, Any], key: str) -> str:
    """A setting as a cell; a number that a search has drawn is rounded, a class without its module."""
    value = settings.get(key, ABSENT)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).rpartition(".")[2] if key.endswith(CLASS) else str(value)


def table(entries: Sequence[Entry], measure: str) -> str:
    """The runs to read in a terminal, and under them what failed."""
    keys = swept(entries)
    headings = ["", measure, *short(keys).values(), "at batch", "batches", "batches/s", "run"]
    rows = [
        [
            str(place),
            f"{one.measures[measure]:.3f}" if one.batch is not None else ABSENT,
            *(shown(one.settings, key) for key in keys),
            str(one.batch or ABSENT),
            str(one.batches),
            ABSENT if one.speed is None else f"{one.speed:.3g}",
            one.name,
        ]
        for place, one in enumerate((one for one in entries if one.failure is None), start=1)
    ]
    failed = [f"failed: {one.name}: {one.failure} (all of it: {one.name}/{FAILURE})" for one in entries if one.failure]
    return "\n".join([aligned(headings, rows), *failed])


def write_csv(entries: Sequence[Entry], path: Path) -> None:
    """The same with all measures."""
    keys = swept(entries)
    names = [name for name in BETTER if any(name in one.measures for one in entries)]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["run", *keys, *names, "at_batch", "batches", "batches_per_second", "failure"])
        for one in entries:
            values = [one.settings.get(key, "") for key in keys] + [one.measures.get(name, "") for name in names]
            writer.writerow([one.name, *values, one.batch or "", one.batches, one.speed or "", one.failure or ""])


def figure(entries: Sequence[Entry], measure: str) -> "Figure":
    """The measure against each swept value."""
    from matplotlib.figure import Figure  # takes a while

    keys = swept(entries) or ["name"]
    ranked = [one for one in entries if one.batch is not None]
    picture = Figure(figsize=(1 + 3.2 * len(keys), 3.6), layout="constrained")
    for axis, key in zip(picture.subplots(1, len(keys), sharey=True, squeeze=False)[0], keys, strict=True):
        values = [one.settings.get(key, ABSENT) for one in ranked]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            values = [shown(one.settings, key) for one in ranked]
        elif ranked and 0 < min(values) <= max(values) / WIDE:
            axis.set_xscale("log")
        heights = [one.measures[measure] for one in ranked]
        axis.scatter(values, heights)
        if ranked:
            axis.scatter(values[:1], heights[:1], s=120, facecolors="none", edgecolors="tab:orange", label="best")
        axis.set_xlabel(short(keys)[key])
        axis.grid(alpha=0.3)
    picture.axes[0].ticklabel_format(axis="y", useOffset=False)  # so that a difference of nothing looks like it
    picture.axes[0].set_ylabel(f"{measure} ({'less' if BETTER[measure] == 'min' else 'more'} is better)")
    if ranked:
        picture.legend(*picture.axes[0].get_legend_handles_labels(), loc="outside upper right")
    return picture


def link_best(entries: Sequence[Entry], folder: Path) -> Path | None:
    """Make ``best.safetensors`` in the folder stand for the best run's best bundle; None if there is none."""
    for one in entries:
        for name in (BEST_NAME, NAME):
            bundle = folder / one.name / name
            if one.batch is not None and one.failure is None and bundle.is_file():
                with replacing(folder / BEST_NAME) as temporary:
                    temporary.unlink()  # a link needs the name
                    try:
                        temporary.symlink_to(os.path.relpath(bundle, folder))
                    except OSError:  # a file system without links
                        shutil.copyfile(bundle, temporary)
                return bundle
    return None


def write(folder: Path, measure: str, output: Path) -> str:
    """Compare the runs of a folder: leaves the table and the picture in ``output``; returns what to print."""
    entries = read(folder, measure)
    write_csv(entries, output / "leaderboard.csv")
    from melgan_vc.audio.pictures import save_figure

    save_figure(figure(entries, measure), output / "leaderboard.png")
    best = link_best(entries, folder)
    lines = [f"{len(entries)} runs in {folder}, by {measure}:", "", table(entries, measure), ""]
    lines += [f"best bundle: {best}, also {folder / BEST_NAME}"] if best else []
    return "\n".join([*lines, f"table: {output / 'leaderboard.csv'}; picture: {output / 'leaderboard.png'}"])
