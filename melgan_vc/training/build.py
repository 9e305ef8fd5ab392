"""The objects of a config."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import ClusterEnvironment, LightningEnvironment
from lightning.pytorch.profilers import Profiler
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from torch import nn

from melgan_vc import __version__
from melgan_vc.audio import methods
from melgan_vc.config.instantiation import instantiate, to_plain
from melgan_vc.config.paths import expand_user
from melgan_vc.config.targets import check_trust
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.data.streamed import Streaming
from melgan_vc.data.work import of_settings
from melgan_vc.errors import UserError
from melgan_vc.inversions import preferred_of
from melgan_vc.losses.weighted import Weighted, WeightedLosses, grouped
from melgan_vc.measures.pitch_match import pitch_matcher
from melgan_vc.spec import AudioSpec, ChunkSpec
from melgan_vc.text import counted
from melgan_vc.training import ranks
from melgan_vc.training.callbacks.checks import check_number
from melgan_vc.training.callbacks.compiled import Compiled
from melgan_vc.training.callbacks.time_limit import TimeLimit
from melgan_vc.training.checkpoint_io import DurableCheckpointIO
from melgan_vc.training.launch import devices
from melgan_vc.training.module import MelganVC
from melgan_vc.training.settings import Networks, OptimSettings
from melgan_vc.training.snapshot import snapshot
from melgan_vc.training.stop import Stop

ENTRIES = {"networks": ("generator", "siamese", "discriminator"), "optim": ("generator", "discriminator")}


def check_entry(name: str, entry: Any, home: str) -> None:
    """Refuse what does not say which class to build."""
    if not isinstance(entry, Mapping | DictConfig) or "_target_" not in entry:
        raise UserError(f"{name} is {entry!r}: give an entry with _target_, as the files in {home} have it")


@contextmanager
def configured(what: str) -> Iterator[None]:
    """Errors of values that a config gave to a library, as one line that names their place in the config."""
    try:
        yield
    except UserError:
        raise
    except (LookupError, ArithmeticError) as error:  # whose text alone, such as "list index out of range", says nothing
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{what}: a value does not fit ({reason}); compare the settings with those in conf/") from error
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{what}: {error}") from error


def build(cfg: DictConfig, parts: int | None = None) -> tuple[MelganVC, ChunkDataModule]:
    """The module and the data of a config.

    Args:
        parts: processes that share the data; None for those that train together now.
    """
    if not isinstance(cfg.seed, int):
        raise UserError(f"seed is {cfg.seed!r}: give a whole number")
    with configured("seed"):
        L.seed_everything(cfg.seed, workers=True, verbose=False)
    with configured("audio or chunk"):
        audio: AudioSpec = instantiate(cfg.audio, "audio", AudioSpec)
        chunk: ChunkSpec = instantiate(cfg.chunk, "chunk", ChunkSpec)
    trust = check_trust(cfg.trust)
    for group, names in ENTRIES.items():
        for name in names:
            check_entry(f"{group}.{name}", cfg[group].get(name), f"conf/{group}")
    methods.build(preferred_of(to_plain(cfg.inversion)), audio)  # now, so that a wrong number is known before any work
    with configured("networks"):
        networks = build_networks(cfg.networks, audio, chunk, trust)
    with configured("losses"):
        losses = build_losses(cfg.losses, trust)
    for group in ENTRIES["optim"]:
        check_number(f"optim.{group}.lr", cfg.optim[group].get("lr"), above=0)
    with configured("optim"):
        module = MelganVC(networks, losses, OptimSettings(**instantiate(cfg.optim, "optim", trust=trust)), chunk)
        module.configure_optimizers()  # now, so that a bad rate is known before any work
    with configured("networks.generator"):
        snapshot(
            module, module.best_generator, audio
        )  # now, so that a generator that no bundle can hold is known before any work
    return module, build_data(cfg, audio, chunk, parts)


def build_data(cfg: DictConfig, audio: AudioSpec, chunk: ChunkSpec, parts: int | None = None) -> ChunkDataModule:
    """The data of a config; ``parts`` as for :func:`build`."""
    with configured("prepare"):
        preparation, work = of_settings(cfg.prepare)
    with configured("data"):
        arguments = domains(cfg.data, check_trust(cfg.trust))
        return ChunkDataModule(
            audio=audio,
            chunk=chunk,
            seed=cfg.seed,
            part=ranks.rank(),
            parts=parts or ranks.world(),
            preparation=preparation,
            work=work,
            match_pitch=None if cfg.data.get("pitch") is None else pitch_matcher(cfg.data, preparation, work),
            **arguments,
        )


def domains(data: DictConfig, trust: Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments of the data module; where a corpus lies, and its pitch, is for the config alone."""
    found: Any = instantiate(data, "data", trust=trust)
    for name in ("root", "pitch", "formants"):
        found.pop(name, None)
    return {**found, "litdata": Streaming(**found.get("litdata", {}))}


