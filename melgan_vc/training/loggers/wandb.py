"""Weights & Biases: figures, tables to listen to, config, code state and bundle; no prompts and no hanging."""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger

from melgan_vc.errors import UserError
from melgan_vc.training.code_state import code_state
from melgan_vc.training.loggers import wandb_file
from melgan_vc.training.loggers.base import KINDS, RunLogger, Start
from melgan_vc.training.loggers.csv import rows_until
from melgan_vc.training.wandb_key import PATIENCE, has_key

log = logging.getLogger(__name__)
TABLE = "held_out/clips"


class WandbLog(RunLogger, WandbLogger):
    """Uploads where a key is set (``wandb login``), and writes for a later ``wandb sync`` otherwise.

    A resumed training goes on under the same run id. What the killed one had logged after its checkpoint is not logged
    again, for the same batches give the same values; what wandb had not yet written when it was killed is made up for
    from metrics.csv and the samples.

    Args:
        save_dir: the run directory.
        project, name: in Weights & Biases.
        group: to show runs of one sweep together; None for none.
    """

    def __init__(self, save_dir: str, project: str, name: str, group: str | None = None) -> None:
        offline = os.environ.get("WANDB_MODE") == "offline" or not has_key()  # online without a key is a prompt
        settings = wandb.Settings(init_timeout=PATIENCE)
        super().__init__(save_dir=save_dir, project=project, name=name, group=group, settings=settings, offline=offline)
        self._wandb_init.pop("anonymous")  # Lightning's default, which wandb warns of
        self.folder = Path(save_dir)
        self.last: dict[str, int] = {}  # batch at which each key was logged last
        self.last_of_all = -1

    def begin(self, start: Start) -> None:
        if start.exact and re.fullmatch(r"[\w-]{1,64}", str(start.memory.get("id", ""))):
            self._wandb_init["id"] = start.memory["id"]
            self.read_back(start)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            run = self.experiment  # connects
        except wandb.Error as error:
            raise UserError(f"Weights & Biases: {error}; set WANDB_MODE=offline and run wandb sync later") from error
        if run.resumed:
            self.last_of_all = int(run.summary.get(wandb_file.STEP, -1))
        about = {"code": code_state(), "data_hash": dict(start.about["data"]), "version": start.about["version"]}
        run.config.update({**start.config, **about}, allow_val_change=True)
        self.catch_up(start.batch_count)

    def read_back(self, start: Start) -> None:
        """Learn what offline files of this run hold already."""
        files = sorted(self.folder.glob(f"wandb/offline-run-*/run-{start.memory['id']}.wandb"))
        try:
            self.last = wandb_file.last_batches(files)
        except (OSError, ValueError) as error:  # another version's format: some batches may show twice or not at all
            log.warning("warning: cannot read what Weights & Biases wrote before (%s)", error)
            self.last_of_all = start.batch_count

    def catch_up(self, batch_count: int) -> None:
        """Log what is missing up to the batch that the training goes on from."""
        table = self.folder / "metrics.csv"
        for row in rows_until(table, batch_count) if batch_count and table.is_file() else []:
            step = int(row.pop("step"))
            self.log_metrics({key: float(value) for key, value in row.items() if value}, step)
        for folder in sorted(self.folder.glob("samples/batch_*")):
            number = folder.name.partition("_")[2]
            if number.isdecimal() and int(number) <= batch_count:
                with suppress(OSError, ValueError):  # a damaged picture or sound is not shown
                    self.show(int(number), folder)

    def memory(self) -> dict[str, Any]:
        return {"id": str(self.experiment.id)}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        fresh = {key: value for key, value in metrics.items() if step is None or self.is_new(key, step)}
        if fresh:
            super().log_metrics(fresh, step)

    def is_new(self, key: str, batch: int) -> bool:
        return batch > max(self.last.get(key, -1), self.last_of_all)

    def show(self, batch: int, folder: Path) -> None:
        if not self.is_new(TABLE, batch):
            return
        table = wandb.Table(columns=["batch", "clip", *KINDS, *(f"{kind}_mel" for kind in KINDS)])
        row: dict[str, Any] = {TABLE: table, wandb_file.STEP: batch}
        for name in sorted({path.name.partition("_")[0] for path in folder.glob("*_*.wav")}):
            media: dict[str, Any] = {path.stem: wandb.Audio(str(path)) for path in folder.glob(f"{name}_*.wav")}
            media |= {f"{path.stem}_mel": wandb.Image(str(path)) for path in folder.glob(f"{name}_*.png")}
            table.add_data(batch, name, *(media.get(f"{name}_{column}") for column in table.columns[2:]))
            row |= {f"held_out/{key.replace('_', '/', 1)}": value for key, value in media.items()}  # with a slider
        self.experiment.log(row)

    def publish(self, bundle: Path, measures: Mapping[str, float]) -> None:
        artifact = wandb.Artifact(f"{self.experiment.id}-{bundle.stem}", type="model", metadata=dict(measures))
        artifact.add_file(str(bundle))
        self.experiment.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        wandb.finish(exit_code=int(failed))  # or the next job of a sweep would go on with this run
        if self._offline:
            wandb.teardown()  # waits for wandb's own process, which writes the end of the file after finish returns
