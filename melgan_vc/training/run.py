"""Build everything from a config and fit."""

import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.errors import HydraException
from hydra.utils import instantiate
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException
from omegaconf import DictConfig, OmegaConf

from melgan_vc import __version__
from melgan_vc.bundle import NAME
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.losses.weighted import Weighted, WeightedLosses, grouped
from melgan_vc.spec import AudioSpec, ChunkSpec
from melgan_vc.training.module import MelganVC, Networks, OptimSettings
from melgan_vc.training.snapshot import snapshot

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> Path:
    """Train as a config says; returns the run directory.

    It then holds config.yaml, metrics.csv, checkpoints/, samples/ and, also after an interruption, the bundle.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    run_dir = Path(cfg.run_dir).expanduser()
    with claimed(run_dir):
        module, data, trainer = build(cfg, run_dir)
        data.prepare_data()
        data.setup()
    write_config(cfg, run_dir / "config.yaml")
    log.info("run directory: %s", run_dir)
    try:
        trainer.fit(module, datamodule=data)
    except SystemExit as stop:  # Lightning's way to end after Ctrl-C and SIGTERM
        code = 143 if isinstance(stop, SIGTERMException) else 130
        log.warning("interrupted after %d of %d batches", module.batch_count, cfg.trainer.max_batches)
        raise SystemExit(code) from stop
    finally:
        if module.batch_count:
            export(module, data, run_dir / NAME, cfg.name)
        if any(isinstance(logger, WandbLogger) for logger in trainer.loggers):
            import wandb

            wandb.finish()  # or the next job of a sweep would go on with this run
    return run_dir


@contextmanager
def claimed(run_dir: Path) -> Iterator[None]:
    """Make a run directory before the work begins, so that one that cannot be written is known early.

    Raises:
        UserError: it holds another training already.
    """
    if any((run_dir / name).exists() for name in (NAME, "config.yaml", "checkpoints")):
        raise UserError(f"{run_dir}: holds a training already; give another run_dir, or delete this one")
    absent = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=run_dir):
            pass
        yield
    except BaseException:
        with suppress(OSError):  # only empty ones go
            for folder in absent:
                folder.rmdir()
        raise


@contextmanager
def configured(what: str) -> Iterator[None]:
    """Errors of values that a config gave to a library, as one line that names their place in the config."""
    try:
        yield
    except UserError:
        raise
    except (HydraException, MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, HydraException) and error.__cause__ else error
        if isinstance(cause, UserError):
            raise cause from error
        raise UserError(f"{what}: {cause}") from error


def build(cfg: DictConfig, run_dir: Path) -> tuple[MelganVC, ChunkDataModule, L.Trainer]:
    """The module, the data and the trainer of a config."""
    if not isinstance(cfg.seed, int):
        raise UserError(f"seed is {cfg.seed!r}: give a whole number")
    with configured("seed"):
        L.seed_everything(cfg.seed, workers=True, verbose=False)
    with configured("audio or chunk"):
        audio: AudioSpec = instantiate(cfg.audio)
        chunk: ChunkSpec = instantiate(cfg.chunk)
    with configured("networks"):
        networks = build_networks(cfg.networks, audio, chunk)
    with configured("losses"):
        losses = build_losses(cfg.losses)
    with configured("optim"):
        module = MelganVC(networks, losses, OptimSettings(**instantiate(cfg.optim, _convert_="all")), chunk)
        module.configure_optimizers()  # now, so that a bad rate is known before any work
    with configured("networks.generator"):
        snapshot(module, audio)  # now, so that a generator that no bundle can hold is known before any work
    with configured("data"):
        data = ChunkDataModule(audio=audio, chunk=chunk, seed=cfg.seed, **cfg.data)
    return module, data, build_trainer(cfg, run_dir)


def build_networks(networks: DictConfig, audio: AudioSpec, chunk: ChunkSpec) -> Networks:
    """The three networks, told the sizes that audio and chunk decide."""
    return Networks(
        generator=instantiate(networks.generator, n_mels=audio.n_mels),
        siamese=instantiate(networks.siamese, n_mels=audio.n_mels, width=chunk.width),
        discriminator=instantiate(networks.discriminator, n_mels=audio.n_mels, window=chunk.window),
        generator_arguments=generator_arguments(networks.generator, audio),
    )


def generator_arguments(generator: DictConfig, audio: AudioSpec) -> dict[str, Any]:
    """What the bundle must know to build the generator again."""
    plain: Any = OmegaConf.to_container(generator, resolve=True)
    return {"n_mels": audio.n_mels, **{key: value for key, value in plain.items() if not key.startswith("_")}}


def build_losses(losses: DictConfig) -> dict[str, WeightedLosses]:
    """The losses of a config, those set to null left out, by the group that they train."""
    entries = {}
    plain: Any = OmegaConf.to_container(losses, resolve=True)
    for name, arguments in plain.items():
        if arguments is None:
            continue
        weight = arguments.pop("weight", None)
        if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise UserError(f"losses.{name}.weight is {weight!r}: give a number, 0 or above")
        entries[name] = Weighted(instantiate(arguments), float(weight))
    return grouped(entries)


def build_trainer(cfg: DictConfig, run_dir: Path) -> L.Trainer:
    """Lightning's trainer; one epoch of max_batches, for its own step counter counts both optimizers."""
    settings: Any = OmegaConf.to_container(cfg.trainer, resolve=True)
    max_batches, max_minutes = settings.pop("max_batches"), settings.pop("max_minutes")
    if settings["precision"] == "auto":
        settings["precision"] = "bf16-mixed" if fast_at_bfloat16(settings["accelerator"]) else "32-true"
    if settings["devices"] != 1:
        raise UserError(
            f"trainer.devices is {settings['devices']!r}: training on several devices is not built yet; give 1"
        )
    if not isinstance(max_batches, int) or max_batches < 1:
        raise UserError(f"trainer.max_batches is {max_batches!r}: give a whole number above 0")
    if max_minutes is not None and not (isinstance(max_minutes, int | float) and max_minutes > 0):
        raise UserError(f"trainer.max_minutes is {max_minutes!r}: give a number above 0, or null for no limit")
    with configured("callbacks or logger"):
        callbacks, loggers = list(made(cfg.callbacks)), list(made(cfg.logger))
    with configured("trainer"):
        return L.Trainer(
            **settings,
            default_root_dir=run_dir,
            max_epochs=1,
            limit_train_batches=max_batches,
            max_time=timedelta(minutes=max_minutes) if max_minutes is not None else None,
            callbacks=callbacks,
            logger=loggers,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,  # callbacks/progress.py counts batches
            use_distributed_sampler=False,
            log_every_n_steps=1,  # the module keeps its own interval
        )


def fast_at_bfloat16(accelerator: str) -> bool:
    """Whether bfloat16 is computed in hardware; emulated, it is many times slower than float32."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def made(group: Mapping[str, Any] | None) -> Iterator[Any]:
    """The objects of a config group, those set to null left out."""
    for entry in (group or {}).values():
        if entry is not None:
            yield instantiate(entry)


def write_config(cfg: DictConfig, path: Path) -> None:
    """The whole config, resolved, under its final name in one step."""
    with replacing(path) as temporary:
        temporary.write_text(OmegaConf.to_yaml(cfg, resolve=True), encoding="utf-8")


def export(module: MelganVC, data: ChunkDataModule, path: Path, name: str) -> None:
    """Leave the bundle of a training, however it ended."""
    provenance = {
        "experiment": name,
        "version": __version__,
        "seed": data.seed,
        "data": {domain: store.content for domain, store in data.stores.items()},
    }
    snapshot(module, data.audio, provenance).save(path)
    log.info("bundle: %s (%d batches)", path, module.batch_count)
