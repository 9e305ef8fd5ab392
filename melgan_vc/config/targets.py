"""The classes that a config may name: those that ``conf/`` names, torch's optimizers, and packages the user trusts."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any

from melgan_vc.config.paths import CONF
from melgan_vc.errors import UserError

TARGET = "_target_"
DIRECTIVES = (TARGET, "_partial_")
OPTIMIZERS = "torch.optim"
INSTALLED_WITH = ("hydra-core", "lightning", "librosa", "setuptools", "pip")  # also where this package is not installed
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@cache
def shipped_targets() -> frozenset[str]:
    """Return every class that the config files which come with the package name, for logging as well."""
    pattern = re.compile(rf"\b(?:{TARGET}|class):\s*[\"']?([\w.]+)")
    return frozenset(name for file in CONF.rglob("*.yaml") for name in pattern.findall(file.read_text("utf-8")))


def check_trust(trust: object) -> tuple[str, ...]:
    """Return the packages that a command's ``trust`` setting names.

    Args:
        trust: the value of the setting; a list of packages or modules.

    Raises:
        UserError: it is not a list of dotted names.
    """
    names = trust if isinstance(trust, Sequence) and not isinstance(trust, str) else None
    if names is None or not all(isinstance(name, str) and DOTTED.fullmatch(name) for name in names):
        raise UserError(f"trust is {trust!r}: give a list of packages whose classes a config may name, as [mypackage]")
    return tuple(names)


def is_trusted(target: str, trust: Sequence[str]) -> bool:
    """Return whether a class lies in one of the packages or modules that the user trusts."""
    return any(target.startswith(f"{name}.") for name in trust)


def named_targets(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield each ``_target_`` in nested settings, at any depth, with its dotted key.

    Args:
        value: plain settings, without references.
        key: of ``value``.
    """
    children: Iterator[tuple[Any, Any]] | None = None
    if isinstance(value, Mapping):
        children = iter(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        children = iter(enumerate(value))
    for name, child in children or ():
        place = f"{key}.{name}".lstrip(".")
        if name == TARGET:
            yield place, child
        yield from named_targets(child, place)


def check_targets(settings: object, trust: Sequence[str] = (), place: str = "") -> None:
    """Refuse settings that name a class which no config may name. Nothing is imported unless it may be.

    Args:
        settings: plain settings, without references.
        trust: packages whose classes may be named besides.
        place: put before each key in errors, such as a file's path and ": ".

    Raises:
        UserError: one may not be named.
    """
    for key, target in named_targets(settings):
        check_target(f"{place}{key}", target, trust)


def check_target(key: str, target: object, trust: Sequence[str] = ()) -> str:
    """Return the dotted path of a class that a config may name.

    Args:
        key: where the config names it, for errors.
        target: what stands there.
        trust: packages whose classes may be named besides.

    Raises:
        UserError: it may not be named.
    """
    if not isinstance(target, str) or not DOTTED.fullmatch(target):
        raise UserError(f"{key} is {target!r}: give the dotted path of a class")
    if target in shipped_targets() or is_trusted(target, trust) or is_optimizer(target):
        return target
    raise UserError(f"{key} is {target}, which configs may not name, so it was not called; {trust_advice(target)}")


def trust_advice(target: str) -> str:
    """Return what to do about a class that may not be named: trust its package, if it may be one of the user's own."""
    package = target.partition(".")[0]
    if package in {*sys.stdlib_module_names, __package__.partition(".")[0]} or package in dependencies():
        return "do not use a file that asks for this"
    return f"only if you wrote this file yourself, add trust=[{package}]"


@cache
def dependencies() -> frozenset[str]:
    """Return the names under which the libraries that this package needs, and those that these need, are imported."""
    needed: set[str] = set()
    waiting = [__package__.partition(".")[0], *INSTALLED_WITH]
    while waiting:
        if (name := distribution_name(waiting.pop())) in needed:
            continue
        needed.add(name)
        with suppress(metadata.PackageNotFoundError):  # it is optional, or this package runs from its source
            waiting += metadata.requires(name) or ()
    provided = metadata.packages_distributions()
    return frozenset(name for name, by in provided.items() if needed & {distribution_name(one) for one in by})


def distribution_name(requirement: str) -> str:
    """Return the name in a requirement such as ``Hydra_core>=1.3; extra == "x"`` in its normal form (PEP 503)."""
    found = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def is_optimizer(target: str) -> bool:
    """Return whether a dotted path is that of an optimizer class in ``torch.optim``."""
    module, _, name = target.rpartition(".")
    if module != OPTIMIZERS:
        return False
    optimizers = importlib.import_module(OPTIMIZERS)
    found = getattr(optimizers, name, None)
    return isinstance(found, type) and issubclass(found, optimizers.Optimizer)


def locate(key: str, target: object, trust: Sequence[str] = ()) -> Callable[..., Any]:
    """Import what a config names, after checking that it may be named.

    Args:
        key: where the config names it, for errors.
        target: its dotted path.
        trust: packages whose classes may be named besides.

    Raises:
        UserError: it may not be named, or there is no such class or function.
    """
    path = check_target(key, target, trust)
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{key} is {path}: {error}; check the name, and that the package is installed") from error
    if not callable(found):
        raise UserError(f"{key} is {path}, which is neither a class nor a function")
    return found
