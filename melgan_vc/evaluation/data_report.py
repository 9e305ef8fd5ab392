"""The report on the recordings of a training: a page, tables, and what is printed."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from melgan_vc.csv_cells import csv_cell
from melgan_vc.evaluation import page
from melgan_vc.evaluation.advice import Advice
from melgan_vc.evaluation.inspection import Domain
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.measures.recordings import bin_frequencies
from melgan_vc.nested import jsonable

PAGE, TABLE, FIGURES = "index.html", "recordings.csv", "report.json"
SIZE = (5.2, 3.2)  # inches of a chart


def write(output: Path, domains: Sequence[Domain], found: Sequence[Advice]) -> str:
    """Leave the page, a table of all recordings and the figures in a folder; returns what to print."""
    write_table(output / TABLE, domains)
    write_figures(output / FIGURES, domains, found)
    write_page(output / PAGE, domains, found)
    return "\n".join([aligned(("", *(domain.name for domain in domains)), rows(domains)), "", *lines(found)])


def rows(domains: Sequence[Domain]) -> list[list[str]]:
    """Return the figures of the domains, a row each."""
    columns = [figures(domain) for domain in domains]
    return [[name, *(column[name] for column in columns)] for name in columns[0]]


def figures(domain: Domain) -> dict[str, str]:
    items = domain.store.items
    held_out = domain.audio.seconds(sum(one.frames for one in domain.split.validation)) / 60
    top = domain.audio.max_frequency or domain.audio.sample_rate / 2
    return {
        "minutes": f"{domain.minutes:.1f}",
        "of them held out": f"{held_out:.1f}",
        "recordings": str(len(items)),
        "skipped, too short, silent": ", ".join(
            str(len(one)) for one in (domain.store.left_out, domain.split.short, domain.split.silent)
        ),
        "level (dBFS)": shown(domain.mean("loud"), ".0f"),
        "quietest moments (dBFS)": shown(domain.mean("quiet"), ".0f"),
        "clipped recordings": str(len(domain.clipped)),
        "bandwidth (kHz)": f"{shown(domain.mean('bandwidth') / 1000, '.1f')} of {top / 1000:g}",
        "silence": f"{domain.mean('silent'):.0%}",
        "F0, median (Hz)": shown(float(np.median(domain.f0)) if len(domain.f0) else math.nan, ".0f"),
    }


def shown(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def lines(found: Sequence[Advice]) -> list[str]:
    """Advice for a terminal."""
    if not found:
        return ["No problems found."]
    return [
        f"{'WARNING' if one.serious else 'hint'}: {one.what}\n  effect: {one.effect}\n  remedy: {one.remedy}"
        for one in found
    ]


def write_table(path: Path, domains: Sequence[Domain]) -> None:
    """A line for each recording: what the store says of it, and what was measured."""
    measured = ("loud", "quiet", "silent", "bandwidth")
    stored = ("seconds", "removed", "clipped", "peak", "level", "gain", "group", "split", "sha256")
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["domain", "path", *stored, *measured, "left_out"])
        for domain in domains:
            sounds = dict(zip((item.path for item in domain.examined), domain.sounds, strict=True))
            for item in domain.store.items:
                sound = sounds.get(item.path)
                values = ["" if sound is None else f"{getattr(sound, name):.4g}" for name in measured]
                cells = [domain.name, item.path, *(getattr(item, name) for name in stored)]
                writer.writerow([*map(csv_cell, cells), *values, ""])
            for name, reason in domain.store.left_out.items():
                writer.writerow([domain.name, csv_cell(name), *[""] * (len(stored) + len(measured)), csv_cell(reason)])


def write_figures(path: Path, domains: Sequence[Domain], found: Sequence[Advice]) -> None:
    summary = {
        domain.name: {"place": domain.place, "content": domain.store.content} | figures(domain) for domain in domains
    }
    text = json.dumps(jsonable({**summary, "advice": [asdict(one) for one in found]}), indent=1, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_page(path: Path, domains: Sequence[Domain], found: Sequence[Advice]) -> None:
    audio = domains[0].audio
    frames = next((len(one.mel) for domain in domains for one in domain.windows), 0)
    content = {
        "title": "Training data report",
        "domains": [described(domain) for domain in domains],
        "advice": found,
        "rows": rows(domains),
        "notes": notes(domains),
        "charts": charts(domains),
        "window_seconds": f"{audio.seconds(frames):.2f}",
    }
    page.write(path, "data.html", content)


def described(domain: Domain) -> dict[str, Any]:
    """A domain as the page shows it."""
    windows = [
        {
            "path": one.path,
            "start": f"{one.start:.1f}",
            "picture": page.mel_picture(one.mel.T),
            "sound": page.sound(one.waveform, domain.audio.sample_rate),
        }
        for one in domain.windows
    ]
    return {"name": domain.name, "place": domain.place, "windows": windows}


def notes(domains: Sequence[Domain]) -> list[str]:
    """Return notes that a reader of the figures needs."""
    found = [
        f"Of the {domain.name}, {len(domain.examined)} of {len(domain.store.items)} recordings were measured."
        for domain in domains
        if len(domain.examined) < len(domain.store.items) - len(domain.split.silent)
    ]
    return [*found, f"Every recording by itself: {TABLE}, beside this page."]


def charts(domains: Sequence[Domain]) -> list[dict[str, Any]]:
    drawn = (
        (
            spectra,
            "The mean mel over frequency, with one standard deviation. Differences are what is to be learned; "
            "noise and room are a part of them.",
        ),
        (pitch, "F0 of voiced frames of some recordings: the distance is how far a voice must move."),
        (levels, "Level of each recording's sound, and, dashed, of its quietest moments."),
        (durations, "Durations of the recordings."),
    )
    shown = [{"drawing": page.drawn(partial(draw, domains), caption), "caption": caption} for draw, caption in drawn]
    return [one for one in shown if one["drawing"] is not None]


def spectra(domains: Sequence[Domain]) -> Figure:
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    for domain in domains:
        frequencies = bin_frequencies(domain.audio) / 1000
        centre, spread = domain.spectrum
        mean, deviation = (centre - 1) / 2 * domain.audio.range_db, spread / 2 * domain.audio.range_db
        axis.plot(frequencies, mean, color=page.COLOURS[domain.name], label=domain.name)
        axis.fill_between(
            frequencies, mean - deviation, mean + deviation, color=page.COLOURS[domain.name], alpha=0.2, linewidth=0
        )
    axis.set(xlabel="kHz", ylabel="dB under the top of the mels")
    axis.legend()
    return figure


def pitch(domains: Sequence[Domain]) -> Figure:
    return histogram({domain.name: domain.f0 for domain in domains}, "F0 (Hz)", "share of voiced frames")


def levels(domains: Sequence[Domain]) -> Figure:
    loud = {domain.name: np.array([sound.loud for sound in domain.sounds]) for domain in domains}
    quiet = {domain.name: np.array([sound.quiet for sound in domain.sounds]) for domain in domains}
    return histogram(loud, "dBFS", "share of recordings", quiet)


def durations(domains: Sequence[Domain]) -> Figure:
    values = {domain.name: np.array([item.seconds for item in domain.store.items]) for domain in domains}
    longest = max(float(one.max()) for one in values.values())
    if longest > 120:
        return histogram({name: one / 60 for name, one in values.items()}, "minutes", "share of recordings")
    return histogram(values, "seconds", "share of recordings")


def histogram(
    values: dict[str, np.ndarray], label: str, share: str, dashed: dict[str, np.ndarray] | None = None
) -> Figure:
    """Shares of values by domain; ``dashed`` are others on the same axis."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    everything = np.concatenate([*values.values(), *(dashed or {}).values()])
    edges = np.histogram_bin_edges(everything, bins=40) if len(everything) else np.linspace(0, 1, 2)
    bins = edges.tolist()
    for name, own in values.items():
        if len(own):
            weights = np.full(len(own), 1 / len(own))
            axis.hist(own, bins, weights=weights, color=page.COLOURS[name], alpha=0.5, label=name)
    for name, own in (dashed or {}).items():
        weights = np.full(len(own), 1 / len(own))
        axis.hist(own, bins, weights=weights, color=page.COLOURS[name], histtype="step", linestyle="--")
    axis.set(xlabel=label, ylabel=share)
    axis.legend()
    return figure
