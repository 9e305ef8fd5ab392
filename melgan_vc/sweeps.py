"""A multirun of trainings: each job in a folder of its own that is found again, a failure that stops no other."""

import hashlib
import json
import logging
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from melgan_vc.cli import explained, explanation, quiet_libraries
from melgan_vc.config.composition import raise_faults
from melgan_vc.config.paths import expand_user
from melgan_vc.config.schema import schema_of
from melgan_vc.config.settings import Role, role_of
from melgan_vc.config.stored import escape
from melgan_vc.data.corpus import is_path
from melgan_vc.errors import UserError
from melgan_vc.evaluation import leaderboard, runs
from melgan_vc.evaluation.ranking import AUTO
from melgan_vc.evaluation.runs import FAILURE, JOB
from melgan_vc.files import replacing
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.terminal import say
from melgan_vc.text import counted

log = logging.getLogger(__name__)
DISTINCT = (Role.MEANING, Role.PLACE)  # settings with one of these roles make a job another one
SWEEP = "sweep.json"
LONGEST = 90  # letters of a folder's name


def in_multirun() -> bool:
    return HydraConfig.get().mode == RunMode.MULTIRUN


def run_job(cfg: DictConfig, train: Callable[[DictConfig], Any]) -> float | None:
    """Train one job of a multirun, from where it was left; a done one is left alone.

    Returns:
        its best held-out measure, the one that ranks its checkpoints; None where it failed or measured none.

    Raises:
        SystemExit: it was interrupted.
    """
    quiet_libraries()  # a launcher may have started this process
    overrides = list(HydraConfig.get().overrides.task)
    home = expand_user(HydraConfig.get().sweep.dir)
    cfg.run_dir = escape(job_folder(home, overrides))
    cfg.resume = cfg.resume or "auto"
    folder = Path(cfg.run_dir)
    if OmegaConf.select(cfg, "logger.wandb") is not None:
        cfg.logger.wandb.name = folder.name
        cfg.logger.wandb.group = cfg.logger.wandb.group or f"{home.absolute().parent.name}-{home.name}"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / JOB) as temporary:
        temporary.write_text(json.dumps({"overrides": overrides}, indent=1), encoding="utf-8")
    try:
        raise_faults(cfg)
        train(cfg)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code != 1:
            raise
        note_failure(folder, error)
        return None
    (folder / FAILURE).unlink(missing_ok=True)
    return objective(cfg, folder)


def note_failure(folder: Path, error: BaseException) -> None:
    """Keep why a job failed beside what it left; the others go on."""
    line = explanation(error) if isinstance(error, Exception) else "its processes ended, see what they said above"
    line = " ".join((line or f"{type(error).__name__}: {error}").split())
    with replacing(folder / FAILURE) as temporary:
        temporary.write_text(f"{line}\n\n{''.join(traceback.format_exception(error))}", encoding="utf-8")
    log.error("job failed: %s: %s", folder.name, line)


def objective(cfg: DictConfig, folder: Path) -> float | None:
    """The measure that ranks a run's checkpoints, at its best validation; None without one."""
    measure = measure_of(cfg)
    return runs.entry(folder, folder.name, measure).measures.get(measure)


def measure_of(cfg: DictConfig) -> str:
    """The measure that ranks the jobs: the one that ranks each one's checkpoints, where a setting names it."""
    asked = str(OmegaConf.select(cfg, "checkpoint.monitor"))
    return asked if BETTER.get(asked, NO_WAY) != NO_WAY else "mel_distance"


def job_folder(home: Path, overrides: Sequence[str]) -> Path:
    """A job's folder: the one that it had before, in whichever sweep, or a new one named by what is swept.

    Args:
        home: of the sweep.
        overrides: of the job.
    """
    swept = read_swept(home / SWEEP)
    told = {override.lstrip("+"): override.lstrip("+~").partition("=")[0] for override in overrides}
    telling = sorted(override for override, key in told.items() if key in swept or role_of(key) in DISTINCT)
    meant = sorted(with_places(override, home) for override in telling)
    identity = hashlib.sha256(json.dumps(meant).encode()).hexdigest()[:8]
    for found in sorted(home.glob(f"*-{identity}")):
        return found
    shown = [override for override in telling if told[override] in swept] or ["job"]
    parts = [re.sub(r"^.*\.(?=[^.=]*\.[^.=]*=)", "", override) for override in shown]  # the last two parts of a key
    rounded = re.sub(r"\d+\.\d{4,}", lambda number: f"{float(number[0]):.4g}", "__".join(parts))
    readable = re.sub(r"[^\w.=+-]+", "_", rounded)[:LONGEST]
    return home / f"{readable}-{identity}"


