"""Which training a run goes on with, and whether its config still means the same."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from torch import Tensor, is_tensor

from melgan_vc.errors import UserError
from melgan_vc.training.checkpoint_files import FOLDER, candidates, newest_readable
from melgan_vc.training.checkpoint_io import read

log = logging.getLogger(__name__)
CONFIG = "config.yaml"
AUTO = "auto"
OF_THE_START = ("resume", "allow_changes")  # say how to start, not what to train
MEANING = ("audio", "chunk", "networks", "data")  # a change makes it another training
AROUND_IT = (  # no batch depends on these; the data's content is checked by itself
    "trainer.max_", "callbacks.", "checkpoint.", "logger.", "name:", "optim.log_every:",
    "data.workers:", "data.store:", "data.source:", "data.target:",
)  # fmt: skip
ABSENT = "(not set)"


@dataclass(frozen=True)
class ResumePoint:
    """A checkpoint to go on from.

    Attributes:
        path: of the file.
        batch_count: batches that were trained.
        about: what the training means, see :meth:`melgan_vc.training.module.MelganVC.about`.
        loggers: what each logger must know to go on, by its class.
    """

    path: Path
    batch_count: int
    about: Mapping[str, Any]
    loggers: Mapping[str, Any]


def settle(cfg: DictConfig, overrides: Sequence[str] = (), groups: Sequence[str] = ()) -> DictConfig:
    """The config of a run, with its run directory: for ``resume=PATH`` the stored one and what was given beside it.

    Args:
        cfg: as composed.
        overrides: of the command line, KEY=VALUE.
        groups: names of config groups. Where one is overridden, the command line says what the config is.

    Raises:
        UserError: the path to resume from is none.
    """
    check_start(cfg)
    settled = cfg.copy()
    keys = [override.partition("=")[0].lstrip("+") for override in overrides]
    if cfg.resume == AUTO and "${now" in str(OmegaConf.to_container(cfg, resolve=False)["run_dir"]):  # type: ignore[index,call-overload]
        settled.run_dir = str(newest_run(Path(cfg.run_dir).parent) or cfg.run_dir)
    elif cfg.resume not in (None, AUTO):
        home = run_dir_of(Path(cfg.resume).expanduser())
        stored = home / CONFIG if home else None
        if stored and stored.is_file() and not any(key in groups or key.startswith("~") for key in keys):
            settled = OmegaConf.merge(cfg, OmegaConf.load(stored))  # type: ignore[assignment]
            for key in (*keys, *OF_THE_START):
                OmegaConf.update(settled, key, OmegaConf.select(cfg, key), force_add=True)
        if home and "run_dir" not in keys:
            settled.run_dir = str(home)
    settled.run_dir = str(Path(settled.run_dir).expanduser())
    return settled


def check_start(cfg: DictConfig) -> None:
    """Refuse what does not say how to start."""
    if cfg.resume is not None and not (isinstance(cfg.resume, str) and cfg.resume):
        raise UserError(f"resume is {cfg.resume!r}: give auto, a run directory or a checkpoint")
    allowed = cfg.allow_changes
    if not isinstance(allowed, ListConfig) or any(name not in MEANING for name in allowed):
        raise UserError(f"allow_changes is {allowed!r}: give a list of some of {', '.join(MEANING)}, such as [data]")


def goes_on(cfg: DictConfig) -> bool:
    """Whether a settled config goes on with what is in its run directory, not with a copy of another's checkpoint."""
    if cfg.resume in (None, AUTO):
        return cfg.resume == AUTO
    home = run_dir_of(Path(cfg.resume).expanduser())
    return home is not None and home.resolve() == Path(cfg.run_dir).resolve()


def newest_run(folder: Path) -> Path | None:
    """The run of a folder with the newest checkpoint, if there is any."""
    runs = {path.parent.parent: path.stat().st_mtime for path in folder.glob(f"*/{FOLDER}/*.ckpt")}
    return max(runs, key=lambda run: runs[run]) if runs else None


