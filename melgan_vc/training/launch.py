"""Start the processes of a training on this machine; torch's elastic launcher watches over them."""

import logging
import os
import shlex
import sys
import tempfile
import uuid
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from melgan_vc.config.targets import check_trust
from melgan_vc.errors import UserError

WORKER = "melgan_vc.worker"  # the command that each process runs
HOME = "127.0.0.1"


def devices(cfg: DictConfig) -> int:
    """How many devices of this machine a config asks for."""
    wanted = cfg.trainer.devices
    if wanted == "auto":
        return max(1, torch.cuda.device_count()) if cfg.trainer.accelerator in ("auto", "gpu", "cuda") else 1
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise UserError(f"trainer.devices is {wanted!r}: give a whole number above 0, or auto for all GPUs")
    return wanted


def launch(cfg: DictConfig, count: int) -> None:
    """Train as a settled config says in so many processes, which end together.

    They read the config from a file and compose nothing anew: each trains exactly this.

    Raises:
        UserError: one of them was killed or crashed.
        SystemExit: they ended with this code, after a word of their own.
    """
    for name in logging.root.manager.loggerDict:  # each has a level of its own; what matters is said below
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{HOME}:0",
        local_addr=HOME,
        max_restarts=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(OmegaConf.to_yaml(cfg), encoding="utf-8")
        try:
            elastic_launch(config, sys.executable)("-m", WORKER, str(file), *check_trust(cfg.trust))
        except SignalException as error:
            raise SystemExit(128 + error.sigval) from error
        except ChildFailedError as error:
            number, failure = error.get_first_failure()
            if failure.exitcode > 0:
                raise SystemExit(failure.exitcode) from error
            raise UserError(
                f"process {number} of {count} was ended by signal {-failure.exitcode}; what is saved is whole; to go "
                f"on: {shlex.quote(f'resume={cfg.run_dir}')}"
            ) from error
