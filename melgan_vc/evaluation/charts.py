"""Charts of evaluations: a training's curves, and F0 over time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from melgan_vc.evaluation import page
from melgan_vc.evaluation.kept import Evaluation, Track, colours
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.measures.world import FRAME_MS, pitch_and_envelope

CURVE_SIZE = (3.6, 2.4)  # inches
PITCH_SIZE = (7.5, 2.2)


def curves(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Charts of held-out measures, then of losses, over batches."""
    rows = {one.name: one.curves for one in evaluations}
    names = dict.fromkeys(name for found in rows.values() for row in found[:1] for name in row)
    held_out = [name for name in names if name.startswith("held_out/")]
    losses = [name for name in names if name.partition("/")[0] in ("generator", "discriminator")]
    drawn = []
    with page.style():
        for name in held_out + losses:
            lines = {run: points(found, name) for run, found in rows.items()}
            if not any(len(places) for places, _ in lines.values()):
                continue
            way = BETTER.get(name.removeprefix("held_out/"), NO_WAY)
            better = {"min": ", less is better", "max": ", more is better"}.get(way, "")
            figure = curve(lines, len(rows) > 1)
            drawn.append({"drawing": page.chart(figure, f"{name} over batches"), "caption": f"{name}{better}"})
    return drawn


def points(rows: Sequence[Mapping[str, str]], name: str) -> tuple[list[int], list[float]]:
    known = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
    return [step for step, _ in known], [value for _, value in known]


def curve(lines: Mapping[str, tuple[list[int], list[float]]], legend: bool) -> Figure:
    figure = Figure(figsize=CURVE_SIZE, layout="constrained")
    axis = figure.subplots()
    for (name, (places, values)), colour in zip(lines.items(), colours(len(lines)), strict=True):
        axis.plot(places, values, color=colour, label=name, linewidth=1.3, marker="o" if len(places) < 20 else "", ms=3)
    axis.set_xlabel("batches")
    if legend:
        axis.legend(fontsize=7)
    return figure


def pitches(found: Sequence[Track], sample_rate: int) -> Any:
    """F0 contours over one another."""
    with page.style():
        figure = Figure(figsize=PITCH_SIZE, layout="constrained")
        axis = figure.subplots()
        for one in found:
            f0, _, _ = pitch_and_envelope(one.waveform, sample_rate)
            times = np.arange(len(f0)) * FRAME_MS / 1000
            axis.plot(times, np.where(f0 > 0, f0, np.nan), color=one.colour, label=one.label, linewidth=1.3)
        axis.set(xlabel="seconds", ylabel="F0 (Hz)")
        axis.legend(fontsize=7, loc="upper right")
        return page.chart(figure, "F0 over time of " + ", ".join(one.label for one in found))
