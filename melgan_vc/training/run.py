"""A training from its config to its bundle."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from melgan_vc.bundle import BEST_NAME, NAME, load
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.training.build import about, build, build_trainer
from melgan_vc.training.checkpoint_files import FOLDER, LAST, adopt
from melgan_vc.training.checkpoint_io import read
from melgan_vc.training.loggers.base import RunLogger, Start
from melgan_vc.training.module import MelganVC
from melgan_vc.training.resume import (
    CONFIG,
    ResumePoint,
    check_meaning,
    check_weights,
    goes_on,
    report_changes,
    resume_point,
    same_training,
    settle,
)
from melgan_vc.training.run_directory import claimed, full_disk_explained
from melgan_vc.training.snapshot import snapshot
from melgan_vc.training.stop import Stop

log = logging.getLogger(__name__)


def train(cfg: DictConfig, overrides: Sequence[str] = (), groups: Sequence[str] = ()) -> Path:
    """Train as a config says, from the start or from where a run was left; returns the run directory.

    It then holds config.yaml, metrics.csv, checkpoints/, samples/ and, also after an interruption, the bundle.

    Args:
        cfg: of ``conf/train.yaml``.
        overrides, groups: see :func:`melgan_vc.training.resume.settle`.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    cfg = settle(cfg, overrides, groups)
    run_dir = Path(cfg.run_dir)
    with claimed(run_dir, resuming=goes_on(cfg)), full_disk_explained(run_dir):
        point = resume_point(cfg.resume, run_dir)
        stop = Stop()
        module, data = build(cfg)
        data.first_batch = point.batch_count if point is not None else 0
        trainer = build_trainer(cfg, data.first_batch, stop)  # all settings are checked before any work
        data.prepare_data()
        data.setup()
        module.about = about(cfg, data)
        if point is not None:
            check_meaning(point, module.about, cfg.allow_changes)
            check_weights(point, module.state_dict())
            report_changes(run_dir, cfg)
        if point is not None and point.batch_count >= cfg.trainer.max_batches:
            finish(module, data, run_dir, point)
        else:
            loggers = begin_loggers(cfg, trainer, module, point)
            write_config(cfg, run_dir / CONFIG)
            start = None
            if point is not None:
                adopt(point.path, point.batch_count, run_dir / FOLDER)
                start = run_dir / FOLDER / LAST
                log.info("going on after batch %d from %s", point.batch_count, point.path)
            with stop.listening():
                fit(trainer, module, data, start, loggers)
            if stop.signal is not None:
                log.warning("interrupted after %d of %d batches", module.batch_count, cfg.trainer.max_batches)
                raise SystemExit(stop.exit_code)
    if module.failure is not None:
        raise UserError(module.failure)
    return run_dir


def fit(
    trainer: L.Trainer,
    module: MelganVC,
    data: ChunkDataModule,
    start: Path | None,
    loggers: Sequence[RunLogger],
) -> None:
    """Train, from a checkpoint if one is given, and leave the bundle, also where a signal or a guard ended it.

    Raises:
        KeyboardInterrupt: at a second Ctrl-C.
    """
    run_dir = Path(trainer.default_root_dir)
    log.info("run directory: %s", run_dir)
    failed = True
    try:
        with suppress(SIGTERMException):  # where the signal came between our last callback and Lightning's own check
            trainer.fit(module, datamodule=data, ckpt_path=start, weights_only=True)
        if module.failure is None or weights_are_finite(module):
            export(module, data, run_dir, loggers)
        failed = module.failure is not None
    except SystemExit as end:  # Lightning's way to end at a second Ctrl-C
        raise KeyboardInterrupt from end
    finally:
        for logger in loggers:
            logger.close(failed)


def begin_loggers(
    cfg: DictConfig, trainer: L.Trainer, module: MelganVC, point: ResumePoint | None
) -> Sequence[RunLogger]:
    """Tell our loggers what starts, and where the training goes on."""
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    exact = same_training(Path(cfg.run_dir), cfg)
    loggers = [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
    for logger in loggers:
        if point is None:
            logger.begin(Start(config, module.about))
        else:
            memory = point.loggers.get(type(logger).__name__, {})
            logger.begin(Start(config, module.about, point.batch_count, exact, memory))
    return loggers


def finish(module: MelganVC, data: ChunkDataModule, run_dir: Path, point: ResumePoint) -> None:
    """What is left to do of a training that has all its batches."""
    log.info("%s: all %d batches are trained; for more, raise trainer.max_batches", run_dir, point.batch_count)
    if bundled_batches(run_dir / NAME) != point.batch_count:
        restore(module, point)
        export(module, data, run_dir, [])


def bundled_batches(path: Path) -> int | None:
    """The batch that a bundle was written after; None if there is none that can be read."""
    try:
        return load(path).provenance.get("batches")
    except UserError:
        return None


def weights_are_finite(module: MelganVC) -> bool:
    return all(bool(torch.isfinite(weight).all()) for weight in module.best_generator.state_dict().values())


def restore(module: MelganVC, point: ResumePoint) -> None:
    """The networks of a checkpoint, without training."""
    content = read(point.path)
    module.load_state_dict(content["state_dict"])
    module.on_load_checkpoint(content)


def export(module: MelganVC, data: ChunkDataModule, run_dir: Path, loggers: Sequence[RunLogger]) -> None:
    """Leave the bundle of a training, however it ended, and show it to the loggers."""
    if not module.batch_count:
        return
    bundle = snapshot(module, data.audio, module.held_out)
    bundle.save(run_dir / NAME)
    log.info("bundle: %s (%d batches)", run_dir / NAME, module.batch_count)
    for path in (run_dir / NAME, run_dir / BEST_NAME):
        if path.is_file():
            kept = load(path).provenance
            for logger in loggers:
                logger.publish(path, {"batches": kept["batches"], **kept.get("held_out", {})})


def write_config(cfg: DictConfig, path: Path) -> None:
    """The whole config under its final name in one step; references between settings stay, so that it can be used."""
    stored = cfg.copy()
    stored.resume, stored.allow_changes = None, []  # said for one start, not for the next
    with replacing(path) as temporary:
        temporary.write_text(OmegaConf.to_yaml(stored), encoding="utf-8")
