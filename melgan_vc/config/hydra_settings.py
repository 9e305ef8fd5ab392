"""Hydra's own settings: what they may have Hydra build before a command begins, and which of them change nothing."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from melgan_vc.config.stored import REFERENCE, leaves
from melgan_vc.config.targets import check_target, named_targets

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.", "optuna.samplers.")
LOGGING = ("logging.", "colorlog.")  # modules whose classes a logging configuration may name
FACTORIES = ("()", "class")  # keys of a logging configuration that name what is called
BY_HYDRA = "Hydra sets it itself"
HELP = "a command has its own help"
WITHOUT_EFFECT = {  # what these commands do themselves or not at all, unless another setting uses it
    "hydra.run.dir": "a training writes to run_dir=DIR, other commands to their output",
    "hydra.output_subdir": "a run directory holds its own config.yaml",
    "hydra.job.chdir": "relative paths start where you are",
    "hydra.sweep.subdir": "each job names its folder by what is swept",
    "hydra.job.name": "nothing is named by it; a training has name=NAME and run_dir=DIR",
    "hydra.job.config": "each job names its folder by what is swept",
    "hydra.job.config_name": BY_HYDRA,
    "hydra.job.id": BY_HYDRA,
    "hydra.job.num": BY_HYDRA,
    "hydra.job.override_dirname": BY_HYDRA,
    "hydra.overrides": BY_HYDRA,
    "hydra.runtime": BY_HYDRA,
    "hydra.help": HELP,
    "hydra.hydra_help": HELP,
}
UNCHANGED: Mapping[str, Sequence[object]] = {  # values that ask for nothing else than what is done anyway
    "hydra.run.dir": (".",),
    "hydra.output_subdir": (None,),
    "hydra.job.chdir": (None, False),
    "hydra.sweep.subdir": (".", "${hydra.job.num}"),
}
OF_SWEEPS = ("hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra.job.env_copy")  # have an effect only with -m


def check_code(hydra: Mapping[str, Any], trust: Sequence[str]) -> None:
    """Refuse settings of Hydra that name code which was not trusted.

    Hydra builds its launcher, sweeper, callbacks and logging before a command sees its config.

    Args:
        hydra: as plain settings, without references.
        trust: packages whose classes may be named.

    Raises:
        UserError: one names what may not be named.
    """
    for key, target in named_targets(hydra, "hydra"):
        if not (isinstance(target, str) and target.startswith(PLUGINS)):
            check_target(key, target, trust)
    for group in ("job_logging", "hydra_logging"):
        for key, name in factories(hydra.get(group), f"hydra.{group}"):
            if key.endswith("()") or not str(name).startswith(LOGGING):
                check_target(key, name, trust)


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


def unused_settings(cfg: DictConfig, typed: Sequence[str], filed: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each of Hydra's settings that changes nothing.

    Args:
        cfg: the composed config.
        typed: keys that the command line sets; a group of Hydra's by its dotted name.
        filed: keys of Hydra's that a user's own files set, with the file.
    """
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    multirun = str(plain["hydra"]["mode"]).endswith("MULTIRUN")
    for key in dict.fromkeys([*UNCHANGED, *(key for key in (*typed, *filed) if is_inside(key, "hydra"))]):
        place = f" ({filed[key]})" if key in filed and key not in typed else ""
        prefix = next((prefix for prefix in WITHOUT_EFFECT if is_inside(key, prefix)), None)
        if not multirun and key in typed and any(is_inside(key, prefix) for prefix in OF_SWEEPS):
            yield f"{key} has no effect without -m"
        elif prefix is None:
            yield from (f"{line}{place}" for line in unknown(key))
        elif value(plain, key) not in UNCHANGED.get(key, ()) and not is_referred_to(plain, key, multirun):
            yield f"{key} has no effect here: {WITHOUT_EFFECT[prefix]}{place}"


def is_inside(key: str, prefix: str) -> bool:
    """Tell whether a dotted key is another one or below it."""
    return key == prefix or key.startswith(f"{prefix}.")


def value(plain: object, key: str) -> object:
    """Return what stands at a dotted key, None where nothing does."""
    for name in key.split("."):
        plain = plain.get(name) if isinstance(plain, Mapping) else None
    return plain


def is_referred_to(plain: Mapping[str, Any], key: str, multirun: bool) -> bool:
    """Tell whether a setting that has an effect is given by one of Hydra's, as in ${hydra:job.name}."""
    idle = {"help", "hydra_help", "overrides", "runtime", *(() if multirun else ("sweep", "sweeper", "launcher"))}
    used = {**plain, "hydra": {name: node for name, node in plain["hydra"].items() if name not in idle}}
    name = key.removeprefix("hydra.")
    texts = [text for _, text in leaves(used) if isinstance(text, str)]
    return any(
        re.match(rf"\s*hydra[.:]{re.escape(name)}\b", text[found.end() :])
        for text in texts
        for found in REFERENCE.finditer(text)
    )


def unknown(key: str) -> Iterator[str]:
    """Yield that Hydra has no setting of a dotted name, and which one was probably meant."""
    node: Any = OmegaConf.structured(HydraConf)
    place = "hydra"
    for name in key.split(".")[1:]:
        if not isinstance(node, DictConfig) or OmegaConf.get_type(node) is dict or OmegaConf.is_missing(node, name):
            return  # Hydra's classes leave open what it holds
        if name not in node:
            found = difflib.get_close_matches(name, [str(known) for known in node], n=1)
            yield f"unknown setting {key}" + (f"; did you mean {place}.{found[0]}?" if found else "")
            return
        node, place = node._get_node(name), f"{place}.{name}"
