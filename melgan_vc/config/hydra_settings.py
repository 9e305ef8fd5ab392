"""Hydra's own settings, from which it builds objects before a command begins: checked where a user's files set them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from melgan_vc.config.targets import check_target, named_targets

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.", "optuna.samplers.")
LOGGING = ("logging.", "colorlog.")  # modules whose classes a logging configuration may name
FACTORIES = ("()", "class")  # keys of a logging configuration that name what is called


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
