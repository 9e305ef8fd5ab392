"""A training from its config to its bundle."""

import logging
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf
from torch import nn

from melgan_vc.bundle import BEST_NAME, NAME
from melgan_vc.config.stored import escape
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.data.splits import RECORDED, recorded_least
from melgan_vc.errors import UserError
from melgan_vc.memory import keep_freed_memory
from melgan_vc.text import counted
from melgan_vc.training import ranks, record
from melgan_vc.training.arithmetic import known_arithmetic
from melgan_vc.training.build import build, build_trainer, check_devices, settings_of
from melgan_vc.training.callbacks.validation import HeldOutValidation
from melgan_vc.training.card import card_of
from melgan_vc.training.checkpoint_files import FOLDER, LAST, adopt, candidates
from melgan_vc.training.checkpoint_io import read
from melgan_vc.training.launch import launch
from melgan_vc.training.loggers.base import RunLogger, Start
from melgan_vc.training.module import MelganVC
from melgan_vc.training.resume import ResumePoint, check_meaning, fitting_point, resume_point
from melgan_vc.training.run_config import (
    CONFIG,
    CommandLine,
    goes_on,
    is_named_by_clock,
    report_changes,
    same_training,
    settle,
    write_config,
)
from melgan_vc.training.run_directory import claimed, full_disk_explained, reserved
from melgan_vc.training.shards import whole
from melgan_vc.training.snapshot import load_own, snapshot
from melgan_vc.training.stop import Stop

log = logging.getLogger(__name__)


def train(cfg: DictConfig, line: CommandLine | None = None) -> Path:
    """Train as a config says, from the start or from where a run was left; returns the run directory.

    It then holds config.yaml, metrics.csv, checkpoints/, samples/ and, also after an interruption, the bundle.

    Args:
        cfg: of ``conf/train.yaml``.
        line: that it was composed of: ``resume=PATH`` applies it to the config of that run.
    """
    settled = settle(cfg, line)
    if not is_named_by_clock(cfg, settled) or ranks.environment() is not None:  # where the first process decides
        return train_settled(settled)
    with reserved(Path(settled.run_dir)) as run_dir:
        settled.run_dir = escape(run_dir)
        return train_settled(settled)


