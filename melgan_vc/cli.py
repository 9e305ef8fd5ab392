"""What all commands share: where the configs are, how paths may be written, and errors as one line."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from melgan_vc.errors import UserError

PACKAGE = Path(__file__).resolve().parent
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
PATH_KEYS = (
    "data.source", "data.target", "data.store", "source", "target", "run_dir", "bundle", "input", "output", "weights",
)  # fmt: skip
Task = Callable[[DictConfig], None]


def command(config: str) -> Callable[[Task], Callable[[], None]]:
    """Make a function of a config a command: Hydra composes ``conf/<config>.yaml``, errors of the user's become one
    line on standard error and exit code 1, and anything else keeps its traceback, for it is ours to mend."""

    def decorate(task: Task) -> Callable[[], None]:
        def guarded(cfg: DictConfig) -> None:
            try:
                check_filled(cfg)
                task(cfg)
            except Exception as error:
                fail(error)

        def main() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then lets its errors through to here
            quiet_libraries()
            if not {"-m", "--multirun"} & set(sys.argv):
                sys.argv[1:] = [quoted(argument) for argument in sys.argv[1:]]
            try:
                hydra.main(version_base="1.3", config_path=str(CONF), config_name=config)(guarded)()
            except Exception as error:
                fail(error)

        return main

    return decorate


def check_filled(cfg: DictConfig) -> None:
    """Refuse a config whose mandatory settings were not given."""
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UserError(f"{', '.join(missing)} not given; add {' '.join(f'{key}=...' for key in missing)}")


def quoted(argument: str) -> str:
    """An override with a path as Hydra reads it: quoted, so that spaces, commas and accents need no care."""
    key, equals, value = argument.partition("=")
    if not equals or key not in PATH_KEYS or value[:1] in ("", "'", '"') or value in ("null", "???"):
        return argument
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"'


def fail(error: Exception) -> None:
    """End the program with one line for the user, if the error is one that a user can mend.

    Raises:
        SystemExit: with code 1, after the line.
        Exception: the error itself, if it is none of the user's.
    """
    for cause in causes(error):
        if isinstance(cause, UserError):
            end(str(cause))
        if isinstance(cause, OSError) and not isinstance(error, ImportError):
            where = f"{cause.filename}: " if cause.filename else ""
            end(f"{where}{cause.strerror or cause}; choose another path, or check rights and free space")
    if isinstance(error, HydraException | OmegaConfBaseException):
        end(explained(error))
    raise error


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def explained(error: Exception) -> str:
    """Hydra's and OmegaConf's many lines as one."""
    text = str(error).split("Config search path")[0]
    head, found, options = text.partition("Available options in ")
    if found:
        group, _, names = options.partition(":")
        return f"{' '.join(head.split())}; choose one of {', '.join(names.split())} for {group.strip()}"
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("full_key", "object_type", "reference_type"))]
    return " ".join(kept) + "; --help shows what can be set"


def end(line: str) -> None:
    print("error: " + " ".join(line.split()), file=sys.stderr)
    raise SystemExit(1)


def quiet_libraries() -> None:
    """Silence what libraries say that no user of these commands can act on."""
    for text in (
        ".*does not have many workers.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*Experiment logs directory.*exists and is not empty.*",
        ".*has a length of `0`.*",
    ):
        warnings.filterwarnings("ignore", message=text)
