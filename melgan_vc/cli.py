"""What all commands share: where the configs are, how paths may be written, and errors as one line."""

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from melgan_vc import terminal
from melgan_vc.config import composition, environment
from melgan_vc.config.command_line import check_options, quote_words
from melgan_vc.config.effects import place_to_add
from melgan_vc.config.paths import CONF, expand_user
from melgan_vc.config.schema import schema_of
from melgan_vc.errors import UserError, explain_os_error, is_lack_of_memory
from melgan_vc.text import shortened

Task = Callable[[DictConfig], float | None]


def command(config: str) -> Callable[[Task], Callable[[], None]]:
    """Make a function of a config a command: Hydra composes ``conf/<config>.yaml``, errors of the user's become one
    line on standard error and exit code 1, and anything else keeps its traceback, for it is ours to mend.

    Args:
        config: the name of the command.
    """

    def decorate(task: Task) -> Callable[[], None]:
        def guarded(cfg: DictConfig) -> float | None:
            with explained(config):
                if config != "train":  # whose jobs note it beside what they leave
                    composition.raise_faults(cfg)
                check_filled(cfg, config)
                return task(cfg)
            return None

        def main() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then lets its errors through to here
            quiet_libraries()
            terminal.open_standard_streams()
            environment.complete_environment()
            with explained(config):
                check_options(sys.argv[1:])
                sys.argv[1:] = quote_words(sys.argv[1:], config)
                composition.install()
                hydra.main(version_base="1.3", config_path=str(CONF), config_name=config)(guarded)()

        return main

    return decorate


def check_filled(cfg: DictConfig, command: str) -> None:
    """Refuse a config whose mandatory settings were not given, or given as nothing."""
    schema = schema_of(command)
    empty = {key for key in schema.keys if schema.needs_path(key) and left_empty(cfg, key)}
    missing = sorted(OmegaConf.missing_keys(cfg) | empty)
    if missing:
        raise UserError(f"{', '.join(missing)} not given; add {' '.join(f'{key}=...' for key in missing)}")


def several_paths(value: object, name: str) -> list[Path]:
    """The path that a setting names, or those that it lists."""
    given = list(value) if isinstance(value, ListConfig) else [value]
    found = [expand_user(one) for one in given if isinstance(one, str) and one]
    if not found or len(found) < len(given):
        raise UserError(f"{name} is {value!r}: give a path, or several as [ONE,OTHER]")
    return found


def left_empty(cfg: DictConfig, key: str) -> bool:
    """Return whether a setting is there, but null or an empty text."""
    nothing = object()
    return OmegaConf.select(cfg, key, default=nothing, throw_on_missing=False) in (None, "")


@contextmanager
def explained(command: str | None = None) -> Iterator[None]:
    """End the program with one line if the body fails by something that a user can mend.

    Args:
        command: whose settings a wrong key is compared with.
    """
    try:
        try:
            yield
        except SystemExit as error:  # Hydra's, after --help
            if error.code:
                raise
        terminal.flush()
    except KeyboardInterrupt:
        end("interrupted", code=130)
    except Exception as error:
        if any(isinstance(cause, BrokenPipeError) for cause in causes(error)) and terminal.is_reader_gone():
            terminal.discard_output()
            raise SystemExit(terminal.BROKEN_PIPE) from None
        line = explanation(error, command)
        if line is None:
            raise
        end(line)


def explanation(error: Exception, command: str | None = None) -> str | None:
    """What a user can do about an error, or None if it is none of the user's."""
    for cause in causes(error):
        if isinstance(cause, UserError):
            return str(cause)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return composition_error(str(error), command)
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return "a config group was given a value that is none of its files; --help shows which there are"
    if raised_by_hydra(error):
        return composition_error(str(error), command)
    if isinstance(error, OSError):
        return explain_os_error(error)
    if is_lack_of_memory(error):
        return (
            f"there is too little memory ({shortened(error) or type(error).__name__}); close some programs, or choose "
            "smaller settings, such as data.batch_size"
        )
    return None


def raised_by_hydra(error: Exception) -> bool:
    """Return whether Hydra itself raised an error, for it also uses plain exceptions."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        isinstance(error, ValueError)
        and trace is not None
        and str(trace.tb_frame.f_globals.get("__name__")).startswith("hydra.")
    )


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def composition_error(text: str, command: str | None = None) -> str:
    """Hydra's and OmegaConf's many lines as one."""
    text = text.split("Config search path")[0]
    head, found, options = text.partition("Available options in ")
    if found:
        group, _, names = options.partition(":")
        return f"{' '.join(head.split())}; choose one of {', '.join(names.split())} for {group.strip()}"
    if plugin := re.search(r"hydra/(launcher|sweeper)", text):
        extra = "ray" if "ray" in text else "sweeps"
        return f"this {plugin[1]} is not installed: pip install 'melgan_vc[{extra}]'"
    if unknown := re.search(r"Could not override '([^']*)'", text):
        return unknown_setting(unknown[1], command)
    if absent := re.search(r"Could not delete from config\. '([^']*)' does not exist", text):
        return f"~{absent[1]}: there is none to remove{guess(absent[1], command)}"
    if missing := re.search(r"Missing mandatory value: (\S+)", text):
        return f"{missing[1]} not given; add {missing[1]}=..."
    if "missing EQUAL" in text:
        return f"{' '.join(text.split('See ')[0].split())}; write KEY=VALUE, as --help shows"
    text = re.sub(r"See https://hydra\.cc\S* for details", "", text)
    if (unread := re.search(r"Could not load '([^']*)/([^/']*)'", text)) and command is not None:
        group, name = unread.groups()
        choices = schema_of(command).groups.get(group, [])
        return f"{group}: there is no {name!r}; choose from {', '.join(choices)}"
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("full_key", "object_type", "reference_type"))]
    return " ".join(kept).removesuffix(".") + "; --help shows what can be set"


def unknown_setting(key: str, command: str | None) -> str:
    """What to say of a key that is not in the config: how to bring in its entry, or which key was probably meant."""
    schema = schema_of(command) if command is not None else None
    if schema is not None and key in schema.keys:
        entries = [entry for entry in schema.places if key == entry or key.startswith(f"{entry}.")]
        entry = max(entries, key=len, default="")
        if entry in schema.groups and key in schema.setters:  # of another choice than the one that is made
            return f"{key} is no setting of the chosen {entry}; add {' or '.join(schema.setters[key])}"
        if entry:
            return f"{key} has no effect: {entry} is not in use; add {place_to_add(schema.places[entry][0])}"
    return f"unknown setting {key!r}{guess(key, command) or ';'} --help shows what can be set"


def guess(key: str, command: str | None) -> str:
    """Return the end of a line that names the known key nearest to an unknown one; empty where none is near."""
    nearest = schema_of(command).nearest(key) if command is not None else None
    return f"; did you mean {nearest}?" if nearest is not None and nearest != key else ""


def end(line: str, code: int = 1) -> NoReturn:
    with suppress(OSError):  # nobody reads it
        terminal.say(f"error: {' '.join(piece.strip() for piece in line.splitlines())}", error=True)
    terminal.discard_output()
    raise SystemExit(code)


def quiet_libraries() -> None:
    """Silence what libraries say that no user of these commands can act on."""
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # that it makes a list of fonts
    logging.raiseExceptions = False  # a log line that cannot be written, as its reader has ended
    for text in (
        ".*does not have many workers.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*Experiment logs directory.*exists and is not empty.*",  # config.yaml is there before the loggers
    ):
        warnings.filterwarnings("ignore", message=text)
