"""Evaluations read back from their folders, and the waveforms of one recording in all of them."""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from melgan_vc import files
from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents, report
from melgan_vc.evaluation.columns import MEANS
from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.records import KINDS, read_record
from melgan_vc.evaluation.session import file_of, path_of

log = logging.getLogger(__name__)
LONGEST = 15_000_000  # samples of a recording that is shown: five minutes at 48 kHz


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that was read from its folder.

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

    @cached_property
    def curves(self) -> list[dict[str, str]]:
        """The figures of the training; none, with a warning, where they are damaged."""
        path = self.folder / report.CURVES
        if not os.path.lexists(path):
            return []
        try:
            documents.check_inside(path, self.folder)
            rows = list(documents.read_table(path, ("step",), cut=True))
            for row in rows:
                documents.step(row, path)
            return rows
        except UserError as error:
            self.tell(error)
            return []

    @cached_property
    def cells(self) -> dict[tuple[str, str], Mapping[str, str]]:
        """Rows by name and kind."""
        return {(row["name"], row["kind"]): row for row in reversed(self.rows)}

    def value(self, name: str, kind: str, measure: str) -> float:
        found = documents.number(self.cells.get((name, kind), {}), measure, self.folder / report.ROWS)
        return found if abs(found) < documents.LARGEST_NUMBER else math.nan

    def waveform(self, name: str, kind: str) -> np.ndarray | None:
        """A recording (N,) of a kind; None, with a warning, where it is missing or damaged."""
        try:
            path = path_of(self.folder, name, kind)
            before = self.folder / file_of(name, kind)  # as version 1 has it
            path = before if not path.is_file() and before.is_file() else path
            return read_waveform(self.folder, path, self.record["audio"]["sample_rate"])
        except (UserError, OSError, ValueError) as error:  # a name that is too long, or holds a NUL
            self.tell(error)
            return None

    def names(self, kind: str) -> list[str]:
        return [row["name"] for row in self.rows if row["kind"] == kind]

    def tell(self, error: Exception) -> None:
        """Warn of a part that cannot be shown."""
        log.warning("%s: %s; skipped", self.name, documents.shortened(error))


def read_waveform(folder: Path, path: Path, sample_rate: int) -> np.ndarray:
    """Return the waveform (N,) of a WAV file of an evaluation.

    Args:
        folder: of the evaluation; a link that leads out of it is refused.
        path: of the file.
        sample_rate: that it must have, in Hz.

    Raises:
        UserError: it is missing, damaged, or something else.
    """
    if not path.is_file():
        raise UserError(f"{path.name}: {documents.kind(path)}")
    documents.check_inside(path, folder)
    try:
        with soundfile.SoundFile(path) as file:
            found = (file.samplerate, file.channels)
            if found != (sample_rate, 1):
                raise UserError(f"{path.name}: has {found[1]} channels at {found[0]} Hz, not one at {sample_rate} Hz")
            if not 0 < file.frames <= LONGEST:
                raise UserError(f"{path.name}: is {file.frames / sample_rate:.0f} s long")
            waveform = file.read(dtype="float32")
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path.name}: is damaged ({documents.shortened(error)})") from error
    if not len(waveform) or not np.isfinite(waveform).all():
        raise UserError(f"{path.name}: holds {'NaN or infinite' if len(waveform) else 'no'} samples")
    return waveform


def read(folders: Sequence[Path], trust: Sequence[str] | None = None) -> list[Evaluation]:
    """Read what ``melgan_vc.evaluate`` left in folders; damaged ones are skipped with a warning.

    Args:
        folders: of evaluations.
        trust: see :func:`melgan_vc.evaluation.records.read_record`.

    Raises:
        UserError: none of them can be read.
    """
    found = []
    reasons = []
    for folder in folders:
        try:
            found.append(read_one(folder, trust))
        except (UserError, OSError, RecursionError) as error:
            reasons.append(f"{folder}: {documents.shortened(error, 300)}")
            log.warning("%s; skipped", reasons[-1])
    if not found:
        raise UserError(f"no evaluation can be read; the first: {reasons[0]}; evaluate again")
    return named(found)


def read_one(folder: Path, trust: Sequence[str] | None) -> Evaluation:
    """Read an evaluation.

    Raises:
        UserError: it is damaged.
    """
    path = folder / report.ROWS
    for one in (folder / report.RECORD, path):
        documents.check_inside(one, folder)
    record = read_record(folder / report.RECORD, trust)
    rows = list(documents.read_table(path, ("name", "kind")))
    kinds = {row["kind"] for row in rows}
    missing = [kind for kind in KINDS if kind not in kinds]
    if missing:
        raise UserError(f"{path.name}: has no row of kind {', '.join(missing)}")
    for row in rows:
        for name in MEANS:
            documents.number(row, name, path)
    return Evaluation(folder.resolve().name, folder, record, rows)


def found(folders: Sequence[Path]) -> list[Path]:
    """Return folders of evaluations: each that is one, also a damaged one, and those in each that is none.

    Args:
        folders: to look into; one that holds none is named in a warning.

    Raises:
        UserError: there is none.
    """
    inside: dict[str, Path] = {}
    for folder in folders:
        there = [folder] if is_evaluation(folder) else evaluated(folder)
        if not there:
            log.warning("%s: no evaluation found; skipped", folder)
        for one in there:
            inside.setdefault(os.path.realpath(one), one)
    if not inside:
        names = ", ".join(map(str, folders))
        raise UserError(f"{names}: no evaluation found; give output folders of melgan_vc.evaluate")
    return list(inside.values())


def is_evaluation(folder: Path) -> bool:
    """Tell whether a folder holds an evaluation, or the remains of one."""
    return any(os.path.lexists(folder / name) for name in (report.RECORD, report.SPEED))


def evaluated(folder: Path) -> list[Path]:
    """Return the evaluations in a folder, at any depth; folders that cannot be read are named in a warning."""

    def tell(error: OSError) -> None:
        log.warning("%s: %s; skipped", error.filename, error.strerror)

    walked = os.walk(folder, onerror=tell) if folder.is_dir() else ()
    return sorted(Path(root) for root, folders, files in walked if {report.RECORD, report.SPEED} & {*folders, *files})


def named(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return evaluations under the last part of their paths that tells them apart."""
    names = files.last_parts([one.folder.resolve() for one in evaluations])
    return [replace(one, name=name) for one, name in zip(evaluations, names, strict=True)]
