"""Objects of config entries: the only place where the value of a setting becomes a call.

Hydra's own ``instantiate`` calls whatever an entry names, and resolves references a second time in values that were
already resolved; see docs/trust.md.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from melgan_vc.config.targets import DIRECTIVES, TARGET, check_targets, locate
from melgan_vc.errors import UserError


def instantiate(entry: Any, name: str, kind: type | None = None, trust: Sequence[str] = (), **arguments: Any) -> Any:
    """Build the object that a config entry describes, and those in it.

    Args:
        entry: settings with ``_target_``, or nested settings that hold some; references in them are resolved.
        name: of the entry in the config, for errors.
        kind: class that the object must be of; None for any.
        trust: packages whose classes may be named, besides those that ``conf/`` names.
        **arguments: given to the outermost class as well.

    Returns:
        The object; for an entry with ``_partial_: true``, a function that builds it from further arguments.

    Raises:
        UserError: the entry names a class that no config may name, or builds something else than ``kind``.
    """
    plain = to_plain(entry)
    check_targets({name: plain}, trust)  # of all, before any is called
    if kind is not None:
        if not (isinstance(plain, Mapping) and TARGET in plain):
            raise UserError(f"{name} is {plain!r}: give an entry with {TARGET}, as its file in conf/ has it")
        target = locate(f"{name}.{TARGET}", plain[TARGET], trust)
        if isinstance(target, type) and not issubclass(target, kind):  # before it is built, which may have effects
            raise wrong_kind(name, plain[TARGET], kind)
    built = build(plain, name, trust, arguments)
    made = built.func if isinstance(built, partial) else built
    if kind is not None and not (isinstance(made, kind) or (isinstance(made, type) and issubclass(made, kind))):
        raise wrong_kind(name, plain[TARGET], kind)
    return built


def wrong_kind(name: str, target: str, kind: type) -> UserError:
    """Return the error for an entry that names a class of another kind."""
    return UserError(f"{name}: {target} is not a {kind.__name__}; give another {TARGET}")


def to_plain(entry: Any) -> Any:
    """Return settings as dicts and lists with all references resolved."""
    return OmegaConf.to_container(entry, resolve=True) if isinstance(entry, DictConfig | ListConfig) else entry


def build(value: Any, name: str, trust: Sequence[str], arguments: Mapping[str, Any]) -> Any:
    """Return plain settings with each entry that has ``_target_`` replaced by its object, from the inside out."""
    if isinstance(value, list | tuple):
        return [build(one, f"{name}.{number}", trust, {}) for number, one in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    unknown = [key for key in value if str(key).startswith("_") and key not in DIRECTIVES]
    if unknown:
        raise UserError(f"{name}.{unknown[0]}: is not supported; give only {' and '.join(DIRECTIVES)}")
    settings = {key: build(inner, f"{name}.{key}", trust, {}) for key, inner in value.items() if key not in DIRECTIVES}
    if TARGET not in value:
        return settings | dict(arguments)
    target = locate(f"{name}.{TARGET}", value[TARGET], trust)
    if value.get("_partial_", False):
        return partial(target, **(settings | dict(arguments)))
    return target(**(settings | dict(arguments)))
