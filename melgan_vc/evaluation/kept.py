"""What evaluations left in their folders, and the waveforms of one recording in all of them."""

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

from melgan_vc.errors import UserError
from melgan_vc.evaluation import page, report
from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.session import file_of

CONVERTED = "converted"
PICTURED = ("source", CONVERTED, "target")  # the kinds that are worth a picture
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
    parts = [one.folder.absolute().parts for one in evaluations]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-count:]) for one in parts]
        if len(set(names)) == len(names):
            break
    return [replace(one, name=name) for one, name in zip(evaluations, names, strict=True)]


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


def kind_name(evaluations: Sequence[Evaluation], one: Evaluation) -> str:
    return f"{CONVERTED}: {one.name}" if len(evaluations) > 1 else CONVERTED


def colours(count: int) -> list[str]:
    """One for each model."""
    more = matplotlib.colormaps["hsv"](np.linspace(0, 0.9, max(0, count - len(MODEL_COLOURS))))
    return [*MODEL_COLOURS[:count], *(matplotlib.colors.to_hex(one) for one in more)]
