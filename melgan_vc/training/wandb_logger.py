"""Weights & Biases without prompts and without hanging."""

import os
from pathlib import Path

import wandb
from lightning.pytorch.loggers import WandbLogger

from melgan_vc.errors import UserError
from melgan_vc.training.wandb_key import PATIENCE, has_key


def make_wandb_logger(save_dir: str, project: str, name: str) -> WandbLogger:
    """A logger that uploads where a key is set (``wandb login``), and writes for a later ``wandb sync`` otherwise.

    Args:
        save_dir: the run directory.
        project, name: in Weights & Biases.
    """
    offline = os.environ.get("WANDB_MODE") == "offline" or not has_key()  # online without a key is a prompt
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(init_timeout=PATIENCE)
    logger = WandbLogger(save_dir=save_dir, project=project, name=name, settings=settings, offline=offline)
    try:
        _ = logger.experiment  # connects
    except wandb.Error as error:
        raise UserError(f"Weights & Biases: {error}; set WANDB_MODE=offline and run wandb sync later") from error
    return logger
