"""The config that a run starts with: the command line's, or for a resumed one its own and what was given beside it."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from melgan_vc.config.checks import GIVEN, UNKNOWN, Check, Source
from melgan_vc.config.paths import expand_user
from melgan_vc.config.schema import schema_of
from melgan_vc.config.settings import TRAINING, Role, role_of
from melgan_vc.config.stored import REMEDY, escape, load_stored, without_resolvers
from melgan_vc.config.targets import check_trust
from melgan_vc.data.corpus import is_path
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.nested import flat
from melgan_vc.training.checkpoint_files import FOLDER

log = logging.getLogger(__name__)
CONFIG = "config.yaml"
AUTO = "auto"
MEANING = ("audio", "chunk", "networks", "data")  # a change makes it another training
FIXED = ("trainer", "data", "prepare")  # groups whose settings are always the same ones
NEEDED = {*MEANING, *FIXED, "optim", "losses", "strategy"}  # groups that every config has
PATHS = tuple(key for key, setting in TRAINING.items() if setting.is_path and key.startswith("data."))
HARMLESS = (Role.AROUND, Role.PLACE, Role.START)  # no batch depends on these; the data's content is checked by itself
ABSENT = "(not set)"


@dataclass(frozen=True)
class CommandLine:
    """What a user typed.

    Attributes:
        overrides: KEY=VALUE.
        groups: names of config groups: for them VALUE is a file.
        compose: makes the config of other overrides.
    """

    overrides: Sequence[str]
    groups: Sequence[str]
    compose: Callable[[Sequence[str]], DictConfig]

    @property
    def keys(self) -> list[str]:
        """What is overridden, a leading ~ where it is taken away."""
        return [override.partition("=")[0].lstrip("+") for override in self.overrides]


def settle(cfg: DictConfig, line: CommandLine | None = None) -> DictConfig:
    """The config of a run, with its run directory: for ``resume=PATH`` the stored one and what was given beside it.

    Args:
        cfg: as composed.
        line: that it was composed of.

    Raises:
        UserError: the path to resume from is none, or its config cannot be read.
    """
    check_start(cfg)
    settled = cfg.copy()
    line = line or CommandLine((), (), lambda overrides: cfg)
    if cfg.resume == AUTO and holds_time(cfg):
        settled.run_dir = escape(newest_run(Path(cfg.run_dir).parent) or cfg.run_dir)
    elif cfg.resume not in (None, AUTO):
        home = run_dir_of(whole_path(cfg.resume))
        if home and (home / CONFIG).is_file():
            settled = continued(stored_config(home / CONFIG, cfg), cfg, line)
            check_continued(settled, home / CONFIG, line)
        elif home:
            log.warning("warning: %s has no %s, so all settings are those of the command line", home, CONFIG)
        if home and "run_dir" not in line.keys:
            settled.run_dir = escape(home)
    settled.run_dir = escape(expand_user(settled.run_dir))
    for key in PATHS:  # so that the run can be resumed from anywhere
        holder, _, name = key.rpartition(".")
        around = OmegaConf.select(settled, holder)
        if not isinstance(around, DictConfig) or name not in around or OmegaConf.is_interpolation(around, name):
            continue
        value = OmegaConf.select(settled, key)
        several = isinstance(value, ListConfig)
        names = list(value) if several else [value]
        if all(isinstance(name, str) for name in names):
            paths = [escape(whole_path(name)) if is_path(name) else escape(name) for name in names]
            OmegaConf.update(settled, key, paths if several else paths[0])
    return without_resolvers(settled)


def holds_time(cfg: DictConfig) -> bool:
    """Whether the run directory of a config is named by the time of its start."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    return "${now" in str(plain["run_dir"])


def is_named_by_clock(cfg: DictConfig, settled: DictConfig) -> bool:
    """Whether a config's run directory is a new one whose name nobody chose.

    Args:
        cfg: as composed.
        settled: see :func:`settle`.
    """
    return holds_time(cfg) and str(expand_user(cfg.run_dir)) == str(settled.run_dir)


def continued(stored: DictConfig, cfg: DictConfig, line: CommandLine) -> DictConfig:
    """A run's own config with the settings, groups and removals of a command line."""
    settled = stored.copy()
    for key in cfg:
        if key not in settled or role_of(str(key)) is Role.START:
            settled[key] = cfg[key]
    for group in FIXED:  # settings that came with a later version
        for key in cfg[group].keys() - settled[group].keys():
            settled[group][key] = cfg[group][key]
    chosen = [key for key in line.keys if key in line.groups]
    if chosen:
        plain: Any = OmegaConf.to_container(line.compose(()), resolve=False)
        now: Any = OmegaConf.to_container(cfg, resolve=False)
        for key in set(chosen) & now.keys():
            settled[key] = now[key]
        if not now.keys() >= set(chosen):  # such as experiment and stability, which set values of other groups
            before, after = flat(plain), flat(now)
            for key in after:
                if after[key] != before.get(key, ABSENT):
                    OmegaConf.update(settled, key, after[key], force_add=True)
    for key in line.keys:
        if key.startswith("~"):
            home, _, name = key[1:].rpartition(".")
            holder = OmegaConf.select(settled, home) if home else settled
            if isinstance(holder, DictConfig):
                holder.pop(name, None)
        elif key not in line.groups and "@" not in key and "/" not in key:
            given = OmegaConf.select(cfg, key)
            OmegaConf.update(settled, key, escape(given) if isinstance(given, str) else given, force_add=True)
    return settled


def check_continued(cfg: DictConfig, path: Path, line: CommandLine) -> None:
    """Refuse values that no setting can have, and warn of settings that this version does not read.

    Args:
        cfg: the config of a resumed run.
        path: of its stored config, for messages.
        line: what was given beside it.

    Raises:
        UserError: a value cannot be.
    """
    sources = Source(str(path), frozenset(flat_keys(cfg))), Source(GIVEN, frozenset(line.keys))
    faults = list(Check(cfg, schema_of("train"), sources, check_trust(cfg.trust)).faults())
    if wrong := [fault for fault in faults if not fault.startswith(UNKNOWN)]:
        raise UserError("; ".join(wrong[:5]))
    for fault in faults:
        log.warning("warning: %s; it has no effect", fault)


def flat_keys(cfg: DictConfig) -> Iterable[str]:
    """Return the dotted keys of all settings of a config."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    return flat(plain)


def check_start(cfg: DictConfig) -> None:
    """Refuse what does not say how to start."""
    if cfg.resume is not None and not (isinstance(cfg.resume, str) and cfg.resume):
        raise UserError(f"resume is {cfg.resume!r}: give auto, a run directory or a checkpoint")
    allowed = cfg.allow_changes
    if not isinstance(allowed, ListConfig) or any(name not in MEANING for name in allowed):
        raise UserError(f"allow_changes is {allowed!r}: give a list of some of {', '.join(MEANING)}, such as [data]")
    check_trust(cfg.trust)


def whole_path(text: str) -> Path:
    """A path as users write it, from the root; links in it stay."""
    return expand_user(text).absolute()


def goes_on(cfg: DictConfig) -> bool:
    """Whether a settled config goes on with what is in its run directory, not with a copy of another's checkpoint."""
    if cfg.resume in (None, AUTO):
        return cfg.resume == AUTO
    home = run_dir_of(whole_path(cfg.resume))
    return home is not None and home.resolve() == Path(cfg.run_dir).resolve()


def newest_run(folder: Path) -> Path | None:
    """Return the run of a folder with the newest checkpoint; None where there is none."""
    files = [path for path in folder.glob(f"*/{FOLDER}/*.ckpt") if path.is_file()]  # no broken links
    runs = {path.parent.parent: path.stat().st_mtime for path in files}
    return max(runs, key=lambda run: runs[run]) if runs else None


def run_dir_of(path: Path) -> Path | None:
    """The run directory of a whole path to resume from; None for a checkpoint that lies elsewhere."""
    if path.is_dir():
        return path.parent if path.name == FOLDER else path
    if not path.exists():
        raise UserError(f"resume={path}: there is no such run directory or checkpoint; give one, or resume=auto")
    return path.parent.parent if path.parent.name == FOLDER else None


def stored_config(path: Path, cfg: DictConfig) -> DictConfig:
    """Return the config that a run was started with, as :func:`melgan_vc.config.stored.load_stored` reads it.

    Args:
        path: of the file.
        cfg: of the command at hand: groups of settings in it must be groups in the stored one too.

    Raises:
        UserError: it is damaged, or asks for what a stored config may not.
    """
    stored = load_stored(path, check_trust(cfg.trust))
    for key, group in cfg.items():
        if not isinstance(group, DictConfig) or isinstance(stored.get(key), DictConfig):
            continue
        if key in NEEDED if key in stored else key in (*MEANING, *FIXED):
            raise UserError(f"{path}: {key!s} is {stored.get(key)!r} instead of settings; {REMEDY}")
    return stored


def write_config(cfg: DictConfig, path: Path) -> None:
    """The whole config under its final name in one step; references between settings stay, so that it can be used."""
    stored = cfg.copy()
    stored.resume, stored.allow_changes, stored.trust = None, [], []  # said for one start, not for the next
    with replacing(path) as temporary:
        temporary.write_text(OmegaConf.to_yaml(stored), encoding="utf-8")


def changes_since(run_dir: Path, cfg: DictConfig) -> list[str]:
    """Which settings of a run differ from those that it had before, as "key: before -> now"."""
    if not (run_dir / CONFIG).is_file():
        return []
    stored = stored_config(run_dir / CONFIG, cfg)
    stored.run_dir = escape(cfg.run_dir)
    before, now = (OmegaConf.to_container(config, resolve=True) for config in (stored, cfg))
    found = differences(before, now)  # type: ignore[arg-type]
    return [change for change in found if role_of(changed_key(change)) is not Role.START]


def report_changes(run_dir: Path, cfg: DictConfig) -> None:
    """Say which settings differ from those that the run had before."""
    changes = changes_since(run_dir, cfg)
    if changes:
        log.info("resuming with other settings than before:\n  %s", "\n  ".join(changes))


def same_training(run_dir: Path, cfg: DictConfig) -> bool:
    """Whether a batch that is trained again is the same as before: no setting has changed that it depends on."""
    return goes_on(cfg) and all(role_of(changed_key(change)) in HARMLESS for change in changes_since(run_dir, cfg))


def changed_key(change: str) -> str:
    """The setting that a line of :func:`differences` is about."""
    return change.partition(":")[0]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each setting that differs, as "key: before -> now"."""
    one, other = flat(before), flat(now)
    return [
        f"{key}: {one.get(key, ABSENT)} -> {other.get(key, ABSENT)}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key, ABSENT) != other.get(key, ABSENT)
    ]