def train_settled(cfg: DictConfig) -> Path:
    """Train as a settled config says, here or in several processes of their own."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    found = ranks.environment()
    count = check_devices(cfg, found)
    if count > 1 and found is None:
        build_trainer(cfg, 0, Stop())  # all settings are checked before any process is started
        build(cfg, count)
        launch(cfg, count)
        return Path(cfg.run_dir)
    with ranks.joined(found):
        return train_here(ranks.from_first(cfg))


def train_here(cfg: DictConfig) -> Path:
    """Train a settled config in this process, one of several or alone; the first one alone writes files."""
    quicken()
    run_dir = Path(cfg.run_dir)
    first = ranks.rank() == 0
    if not first:
        logging.getLogger("melgan_vc").setLevel(logging.ERROR)
    claim = claimed(run_dir, resuming=goes_on(cfg)) if first else nullcontext()
    with claim, full_disk_explained(run_dir):
        ranks.barrier()
        point = resume_point(cfg.resume, run_dir)
        stop = Stop()
        module, data = build(cfg)
        if not first:
            L.seed_everything(cfg.seed + ranks.rank(), workers=True, verbose=False)  # for draws other than the first's
        data.first_batch = point.batch_count if point is not None else 0
        if point is not None:
            data.least_held_out = recorded_least(point.about)  # the split stays
        trainer = build_trainer(cfg, data.first_batch, stop)  # all settings are checked before any work
        module.about = settings_of(cfg, data)
        if point is not None:
            report_changes(run_dir, cfg)
            check_meaning(point, module.about, cfg.allow_changes)
            newest, point = point, fitting_point(point, module, trainer.callbacks)  # type: ignore[attr-defined]
            if point is not newest:
                check_meaning(point, module.about, cfg.allow_changes)
                data.first_batch = point.batch_count
                trainer = build_trainer(cfg, data.first_batch, stop)
        if first and point is None:
            data.check_apart()
        if first:
            data.prepare_data()
        ranks.barrier()  # the others find what it made
        data.setup()
        module.about |= {"data": data.content, RECORDED: data.least_held_out, **card_of(cfg, data)}
        if data.pitch is not None:
            module.about["pitch"] = asdict(data.pitch)
        work = known_arithmetic(module, data.batch_size, data.audio.n_mels)
        module.batch_flop = work.batch if work is not None else None
        if point is not None:
            check_meaning(point, {"data": data.content}, cfg.allow_changes)
        if point is not None and point.batch_count >= cfg.trainer.max_batches:
            finish(cfg, trainer, module, data, point)
        else:
            loggers = begin_loggers(cfg, trainer, module, point)
            if first:
                write_config(cfg, run_dir / CONFIG)
                if point is not None:
                    adopt(point.path, point.batch_count, run_dir / FOLDER)
                    log.info("going on after batch %d from %s", point.batch_count, point.path)
            ranks.barrier()
            with stop.listening():
                fit(trainer, module, data, run_dir / FOLDER / LAST if point is not None else None, loggers)
            report_end(module, cfg, "interrupted" if stop.signal is not None else "ended")
            if stop.signal is not None:
                raise SystemExit(stop.exit_code)
    if module.failure is not None:
        raise UserError(module.failure) if first else SystemExit(1)
    return run_dir


def quicken() -> None:
    """Settings of the process that cost nothing and save a few percent of every step."""
    keep_freed_memory()  # of the gradients of each step
    if not torch.cuda.is_available():  # else each step of an optimizer looks for a driver anew
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


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
        with suppress(SIGTERMException):  # where the signal came before we listened: it ends after the first batch
            trainer.fit(module, datamodule=data, ckpt_path=start, weights_only=True)
        record.write(module, run_dir)
        generator = whole(module.best_generator)
        if ranks.rank() == 0:
            with suppress(UserError) if module.failure is not None else nullcontext():  # weights may be NaN by now
                export(module, generator, data, run_dir, loggers)
        failed = module.failure is not None
    except SystemExit as end:  # Lightning's way to end at a second Ctrl-C
        raise KeyboardInterrupt from end
    finally:
        for logger in loggers:
            logger.close(failed)


def report_end(module: MelganVC, cfg: DictConfig, how: str) -> None:
    """Where a training ended early, say so, and how to go on."""
    if module.failure is None and module.batch_count < cfg.trainer.max_batches:
        saved = any(candidates(Path(cfg.run_dir) / FOLDER))
        further = f"; to go on: {shlex.quote(f'resume={cfg.run_dir}')}" if saved else ""
        log.warning("%s after %d of %d batches%s", how, module.batch_count, cfg.trainer.max_batches, further)


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


def finish(cfg: DictConfig, trainer: L.Trainer, module: MelganVC, data: ChunkDataModule, point: ResumePoint) -> None:
    """Complete a training that has all its batches: its final validation and its bundle, where a kill prevented them.

    Args:
        cfg: of the training.
        trainer, module, data: built from it, not used yet.
        point: its last checkpoint.
    """
    run_dir = Path(cfg.run_dir)
    log.info("%s: all %d batches are trained; for more, raise trainer.max_batches", run_dir, point.batch_count)
    if ranks.from_first(bundled_batches(run_dir / NAME, module)) == point.batch_count:
        return
    restore(trainer, module, point)
    trainer.datamodule = data  # type: ignore[attr-defined]
    loggers = begin_loggers(cfg, trainer, module, point)
    failed = True
    try:
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, HeldOutValidation):
                callback.on_train_end(trainer, module)
        if ranks.rank() == 0:
            export(module, module.best_generator, data, run_dir, loggers)
        failed = False
    finally:
        for logger in loggers:
            logger.close(failed)


def bundled_batches(path: Path, module: MelganVC) -> int | None:
    """Return the batch that a bundle was written after; None if there is none that can be read."""
    try:
        return load_own(path, module).provenance.get("batches")
    except UserError:
        return None


def restore(trainer: L.Trainer, module: MelganVC, point: ResumePoint) -> None:
    """Load networks and callbacks of a checkpoint, without training."""
    content = read(point.path)
    module.on_load_checkpoint(content)
    module.load_state_dict(content["state_dict"])
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if callback.state_key in content["callbacks"]:
            callback.load_state_dict(content["callbacks"][callback.state_key])


def export(
    module: MelganVC, generator: nn.Module, data: ChunkDataModule, run_dir: Path, loggers: Sequence[RunLogger]
) -> None:
    """Leave the bundle of a training, however it ended, and show it to the loggers."""
    if not module.batch_count:
        return
    bundle = snapshot(module, generator, data.audio, module.held_out)
    bundle.save(run_dir / NAME)
    log.info("bundle: %s (%s)", run_dir / NAME, counted(module.batch_count, "batch", "batches"))
    for path in (run_dir / NAME, run_dir / BEST_NAME):
        if path.is_file():
            kept = load_own(path, module).provenance
            for logger in loggers:
                logger.publish(path, {"batches": kept["batches"], **measured(kept)})


def measured(provenance: Mapping[str, Any]) -> dict[str, float]:
    """Return the held-out measures in a bundle's provenance, without those that could not be measured."""
    return {name: value for name, value in (provenance.get("held_out") or {}).items() if value is not None}
