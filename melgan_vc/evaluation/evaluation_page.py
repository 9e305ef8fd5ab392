"""The page of one evaluation, or of several side by side: figures, curves, sound, pictures, settings."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import soundfile
import torch
from matplotlib.figure import Figure

from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.evaluation import page, report
from melgan_vc.evaluation.columns import COLUMNS, MEANS
from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.session import file_of
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.measures.world import FRAME_MS, pitch_and_envelope
from melgan_vc.spec import AudioSpec

PAGE = "index.html"
CONVERTED = "converted"
RANKED_BY = ("mcd", "to_target", "chroma", "cer")  # the first one that was measured orders the recordings
SHOWN = 12  # recordings on the page: the worst and the best ones
PICTURED = ("source", CONVERTED, "target")
NOT_COMPARED = ("run_dir", "resume", "allow_changes", "logger.", "data.store", "data.workers")
CURVE_SIZE = (3.6, 2.4)  # inches
PITCH_SIZE = (7.5, 2.2)
MODEL_COLOURS = ("#10b981", "#a855f7", "#ef4444", "#06b6d4", "#84cc16", "#ec4899")


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation left in a folder.

    Attributes:
        name: to be told from others by.
        folder: of it.
        record: of metrics.json.
        rows: of metrics.csv.
    """

    name: str
    folder: Path
    record: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]

    @cached_property
    def summary(self) -> list[Summary]:
        return report.read_summary(self.record)

    @property
    def curves(self) -> list[dict[str, str]]:
        path = self.folder / report.CURVES
        return list(csv.DictReader(path.open(encoding="utf-8"))) if path.is_file() else []

    def value(self, name: str, kind: str, measure: str) -> float:
        found = [row.get(measure) for row in self.rows if row["name"] == name and row["kind"] == kind]
        return float(found[0]) if found and found[0] else math.nan

    def waveform(self, name: str, kind: str) -> np.ndarray | None:
        path = self.folder / file_of(name, kind)
        return soundfile.read(path, dtype="float32")[0] if path.is_file() else None

    def names(self, kind: str) -> list[str]:
        return [row["name"] for row in self.rows if row["kind"] == kind]


def read(folders: Sequence[Path]) -> list[Evaluation]:
    """What ``melgan_vc.evaluate`` left in folders.

    Raises:
        UserError: there is nothing, or it is damaged.
    """
    found = []
    for folder in folders:
        try:
            record = json.loads((folder / report.RECORD).read_text(encoding="utf-8"))
            rows = list(csv.DictReader((folder / report.ROWS).open(encoding="utf-8")))
            found.append(Evaluation(folder.name, folder, record, rows))
            report.read_summary(record)
        except OSError as error:
            raise UserError(f"{folder}: holds no evaluation; give an output folder of melgan_vc.evaluate") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder / report.RECORD}: is damaged ({error}); evaluate again") from error
    return named(found)


def found(folders: Sequence[Path]) -> list[Path]:
    """Folders of evaluations: each that is one, and those in each that is none.

    Raises:
        UserError: there is none.
    """
    inside = [
        one for folder in folders for one in ([folder] if (folder / report.RECORD).is_file() else evaluated(folder))
    ]
    if not inside:
        names = ", ".join(map(str, folders))
        raise UserError(f"{names}: no evaluation found; give output folders of melgan_vc.evaluate")
    return inside


def evaluated(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob(report.RECORD)) if folder.is_dir() else []