def run_dir_of(path: Path) -> Path | None:
    """The run directory of a path to resume from; None for a checkpoint that lies elsewhere."""
    if path.is_dir():
        return path.parent if path.name == FOLDER else path
    if not path.exists():
        raise UserError(f"resume={path}: there is no such run directory or checkpoint; give one, or resume=auto")
    return path.parent.parent if path.parent.name == FOLDER else None


def resume_point(resume: str | None, run_dir: Path) -> ResumePoint | None:
    """The checkpoint to go on from; None to start from nothing.

    Args:
        resume: None, AUTO (go on if there is a checkpoint), a run directory or a checkpoint.
        run_dir: where AUTO looks.

    Raises:
        UserError: there is no checkpoint that can be read.
    """
    if resume is None:
        return None
    path = run_dir if resume == AUTO else Path(resume).expanduser()
    if path.is_dir() or resume == AUTO:
        folder = path if path.name == FOLDER else path / FOLDER
        found = list(candidates(folder))
        if not found and resume == AUTO:
            log.info("nothing to resume in %s: starting from the first batch", run_dir)
            return None
        if not found:
            raise UserError(f"resume={path}: holds no checkpoint; give a run directory with {FOLDER}/, or resume=auto")
    else:
        around = list(candidates(path.parent)) if path.parent.name == FOLDER else []
        found = around[around.index(path) :] if path in around else [path]
    chosen, content = newest_readable(found)
    return ResumePoint(chosen, content["batch_count"], content["about"], content["loggers"])


def check_meaning(point: ResumePoint, about: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Refuse to go on with another training than the checkpoint's.

    Args:
        about: of the training that is about to start.
        allowed: names in ``MEANING`` that may change.
    """
    for name in MEANING:
        changes = differences({name: point.about.get(name)}, {name: about[name]})
        if changes and name not in allowed:
            raise UserError(
                f"{point.path}: was trained with other {name}: {'; '.join(changes)}; give it the same, or start a new "
                f"run, or say allow_changes=[{name}] if this is meant"
            )


def check_weights(point: ResumePoint, weights: Mapping[str, Tensor]) -> None:
    """Refuse a checkpoint whose weights do not fit the networks: all are loaded, or none.

    Args:
        weights: of the module that is to be trained.
    """
    theirs = {name: tuple(value.shape) for name, value in read(point.path)["state_dict"].items() if is_tensor(value)}
    ours = {name: tuple(value.shape) for name, value in weights.items() if is_tensor(value)}
    differing = differences(theirs, ours)
    if differing:
        raise UserError(
            f"{point.path}: the weights do not fit this config ({len(differing)} of them, first {differing[0]}); give "
            "it the networks, optim.ema_decay and stability that it was trained with"
        )


def changes_since(run_dir: Path, cfg: DictConfig) -> list[str]:
    """Which settings of a run differ from those that it had before, as "key: before -> now"."""
    if not (run_dir / CONFIG).is_file():
        return []
    stored = OmegaConf.load(run_dir / CONFIG)
    stored.run_dir = cfg.run_dir
    before, now = (OmegaConf.to_container(config, resolve=True) for config in (stored, cfg))
    found = differences(before, now)  # type: ignore[arg-type]
    return [change for change in found if not change.startswith(OF_THE_START)]


def report_changes(run_dir: Path, cfg: DictConfig) -> None:
    """Say which settings differ from those that the run had before."""
    changes = changes_since(run_dir, cfg)
    if changes:
        log.info("resuming with other settings than before:\n  %s", "\n  ".join(changes))


def same_training(run_dir: Path, cfg: DictConfig) -> bool:
    """Whether a batch that is trained again is the same as before: no setting has changed that it depends on."""
    return goes_on(cfg) and all(change.startswith(AROUND_IT) for change in changes_since(run_dir, cfg))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each setting that differs, as "key: before -> now"."""
    one, other = flat(before), flat(now)
    return [
        f"{key}: {one.get(key, ABSENT)} -> {other.get(key, ABSENT)}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key, ABSENT) != other.get(key, ABSENT)
    ]


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted keys."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: value}
    return {
        key: entry for name, inner in value.items() for key, entry in flat(inner, f"{prefix}.{name}".strip(".")).items()
    }
