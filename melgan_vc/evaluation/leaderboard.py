"""Runs side by side: what differs between them, and which is best by a held-out measure."""

import csv
import errno
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgan_vc.bundle_header import BEST_NAME
from melgan_vc.csv_cells import csv_cell
from melgan_vc.evaluation import labels
from melgan_vc.evaluation.documents import LARGEST_NUMBER, shortened
from melgan_vc.evaluation.ranking import EVALUATED, QUALITY, WAYS, rank
from melgan_vc.evaluation.runs import (
    ABSENT,
    FAILURE,
    Entry,
    best_bundle,
    comparable,
    difference,
    swept,
)
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.text import counted, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)
BESIDE = (QUALITY, "distillmos", *EVALUATED.values())  # columns of every table, where a run has them
CLASS = "._target_"
WIDE = 50  # largest over smallest of values that are drawn on a logarithmic axis
COLUMNS = 12  # settings in a table or a picture
LONGEST = 40  # characters of a setting in a table


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
    return shortened(str(value).rpartition(".")[2] if key.endswith(CLASS) else value, LONGEST)


def table(entries: Sequence[Entry], measure: str) -> str:
    """Return the runs as a table for a terminal."""
    keys = swept(entries)
    others = [name for name in BESIDE if name != measure and any(name in one.measures for one in entries)]
    shown_measures = (measure, *others)
    headings = ["", *shown_measures, *short(keys[:COLUMNS]).values(), "at batch", "batches", "batches/s", "run"]
    rows = [
        [
            str(place),
            *(f"{one.measures[name]:.3f}" if name in one.measures else ABSENT for name in shown_measures),
            *(shown(one.settings, key) for key in keys[:COLUMNS]),
            ABSENT if one.batch is None else str(one.batch),
            str(one.batches),
            ABSENT if one.speed is None else f"{one.speed:.3g}",
            one.name,
        ]
        for place, one in enumerate((one for one in entries if one.failure is None), start=1)
    ]
    more = [f"{len(keys) - COLUMNS} more settings differ; the CSV file has them all"] if len(keys) > COLUMNS else []
    return "\n".join([aligned(headings, rows), *more])


def tables(entries: Sequence[Entry], measure: str) -> str:
    """Return a table of each group of comparable runs, with what sets it apart, and under them what failed."""
    groups = comparable([one for one in entries if one.failure is None])
    if len(groups) > 1:
        parts = [f"These runs were measured on different recordings or mels, so {len(groups)} tables stand alone:\n"]
    else:
        parts = [table(entries, measure)]
    for number, group in enumerate(groups if len(groups) > 1 else (), start=1):
        parts.append(f"{number} of {len(groups)}: {difference(groups, group)}\n\n{table(group, measure)}\n")
    failed = [
        f"failed: {printable(one.name)}: {one.failure} (all of it: {printable(one.name)}/{FAILURE})"
        for one in entries
        if one.failure is not None
    ]
    return "\n".join([*parts, *failed])


def write_csv(entries: Sequence[Entry], path: Path) -> None:
    """Write all settings that differ, and all measures, as a CSV file."""
    keys = swept(entries)
    names = [name for name in WAYS if any(name in one.measures for one in entries)]
    groups = {one.name: number for number, group in enumerate(comparable(entries), start=1) for one in group}
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        header = ["run", *keys, *names, "at_batch", "batches", "batches_per_second", "failure", "comparable"]
        writer.writerow(map(csv_cell, header))
        for one in entries:
            values = [one.settings.get(key, "") for key in keys] + [one.measures.get(name, "") for name in names]
            batch = "" if one.batch is None else one.batch
            cells = [one.name, *values, batch, one.batches, one.speed or "", one.failure or "", groups[one.name]]
            writer.writerow(
                csv_cell(cell if isinstance(cell, int | float | str | None) else str(cell)) for cell in cells
            )


def figure(entries: Sequence[Entry], measure: str) -> "Figure":
    """Draw the measure against each swept value; runs that are not comparable in colours of their own."""
    from matplotlib.figure import Figure  # takes a while

    keys = (swept(entries) or ["name"])[:COLUMNS]
    ranked = [one for one in entries if measure in one.measures]
    picture = Figure(figsize=(1 + 3.2 * len(keys), 3.6), layout="constrained")
    axes = picture.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    for axis, key in zip(axes, keys, strict=True):
        panel(axis, ranked, key, measure)
        axis.set_xlabel(labels.plain(short(keys)[key]))
        axis.grid(alpha=0.3)
    axes[0].ticklabel_format(axis="y", useOffset=False)  # so that a difference of nothing looks like it
    axes[0].set_ylabel(f"{measure} ({'less' if WAYS[measure] == 'min' else 'more'} is better)")
    if ranked:
        picture.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right")
    return picture


