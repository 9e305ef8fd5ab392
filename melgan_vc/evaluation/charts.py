"""Charts of evaluations: a training's curves, and F0 over time."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from melgan_vc.evaluation import labels, page
from melgan_vc.evaluation.documents import LARGEST_NUMBER
from melgan_vc.evaluation.kept import Evaluation
from melgan_vc.evaluation.tracks import Track, colours
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.measures.world import pitch

CURVE_SIZE = (3.6, 2.4)  # inches
PITCH_SIZE = (7.5, 2.2)
MOST = 60  # curves on a page


def curves(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Charts of held-out measures, then of losses, over batches."""
    rows = {one.name: one.curves for one in evaluations}
    names = dict.fromkeys(name for found in rows.values() for row in found[:1] for name in row)
    held_out = [name for name in names if name.startswith("held_out/")]
    losses = [name for name in names if name.partition("/")[0] in ("generator", "discriminator")]
    drawn = []
    for name in (held_out + losses)[:MOST]:
        lines = {run: points(found, name) for run, found in rows.items()}
        if not any(len(places) for places, _ in lines.values()):
            continue
        way = BETTER.get(name.removeprefix("held_out/"), NO_WAY)
        better = {"min": ", less is better", "max": ", more is better"}.get(way, "")
        drawing = page.drawn(partial(curve, lines, len(rows) > 1), f"{name} over batches")
        if drawing is not None:
            drawn.append({"drawing": drawing, "caption": f"{name}{better}"})
    return drawn


def points(rows: Sequence[Mapping[str, str]], name: str) -> tuple[list[int], list[float]]:
    """Batches and values of a figure, where it was logged as a number."""
    known = [(int(float(row["step"])), number(row.get(name, ""))) for row in rows]
    finite = [(step, value) for step, value in known if abs(value) < LARGEST_NUMBER]  # which NaN is not
    return [step for step, _ in finite], [value for _, value in finite]


def number(cell: str) -> float:
    """The number in a cell; NaN where there is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def curve(lines: Mapping[str, tuple[list[int], list[float]]], legend: bool) -> Figure:
    figure = Figure(figsize=CURVE_SIZE, layout="constrained")
    axis = figure.subplots()
    for (name, (places, values)), colour in zip(lines.items(), colours(len(lines)), strict=True):
        marker = "o" if len(places) < 20 else ""
        axis.plot(places, values, color=colour, label=labels.plain(name), linewidth=1.3, marker=marker, ms=3)
    axis.set_xlabel("batches")
    if legend:
        axis.legend(fontsize=7)
    return figure


def pitches(found: Sequence[Track], sample_rate: int) -> Any:
    """F0 contours over one another; None where they cannot be drawn."""

    def draw() -> Figure:
        figure = Figure(figsize=PITCH_SIZE, layout="constrained")
        axis = figure.subplots()
        for one in found:
            f0, times = pitch(one.waveform, sample_rate)
            label = labels.plain(one.label)
            axis.plot(times, np.where(f0 > 0, f0, np.nan), color=one.colour, label=label, linewidth=1.3)
        axis.set(xlabel="seconds", ylabel="F0 (Hz)")
        axis.legend(fontsize=7, loc="upper right")
        return figure

    return page.drawn(draw, "F0 over time of " + ", ".join(one.label for one in found)) if found else None