def settings_of(cfg: DictConfig, data: ChunkDataModule) -> dict[str, Any]:
    """What a training is but for the content of its data, in plain values: the same for the same training anywhere."""
    return {
        "experiment": cfg.name,
        "version": __version__,
        "seed": data.seed,
        "audio": asdict(data.audio),
        "chunk": asdict(data.chunk),
        "networks": OmegaConf.to_container(cfg.networks, resolve=True),
        "inversion": preferred_of(to_plain(cfg.inversion)),
    }


def build_networks(networks: DictConfig, audio: AudioSpec, chunk: ChunkSpec, trust: Sequence[str] = ()) -> Networks:
    """Build the three networks, with the sizes that audio and chunk decide."""

    def network(name: str, **sizes: int) -> nn.Module:
        built: nn.Module = instantiate(networks[name], f"networks.{name}", nn.Module, trust, **sizes)
        return built

    return Networks(
        generator=network("generator", n_mels=audio.n_mels),
        siamese=network("siamese", n_mels=audio.n_mels, width=chunk.width),
        discriminator=network("discriminator", n_mels=audio.n_mels, window=chunk.window),
        generator_arguments=generator_arguments(networks.generator, audio),
    )


def generator_arguments(generator: DictConfig, audio: AudioSpec) -> dict[str, Any]:
    """What the bundle must know to build the generator again."""
    plain: Any = OmegaConf.to_container(generator, resolve=True)
    return {"n_mels": audio.n_mels, **{key: value for key, value in plain.items() if not key.startswith("_")}}


def build_losses(losses: DictConfig, trust: Sequence[str] = ()) -> dict[str, WeightedLosses]:
    """Build the losses of a config, except those set to null, by the group that they train."""
    entries = {}
    plain: Any = OmegaConf.to_container(losses, resolve=True)
    for name, arguments in plain.items():
        if arguments is None:
            continue
        check_entry(f"losses.{name}", arguments, "conf/losses")
        weight = arguments.pop("weight", None)
        if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise UserError(f"losses.{name}.weight is {weight!r}: give a number, 0 or above")
        entries[name] = Weighted(instantiate(arguments, f"losses.{name}", trust=trust), float(weight))
    return grouped(entries)