def panel(axis: "Axes", ranked: Sequence[Entry], key: str, measure: str) -> None:
    """Draw the measure against one setting."""
    values = [one.settings.get(key, ABSENT) for one in ranked]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not numeric or not all(abs(value) < LARGEST_NUMBER for value in values):  # which NaN is not
        values = [labels.plain(shown(one.settings, key)) for one in ranked]
    elif ranked and 0 < min(values) <= max(values) / WIDE:
        axis.set_xscale("log")
    heights = [one.measures[measure] for one in ranked]
    places = {one.name: value for one, value in zip(ranked, values, strict=True)}
    groups = comparable(ranked)
    axis.scatter(values, heights, color="none")  # so that values have one order in all groups
    for number, group in enumerate(groups, start=1):
        label = f"table {number}" if len(groups) > 1 else None
        axis.scatter([places[one.name] for one in group], [one.measures[measure] for one in group], label=label)
    if len(groups) == 1:
        axis.scatter(values[:1], heights[:1], s=120, facecolors="none", edgecolors="tab:orange", label="best")


def link_best(bundle: Path, folder: Path) -> bool:
    """Make ``best.safetensors`` in the folder stand for the best run's best bundle, unless another file has that name.

    Args:
        bundle: of the best run.
        folder: of all runs.

    Returns:
        Whether it was linked.
    """
    link = folder / BEST_NAME
    if bundle.parent == folder:
        return False  # the folder is the run, and this its own bundle
    if os.path.lexists(link) and not link.is_symlink():
        return False
    made = folder / f".{BEST_NAME}.{os.getpid()}.link"
    try:
        made.unlink(missing_ok=True)  # of a process that was killed and had the same number
        made.symlink_to(os.path.relpath(bundle, folder))
        os.replace(made, link)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EROFS):  # the runs are somebody else's
            log.warning("warning: %s was not linked: %s", link, error.strerror)
            return False
        with replacing(link) as temporary:  # a file system without links
            shutil.copyfile(bundle, temporary)
    return True


def write(folder: Path, measure: str, output: Path, trust: Sequence[str] | None = None) -> str:
    """Compare the runs of a folder.

    Args:
        folder: of runs.
        measure: that ranks them, see :func:`melgan_vc.evaluation.ranking.rank`.
        output: gets the table and the picture.
        trust: packages whose classes a run's config may name, see :func:`melgan_vc.evaluation.runs.read`.

    Returns:
        what to print.
    """
    ranking = rank(folder, measure, trust)
    entries, skipped, measure = ranking.entries, list(ranking.skipped), ranking.measure
    write_csv(entries, output / "leaderboard.csv")
    drawn = draw(entries, measure, output / "leaderboard.png")
    groups = comparable([one for one in entries if one.failure is None])
    best = best_bundle(folder, entries, skipped) if len(groups) == 1 else None
    count = counted(len(entries), "run")
    by = f"{measure}, {ranking.reason}" if ranking.reason else measure
    lines = [f"{count} in {printable(folder)}, by {by}:", "", tables(entries, measure), *skipped, ""]
    if best is not None:
        also = f", also {printable(folder / BEST_NAME)}" if link_best(best, folder) else ""
        lines.append(f"best bundle: {printable(best)}{also}")
    lines.append(
        f"table: {printable(output / 'leaderboard.csv')}" + (f"; picture: {printable(drawn)}" if drawn else "")
    )
    return "\n".join(lines)


def draw(entries: Sequence[Entry], measure: str, path: Path) -> Path | None:
    """Draw the runs into a file; None, with a warning, where that fails, for a picture is not worth the table."""
    from melgan_vc.audio.pictures import save_figure

    try:
        with labels.no_missing_glyphs():
            save_figure(figure(entries, measure), path)
    except (OSError, MemoryError):  # a full disk, no rights: of the output, not of these runs
        raise
    except Exception as error:  # of matplotlib, by whatever values and names runs can have
        log.warning("warning: %s was not drawn: %s", path, shortened(error))
        return None
    return path