def with_places(override: str, home: Path) -> str:
    """Return an override with each path in it as it is seen from the folder of the sweep, however it was written.

    Args:
        override: KEY=VALUE, as Hydra reads it.
        home: of the sweep.
    """
    name = override.partition("=")[0]
    setting = schema_of("train").setting(name.lstrip("+"))
    if setting is None or not setting.is_path:
        return override
    try:
        (parsed,) = OverridesParser.create().parse_overrides([override])
        value = OmegaConf.create({"value": parsed.value()}).value
    except (HydraException, OmegaConfBaseException):  # such as a reference to another setting
        return override
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list | ListConfig):
        return override
    return f"{name}={json.dumps([place_of(path, home) if is_path(path) else path for path in paths])}"


def place_of(path: str, home: Path) -> str:
    """Return where a path leads, seen from a folder, so that both may be moved together."""
    return os.path.relpath(os.path.realpath(expand_user(path)), os.path.realpath(home))


def read_swept(path: Path) -> list[str]:
    """Return the keys that a sweep goes through, as its start noted them; none where the note is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    except (OSError, ValueError, RecursionError):
        return []
    return [key for key in found if isinstance(key, str)] if isinstance(found, list) else []


class SweepReport(Callback):
    """Says before a multirun what it will take, and after it what came out."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with explained():  # Hydra only warns of what a callback raises
            if any(override.startswith("run_dir=") for override in config.hydra.overrides.task):
                raise UserError("run_dir would be the same for all jobs: say hydra.sweep.dir=DIR instead")
        home = expand_user(config.hydra.sweep.dir)
        swept, count = plan(config)
        home.mkdir(parents=True, exist_ok=True)
        with replacing(home / SWEEP) as temporary:
            temporary.write_text(json.dumps(swept), encoding="utf-8")
        print(budget(config, count), file=sys.stderr)  # the logs are not set up yet

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        home = expand_user(config.hydra.sweep.dir)
        measure = measure_of(config)
        chooses = OmegaConf.select(config, "checkpoint.monitor") == AUTO
        with explained():
            say(f"\n{leaderboard.write(home, AUTO if chooses else measure, home)}")
            failed = [one.name for one in runs.read(home, measure).entries if one.failure is not None]
            if failed:
                raise UserError(
                    f"{counted(len(failed), 'job')} failed: {', '.join(failed)}; {FAILURE} in each folder says why; "
                    "the same command tries them again and leaves the others as they are"
                )


def plan(config: DictConfig) -> tuple[list[str], int]:
    """What a multirun sweeps, and how many jobs that makes."""
    params = OmegaConf.select(config, "hydra.sweeper.params") or {}
    given = [f"{key}={params[key]}" for key in params] + list(config.hydra.overrides.task)
    values = {}
    for override in OverridesParser.create().parse_overrides(given):
        if override.is_interval_sweep():
            values[override.key_or_group] = math.inf
        elif override.is_sweep_override():
            values[override.key_or_group] = len(list(override.sweep_string_iterator()))
        else:
            values.pop(override.key_or_group, None)  # one that was swept by the file is fixed by the command line
    trials = OmegaConf.select(config, "hydra.sweeper.n_trials")
    return sorted(values), trials or int(math.prod(values.values()))


def budget(config: DictConfig, count: int) -> str:
    """What a multirun will take, as far as its config says."""
    batches, minutes = config.trainer.max_batches, config.trainer.max_minutes
    each = counted(batches, "batch", "batches") + (f" or {minutes} minutes" if minutes is not None else "") + " each"
    longest = f"; at most {count * minutes:g} minutes one after another" if minutes is not None else ""
    jobs, total = counted(count, "job"), counted(count * batches, "batch", "batches")
    return f"{jobs} of {each}, {total} in all{longest}, in {config.hydra.sweep.dir}; done ones stay"
