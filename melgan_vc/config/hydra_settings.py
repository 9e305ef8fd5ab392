"""Hydra's own settings, from which it builds objects before a command begins: checked where a user's files set them."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from melgan_vc.config.paths import CONF
from melgan_vc.config.targets import check_target, check_trust, named_targets

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.", "optuna.samplers.")
LOGGING = ("logging.", "colorlog.")  # modules whose classes a logging configuration may name
FACTORIES = ("()", "class")  # keys of a logging configuration that name what is called


def check_hydra_settings(arguments: Sequence[str], config: str) -> None:
    """Refuse config folders given on the command line in which Hydra's settings name code that was not trusted.

    Hydra builds its launcher, sweeper, callbacks and logging before a command sees its config. Those in ``conf/`` are
    this program's own, so only a command that reads other folders is checked.

    Args:
        arguments: of the command line, without the program's name.
        config: name of the command's config.

    Raises:
        UserError: one names what may not be named.
    """
    parsed, _ = get_args_parser().parse_known_args(list(arguments))
    if not (parsed.config_dir or parsed.config_path or any("searchpath" in word for word in parsed.overrides)):
        return
    settings = composed(parsed, config)
    if settings is None:
        return  # Hydra tells what is wrong
    trust = check_trust(settings.get("trust", []))
    hydra = settings["hydra"]
    for key, target in named_targets(hydra, "hydra"):
        if not (isinstance(target, str) and target.startswith(PLUGINS)):
            check_target(key, target, trust)
    for group in ("job_logging", "hydra_logging"):
        for key, name in factories(hydra.get(group), f"hydra.{group}"):
            if key.endswith("()") or not str(name).startswith(LOGGING):
                check_target(key, name, trust)


def composed(parsed: argparse.Namespace, config: str) -> Any:
    """Return the config that Hydra is about to compose, as plain settings; None where it cannot be composed."""
    overrides = list(parsed.overrides)
    if parsed.config_dir:
        overrides.append(f"hydra.searchpath=['file://{Path(parsed.config_dir).absolute()}']")
    home = Path(parsed.config_path).absolute() if parsed.config_path else CONF
    try:
        with initialize_config_dir(str(home), version_base="1.3"):
            found = compose(parsed.config_name or config, overrides, return_hydra_config=True)
        return OmegaConf.to_container(found, resolve=False)
    except (HydraException, OmegaConfBaseException, OSError, ValueError):
        return None
    finally:
        GlobalHydra.instance().clear()


def factories(value: object, key: str) -> Iterator[tuple[str, object]]:
    """Yield each name of something to call in a logging configuration, with its dotted key."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            if name in FACTORIES:
                yield f"{key}.{name}", child
            yield from factories(child, f"{key}.{name}")
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from factories(child, f"{key}.{number}")
