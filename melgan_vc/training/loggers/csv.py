"""Log all figures to one table, metrics.csv."""

import csv
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger

from melgan_vc.files import replacing
from melgan_vc.training.loggers.base import RunLogger, Start

log = logging.getLogger(__name__)
DAMAGED = "metrics.damaged.csv"  # where a table goes that has no row to keep


class CsvLog(RunLogger, CSVLogger):
    """Lightning's CSVLogger; a resumed training keeps the rows up to the batch that it resumes from."""

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="")

    def begin(self, start: Start) -> None:
        path = Path(self.log_dir) / "metrics.csv"
        kept = rows_until(path, start.batch_count) if start.batch_count and path.is_file() else []
        if path.is_symlink() or (path.exists() and not path.is_file()):
            os.replace(path, path.with_name(DAMAGED))  # a run from elsewhere must not have us write where a link leads
        if not kept:
            if start.batch_count and path.is_file() and path.stat().st_size:
                os.replace(path, path.with_name(DAMAGED))
            _ = self.experiment
            return
        with replacing(path) as temporary:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, list(kept[0]))
                table.writeheader()
                table.writerows(kept)
            self.experiment.metrics_keys = list(kept[0])  # making it deletes the file, so the new one is ready by now


def rows_until(path: Path, batch: int) -> list[dict[str, str]]:
    """Return the rows of a table up to a batch; says how many are damaged, but for a last one cut off in writing."""
    lines = path.read_bytes().rpartition(b"\n")[0].decode(errors="replace").replace("\0", "").splitlines()
    names = cells_of(lines[0]) if lines else []
    if "step" not in names or len(set(names)) < len(names):
        log.warning("warning: %s: no column step in its first line; its rows are skipped", path)
        return []
    found = [row_of(names, line) for line in lines[1:]]
    damaged = sum(row is None for row in found)
    if damaged:
        log.warning("warning: %s: %d of %d rows are damaged; they are skipped", path, damaged, len(found))
    return [row for row in found if row is not None and int(row["step"]) <= batch]


def row_of(names: Sequence[str], line: str) -> dict[str, str] | None:
    """Return a line of the table by its columns; None if it is not a row of numbers."""
    try:
        row = dict(zip(names, cells_of(line), strict=True))
        for name, value in row.items():
            int(value) if name == "step" else float(value or "nan")
    except ValueError:
        return None
    return row


def cells_of(line: str) -> list[str]:
    """Return the cells of a line; none if it cannot be read, such as one with a cell of over 128 KiB."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []
