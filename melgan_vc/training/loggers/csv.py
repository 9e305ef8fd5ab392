"""metrics.csv: one table of all figures."""

import csv
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger

from melgan_vc.files import replacing
from melgan_vc.training.loggers.base import RunLogger, Start


class CsvLog(RunLogger, CSVLogger):
    """Lightning's, but a resumed training keeps the rows up to where it goes on."""

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="")

    def begin(self, start: Start) -> None:
        path = Path(self.log_dir) / "metrics.csv"
        kept = rows_until(path, start.batch_count) if start.batch_count and path.is_file() else []
        if not kept:
            _ = self.experiment
            return
        with replacing(path) as temporary:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, list(kept[0]))
                table.writeheader()
                table.writerows(kept)
            self.experiment.metrics_keys = list(kept[0])  # making it deletes the file, so the new one is ready by now


def rows_until(path: Path, batch: int) -> list[dict[str, str]]:
    """The rows of a table up to a batch; a last line that was cut off in writing is not among them."""
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [row for row in csv.DictReader(whole.splitlines()) if int(row["step"]) <= batch]