def named(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The same under the last part of their paths that tells them apart."""
    parts = [one.folder.resolve().parts for one in evaluations]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-count:]) for one in parts]
        if len(set(names)) == len(names):
            break
    return [replace(one, name=name) for one, name in zip(evaluations, names, strict=True)]


def write(output: Path, folders: Sequence[Path]) -> Path:
    """Write the page of evaluations into a folder; returns where it is."""
    evaluations = read(folders)
    first = evaluations[0]
    several = len(evaluations) > 1
    sounds = {one.record["sound"] for one in evaluations}
    if len(sounds) > 1:
        raise UserError(f"{', '.join(str(one.folder) for one in evaluations)}: voices and music cannot be on one page")
    audio = AudioSpec(**first.record["audio"])
    measures = [name for name in COLUMNS if any(report.has(line, name) for line in first.summary)]
    ranking = next((name for name in RANKED_BY if name in measures), measures[0])
    content = {
        "title": f"{len(evaluations)} evaluations" if several else f"Evaluation: {first.record['bundle']}",
        "evaluations": evaluations,
        "several": several,
        "verdicts": [
            f"{f'{one.name}: ' if several else ''}{line}"
            for one in evaluations
            for line in report.verdicts(one.summary, one.record)
        ],
        "headings": [COLUMNS[name] for name in measures],
        "lines": lines(evaluations, measures),
        "curves": curves(evaluations),
        "clips": clips(evaluations, audio, ranking, output),
        "ranking": COLUMNS[ranking].heading,
        "orders": [(name, COLUMNS[name].heading) for name in measures if name in MEANS],
        "changed": changed(evaluations),
        "cards": [(one.name, card(one)) for one in evaluations],
        "facts": [(one.name, facts(one)) for one in evaluations],
        "data": [(one.name, one.record["data_report"]) for one in evaluations if one.record.get("data_report")],
        "settings": sorted(first.record.get("settings", {}).items()),
        "count": len(first.names("source")),
    }
    page.write(output / PAGE, "evaluation.html", content)
    return output / PAGE


def kind_name(evaluations: Sequence[Evaluation], one: Evaluation) -> str:
    return f"{CONVERTED}: {one.name}" if len(evaluations) > 1 else CONVERTED


def lines(evaluations: Sequence[Evaluation], measures: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """The table: name, class and cells of each line; what no model changes is there once."""
    first = evaluations[0]
    found = []
    for line in first.summary:
        if line.kind != CONVERTED:
            found.append((line.kind, "", [report.cell(line, name) for name in measures]))
            continue
        for one in evaluations:
            own = next(each for each in one.summary if each.kind == CONVERTED)
            found.append((kind_name(evaluations, one), "model", [report.cell(own, name) for name in measures]))
    return found


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


def colours(count: int) -> list[str]:
    """One for each model."""
    more = matplotlib.colormaps["hsv"](np.linspace(0, 0.9, max(0, count - len(MODEL_COLOURS))))
    return [*MODEL_COLOURS[:count], *(matplotlib.colors.to_hex(one) for one in more)]


def clips(evaluations: Sequence[Evaluation], audio: AudioSpec, ranking: str, folder: Path) -> list[dict[str, Any]]:
    """The recordings on the page, the worst first."""
    first = evaluations[0]
    way = COLUMNS[ranking].better
    sign = 1 if way == "max" else -1

    def score(name: str) -> float:
        value = first.value(name, CONVERTED, ranking)
        return -math.inf if math.isnan(value) else sign * value

    ranked = sorted(first.names("source"), key=score)
    if len(ranked) > SHOWN:
        ranked = [*ranked[: SHOWN // 2], *ranked[-(SHOWN - SHOWN // 2) :]]
    return [clip(evaluations, audio, name, place, folder) for place, name in enumerate(ranked)]


def clip(evaluations: Sequence[Evaluation], audio: AudioSpec, name: str, place: int, folder: Path) -> dict[str, Any]:
    """A recording of the source and all that was made of it."""
    kinds = list(tracks(evaluations, name, place))
    longest = max(len(one.waveform) for one in kinds)
    front_end = MelTransform(audio)
    pictured = [one for one in kinds if one.kind in PICTURED]
    measured = {measure: evaluations[0].value(name, CONVERTED, measure) for measure in MEANS}
    return {
        "name": name,
        "seconds": f"{longest / audio.sample_rate:.3f}",
        "values": {measure: f"{value:.6g}" for measure, value in measured.items() if not math.isnan(value)},
        "figures": [
            f"{COLUMNS[measure].heading} {value:{COLUMNS[measure].form}}"
            for measure, value in measured.items()
            if not math.isnan(value)
        ],
        "tracks": [
            {
                "label": one.label,
                "colour": one.colour,
                "sound": page.sound(one.waveform, audio.sample_rate),
                "start": one.kind == CONVERTED,
            }
            for one in kinds
        ],
        "pictures": [
            {
                "label": one.label,
                "track": kinds.index(one),
                "width": f"{100 * len(one.waveform) / longest:.2f}",
                "picture": page.mel_picture(front_end(torch.from_numpy(one.waveform)).numpy(), folder),
            }
            for one in pictured
        ],
        "pitch": None if evaluations[0].record["sound"] == "music" else pitches(pictured, audio.sample_rate),
    }


@dataclass(frozen=True, eq=False)
class Track:
    """A waveform (N,) to hear."""

    kind: str
    label: str
    colour: str
    waveform: np.ndarray


def tracks(evaluations: Sequence[Evaluation], name: str, place: int) -> Iterator[Track]:
    """All kinds of a recording; where no sentence has a partner, some recording of the target stands beside it."""
    first = evaluations[0]
    targets = first.names("target")
    other = name if first.record["parallel"] else targets[place % len(targets)]
    palette = dict(zip((one.name for one in evaluations), colours(len(evaluations)), strict=True))
    for kind in (line.kind for line in first.summary):
        owner = other if kind.startswith("target") else name
        label = kind if owner == name else f"{kind} ({owner})"
        for one in evaluations if kind == CONVERTED else [first]:
            waveform = one.waveform(owner, kind)
            if waveform is not None:
                colour = palette[one.name] if kind == CONVERTED else page.COLOURS.get(kind, "#808890")
                yield Track(kind, kind_name(evaluations, one) if kind == CONVERTED else label, colour, waveform)


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


def changed(evaluations: Sequence[Evaluation]) -> list[tuple[str, list[str]]]:
    """Settings that differ between the runs."""
    all_settings = [one.record.get("settings", {}) for one in evaluations]
    keys = sorted({key for one in all_settings for key in one if not key.startswith(NOT_COMPARED)})
    values = [(key, [str(one.get(key, "-")) for one in all_settings]) for key in keys]
    return [(key, found) for key, found in values if len(set(found)) > 1]


def card(one: Evaluation) -> str:
    path = one.folder / report.CARD
    return path.read_text(encoding="utf-8") if path.is_file() else "no card was kept"


def facts(one: Evaluation) -> list[tuple[str, str]]:
    """How it was measured."""
    record = one.record
    held_out = ", ".join(f"{count} of the {domain}" for domain, count in record["held_out"].items())
    found = [
        ("bundle", record["bundle"]),
        (
            "held-out recordings",
            held_out + ("; the same sentences" if record["parallel"] else "; not the same sentences"),
        ),
        ("from", ", ".join(record["places"].values())),
        (
            "converted with",
            f"overlap {record['overlap']}, inversion {record['inversion'].get('_target_', '').rpartition('.')[2]}",
        ),
        ("digital silence becomes", f"{record['silence_dbfs']} dBFS without the gate, silence with it"),
    ]
    speed = one.folder / report.SPEED
    if speed.is_file():
        times = json.loads(speed.read_text(encoding="utf-8"))["times_real_time"]
        found.append(("speed of converting", f"{times} times real time, inversion included"))
    if record["baselines"]:
        found.append((f"{' and '.join(record['baselines'])} from", f"statistics of the {record['baselines_from']}"))
    if "recogniser" in record:
        found.append(("words heard by", record["recogniser"] or "no recogniser: CER and WER were left out"))
    if "classifier_accuracy" in record:
        found.append(("classifier right on real held-out recordings", f"{record['classifier_accuracy']:.0%}"))
    return found