def build_trainer(cfg: DictConfig, first_batch: int, stop: Stop, profiler: Profiler | None = None) -> L.Trainer:
    """Lightning's trainer; one epoch of all batches left, for its own step counter counts both optimizers.

    Args:
        cfg: the whole config.
        first_batch: batches that were trained before.
        stop: listens to signals.
        profiler: Lightning's.
    """
    settings: Any = OmegaConf.to_container(cfg.trainer, resolve=True)
    max_batches, max_minutes, mode = (settings.pop(name) for name in ("max_batches", "max_minutes", "compile"))
    if settings["precision"] == "auto":
        settings["precision"] = "bf16-mixed" if fast_at_bfloat16(settings["accelerator"]) else "32-true"
    if not isinstance(max_batches, int) or max_batches < 1:
        raise UserError(f"trainer.max_batches is {max_batches!r}: give a whole number above 0")
    trust = check_trust(cfg.trust)
    check_log_directories(cfg)
    limit: list[L.Callback] = [TimeLimit(max_minutes)] if max_minutes is not None else []
    compiled = [Compiled(mode)] if mode is not None else []
    with configured("callbacks, checkpoint or logger"):
        callbacks = list(made(cfg.callbacks, "callbacks", L.Callback, trust))
        loggers = list(made(cfg.logger, "logger", Logger, trust))
        checkpoint = list(made({"checkpoint": cfg.checkpoint}, "", L.Callback, trust))
    with configured("strategy"):
        strategy = instantiate(cfg.strategy, "strategy", trust=trust)
    nodes = machines()
    settings |= {"devices": ranks.world() // nodes, "num_nodes": nodes}
    with configured("trainer"):
        return L.Trainer(
            **settings,
            strategy=strategy if ranks.world() > 1 else "auto",
            default_root_dir=cfg.run_dir,
            max_epochs=1,
            limit_train_batches=max(1, max_batches - first_batch),
            callbacks=[*compiled, *callbacks, *limit, stop, *checkpoint],
            profiler=profiler,
            logger=loggers if ranks.rank() == 0 else [],
            plugins=[DurableCheckpointIO(), ranks.environment() or LightningEnvironment()],
            enable_checkpointing=bool(checkpoint),
            enable_model_summary=False,
            enable_progress_bar=False,  # callbacks/progress.py counts batches
            use_distributed_sampler=False,
            log_every_n_steps=1,  # the module keeps its own interval
        )


def check_devices(cfg: DictConfig, found: ClusterEnvironment | None) -> int:
    """How many processes of this machine a config asks for.

    Args:
        found: what started this process beside others, if anything did: then that decides.

    Raises:
        UserError: config and environment do not fit.
    """
    wanted = cfg.trainer.accelerator
    others = wanted == "gpu" and torch.backends.mps.is_available()
    if wanted in ("cuda", "gpu") and not torch.cuda.is_available() and not others:
        raise UserError(
            f"trainer.accelerator is {wanted}, but PyTorch finds no GPU here; check its driver (nvidia-smi), or "
            "train on the CPU with trainer.accelerator=auto"
        )
    count, nodes = devices(cfg), cfg.trainer.num_nodes
    started = found.world_size() if found is not None else 1
    running = f"{counted(started, 'process was', 'processes were')} started"
    several = max(started, count if isinstance(nodes, int) else 1) > 1
    if several and str(cfg.strategy.get("_target_")).endswith(".single"):
        asked = f"trainer.devices is {count}" if count > 1 else running
        raise UserError(f"{asked}, but strategy=single trains in one process: say strategy=ddp or fsdp2")
    if found is not None and count * nodes not in (1, started):
        raise UserError(
            f"{running}, but trainer.devices is {count} and trainer.num_nodes {nodes}: give the "
            "same numbers, or leave both out"
        )
    if found is None and nodes != 1:
        raise UserError(
            f"trainer.num_nodes is {nodes!r}: start the command on each machine by torchrun or srun; docs/scaling.md "
            "shows how"
        )
    return count


def machines() -> int:
    """How many machines the processes run on."""
    return int(os.environ.get("GROUP_WORLD_SIZE") or os.environ.get("SLURM_NNODES") or 1) if ranks.world() > 1 else 1


def fast_at_bfloat16(accelerator: str) -> bool:
    """Whether bfloat16 is computed in hardware; emulated, it is many times slower than float32."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def made(group: Mapping[str, Any] | None, where: str, kind: type, trust: Sequence[str]) -> Iterator[Any]:
    """Yield the objects of a config group, without those set to null, or only tuned by an experiment but not chosen.

    Args:
        group: its entries.
        where: its name in the config; empty for the root.
        kind: class of the objects.
        trust: packages whose classes may be named.
    """
    for name, entry in (group or {}).items():
        key = f"{where}.{name}".lstrip(".")
        if entry is not None and not isinstance(entry, Mapping | DictConfig):
            raise UserError(f"{key} is {entry!r}: give settings as its file in conf/ has them, or null for none")
        if entry is not None and "_target_" in entry:
            yield instantiate(entry, key, kind, trust)


def check_log_directories(cfg: DictConfig) -> None:
    """Refuse loggers that would write outside the run directory, as a stored config from elsewhere might ask for."""
    for name, entry in (cfg.logger or {}).items():
        folder = entry.get("save_dir", cfg.run_dir) if isinstance(entry, DictConfig) else cfg.run_dir
        if expand_user(str(folder)).absolute() != expand_user(cfg.run_dir).absolute():
            raise UserError(f"logger.{name}.save_dir is {folder!r}: logs lie in the run directory; leave it out")
