"""Weights & Biases: figures, tables to listen to, config, code state and bundle; no prompts and no hanging."""

import logging
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger

from melgan_vc.audio.pictures import mel_image
from melgan_vc.errors import UserError
from melgan_vc.training.code_state import code_state
from melgan_vc.training.held_out import HeldOut
from melgan_vc.training.loggers import wandb_file
from melgan_vc.training.loggers.base import RunLogger, Start

log = logging.getLogger(__name__)
HOST = "api.wandb.ai"
PATIENCE = 30  # seconds to wait for the server before giving up
TABLE = "held_out/clips"
KINDS = ("source", "converted", "target")


class WandbLog(RunLogger, WandbLogger):
    """Uploads where a key is set (``wandb login``), and writes for a later ``wandb sync`` otherwise.

    A resumed training goes on under the same run id. What the killed one had logged after its last checkpoint is not
    logged again: the same batches give the same values.

    Args:
        save_dir: the run directory.
        project, name: in Weights & Biases.
        group: to show runs of one sweep together; None for none.
    """

    def __init__(self, save_dir: str, project: str, name: str, group: str | None = None) -> None:
        offline = os.environ.get("WANDB_MODE") == "offline" or not has_key()  # online without a key is a prompt
        settings = wandb.Settings(init_timeout=PATIENCE)
        super().__init__(save_dir=save_dir, project=project, name=name, group=group, settings=settings, offline=offline)
        self.folder = Path(save_dir)
        self.last: dict[str, int] = {}  # batch at which each key was logged last
        self.last_of_all = -1

    def begin(self, start: Start) -> None:
        if start.exact and "id" in start.memory:
            self._wandb_init["id"] = start.memory["id"]
            self.last = logged_offline(self.folder, start.memory["id"])
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            run = self.experiment  # connects
        except wandb.Error as error:
            raise UserError(f"Weights & Biases: {error}; set WANDB_MODE=offline and run wandb sync later") from error
        if run.resumed:
            self.last_of_all = int(run.summary.get(wandb_file.STEP, -1))
        about = {"code": code_state(), "data_hash": dict(start.about["data"]), "version": start.about["version"]}
        run.config.update({**start.config, **about}, allow_val_change=True)

    def memory(self) -> dict[str, Any]:
        return {"id": str(self.experiment.id)}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        fresh = {key: value for key, value in metrics.items() if step is None or self.is_new(key, step)}
        if fresh:
            super().log_metrics(fresh, step)

    def is_new(self, key: str, batch: int) -> bool:
        return batch > max(self.last.get(key, -1), self.last_of_all)

    def show(self, outcome: HeldOut) -> None:
        if not outcome.clips or not self.is_new(TABLE, outcome.batch):
            return
        table = wandb.Table(columns=["batch", "clip", *KINDS, *(f"{kind}_mel" for kind in KINDS)])
        for clip in outcome.clips:
            sounds = {kind: wandb.Audio(wave, outcome.sample_rate) for kind, wave in clip.waveforms.items()}
            pictures = {kind: wandb.Image(mel_image(mel.numpy())) for kind, mel in clip.mels.items()}
            table.add_data(outcome.batch, clip.name, *map(sounds.get, KINDS), *map(pictures.get, KINDS))
        self.experiment.log({TABLE: table, wandb_file.STEP: outcome.batch})

    def publish(self, bundle: Path, measures: Mapping[str, float]) -> None:
        artifact = wandb.Artifact(f"{self.experiment.id}-{bundle.stem}", type="model", metadata=dict(measures))
        artifact.add_file(str(bundle))
        self.experiment.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        wandb.finish(exit_code=int(failed))  # or the next job of a sweep would go on with this run


def logged_offline(folder: Path, run_id: str) -> dict[str, int]:
    """The last batch of each key in the offline files of a run."""
    paths = sorted(folder.glob(f"wandb/offline-run-*/run-{run_id}.wandb"))
    try:
        return wandb_file.last_batches(paths)
    except Exception as error:  # another version's format: some batches then show twice
        log.warning("warning: cannot read what Weights & Biases wrote before (%s)", error)
        return {}


def has_key() -> bool:
    """Whether a key is in the environment or in the user's netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(os.environ.get("WANDB_BASE_URL", HOST).split("//")[-1]) is not None
    except (OSError, netrc.NetrcParseError):
        return False
