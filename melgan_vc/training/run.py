"""Build everything from a config and fit."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning as L
from hydra.utils import instantiate
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
    module, data, trainer = build(cfg, run_dir)
    write_config(cfg, run_dir / "config.yaml")
    data.prepare_data()
    data.setup()
    log.info("run directory: %s", run_dir)
    with exported(module, data, run_dir, cfg.name):
        trainer.fit(module, datamodule=data)
    return run_dir


def build(cfg: DictConfig, run_dir: Path) -> tuple[MelganVC, ChunkDataModule, L.Trainer]:
    """The module, the data and the trainer of a config."""
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    audio: AudioSpec = instantiate(cfg.audio)
    chunk: ChunkSpec = instantiate(cfg.chunk)
    optim = OptimSettings(**instantiate(cfg.optim))
    module = MelganVC(build_networks(cfg.networks, audio, chunk), build_losses(cfg.losses), optim, chunk)
    module.generator_arguments = generator_arguments(cfg.networks.generator, audio)
    data = ChunkDataModule(audio=audio, chunk=chunk, seed=cfg.seed, **cfg.data)
    return module, data, build_trainer(cfg, run_dir)


def build_networks(networks: DictConfig, audio: AudioSpec, chunk: ChunkSpec) -> Networks:
    """The three networks, told the sizes that audio and chunk decide."""
    return Networks(
        generator=instantiate(networks.generator, n_mels=audio.n_mels),
        siamese=instantiate(networks.siamese, n_mels=audio.n_mels, width=chunk.width),
        discriminator=instantiate(networks.discriminator, n_mels=audio.n_mels, window=chunk.window),
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
        if not isinstance(weight, int | float):
            raise UserError(f"losses.{name}.weight is {weight!r}: give a number")
        entries[name] = Weighted(instantiate(arguments), float(weight))
    return grouped(entries)


def build_trainer(cfg: DictConfig, run_dir: Path) -> L.Trainer:
    """Lightning's trainer; one epoch of max_batches, for its own step counter counts both optimizers."""
    settings: Any = OmegaConf.to_container(cfg.trainer, resolve=True)
    max_batches, max_minutes = settings.pop("max_batches"), settings.pop("max_minutes")
    if not isinstance(max_batches, int) or max_batches < 1:
        raise UserError(f"trainer.max_batches is {max_batches!r}: give a whole number above 0")
    run_dir.mkdir(parents=True, exist_ok=True)
    return L.Trainer(
        **settings,
        default_root_dir=run_dir,
        max_epochs=1,
        limit_train_batches=max_batches,
        max_time=timedelta(minutes=max_minutes) if max_minutes is not None else None,
        callbacks=list(made(cfg.callbacks)),
        logger=list(made(cfg.logger)),
        enable_checkpointing=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=1,  # the module keeps its own interval
    )


def made(group: Mapping[str, Any] | None) -> Iterator[Any]:
    """The objects of a config group, those set to null left out."""
    for entry in (group or {}).values():
        if entry is not None:
            yield instantiate(entry)


def write_config(cfg: DictConfig, path: Path) -> None:
    """The whole config, resolved, under its final name in one step."""
    with replacing(path) as temporary:
        temporary.write_text(OmegaConf.to_yaml(cfg, resolve=True), encoding="utf-8")


@contextmanager
def exported(module: MelganVC, data: ChunkDataModule, run_dir: Path, name: str) -> Iterator[None]:
    """Leave a bundle behind, however the training ends, if it has begun."""
    try:
        yield
    finally:
        if module.batch_count:
            provenance = {
                "experiment": name,
                "version": __version__,
                "seed": data.seed,
                "data": {domain: store.content for domain, store in data.stores.items()},
            }
            snapshot(module, data.audio, provenance).save(run_dir / NAME)
            log.info("bundle: %s (%d batches)", run_dir / NAME, module.batch_count)
