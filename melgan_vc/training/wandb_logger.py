"""Weights & Biases without prompts and without hanging."""

import netrc
import os
from pathlib import Path

import wandb
from lightning.pytorch.loggers import WandbLogger

from melgan_vc.errors import UserError

HOST = "api.wandb.ai"
PATIENCE = 30  # seconds to wait for the server before giving up


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


def has_key() -> bool:
    """Whether a key is in the environment or in the user's netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(os.environ.get("WANDB_BASE_URL", HOST).split("//")[-1]) is not None
    except (OSError, netrc.NetrcParseError):
        return False
