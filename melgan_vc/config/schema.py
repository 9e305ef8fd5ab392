"""Every setting of every command: which keys there are, what each may be, and which known key is meant by another.

All of it is derived: keys and types from the files in ``conf/`` and from the signatures of the classes that they name,
limits and words from :mod:`melgan_vc.config.settings`.
"""

import difflib
import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any

import yaml

from melgan_vc.config.paths import CONF
from melgan_vc.config.settings import ANYTHING, DECLARED, Kind, Setting
from melgan_vc.config.targets import TARGET, locate

SPECIAL = {TARGET, "_partial_", "_convert_", "_recursive_", "_args_"}
GLOBAL = "# @package _global_"
BUILT_ELSEWHERE = {"losses": {"weight"}}  # keys of an entry that are not for its class
OPEN_GROUPS = ("callbacks", "losses", "logger", "optim.schedule")  # may hold entries of any name
KINDS = {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT, list: Kind.LIST, tuple: Kind.LIST}
FREE = ("sections",)  # mappings whose keys are the user's own
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Schema:
    """The settings of one command.

    Attributes:
        command: its name.
        defaults: the values that each key has in the files of conf/, dotted; mappings are not among them.
        mappings: the dotted keys that hold others.
        targets: the keys that conf/ gives to each class.
        places: the files of conf/ that define each entry with a class, as GROUP=NAME.
        setters: the files of conf/ that have each key, likewise.
        groups: names of config groups, with the names of their files.
        removable: groups of which none may be chosen.
    """

    command: str
    defaults: dict[str, list[Any]] = field(default_factory=dict)
    mappings: set[str] = field(default_factory=set)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    setters: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    removable: set[str] = field(default_factory=set)

    @property
    def keys(self) -> set[str]:
        """All known keys, dotted."""
        declared = {key for key in DECLARED.get(self.command, ()) if "*" not in key}
        return self.defaults.keys() | self.mappings | declared

    def is_known(self, key: str) -> bool:
        return key in self.keys or any(key == name or key.startswith(f"{name}.") for name in FREE if name in self.keys)

    def setting(self, key: str) -> Setting | None:
        """Return what a key's value may be: as declared, else as its defaults in conf/ show; None where they do not."""
        declared = DECLARED.get(self.command, {})
        if key in declared:
            return declared[key]
        parts = key.count(".")
        for pattern, setting in declared.items():
            if "*" in pattern and pattern.count(".") == parts and fnmatchcase(key, pattern):
                return setting
        return setting_of(self.defaults.get(key, []))

    def needs_path(self, key: str) -> bool:
        """Return whether a setting is a path that must be given."""
        setting = self.setting(key)
        inside_another = key.rpartition(".")[0] in self.defaults  # such as data.source, a folder or an entry
        return setting is not None and setting.is_path and not setting.optional and not inside_another

    def nearest(self, key: str) -> str | None:
        """Return the known key that was probably meant: similar as a whole, or with the same last part."""
        known = sorted(self.keys | self.groups.keys())
        parent, _, name = key.rpartition(".")
        beside = [other for other in known if other.rpartition(".")[0] == parent]
        if found := difflib.get_close_matches(key, beside, n=1, cutoff=0.7):
            return found[0]
        if found := difflib.get_close_matches(key, known, n=1, cutoff=0.7):
            return found[0]
        named = [other for other in known if other.rpartition(".")[2] == name]
        return min(named, key=len) if named else None


@lru_cache
def schema_of(command: str) -> Schema:
    """Return the settings of a command, as the files in conf/ have them."""
    schema = Schema(command)
    add_file(schema, CONF / f"{command}.yaml", command, [])
    for group, choice in chosen_groups(command).items():
        folder = CONF / group
        files = sorted(folder.glob("*.yaml"))
        schema.groups[group] = [path.stem for path in files]
        if not choice:
            schema.removable.add(group)
        for path in files:
            add_file(schema, path, f"{group}={path.stem}", [group])
    return schema


def chosen_groups(command: str) -> dict[str, Any]:
    """Return the choices of a command's defaults list by their groups, with those of the configs that it builds on."""
    content = yaml.load((CONF / f"{command}.yaml").read_text(encoding="utf-8"), Loader)
    found: dict[str, Any] = {}
    for entry in content["defaults"]:
        if isinstance(entry, Mapping):
            found |= {name: choice for name, choice in entry.items() if not name.startswith("override ")}
        elif entry not in ("_self_", "command"):
            found |= chosen_groups(entry)
    return found


def add_file(schema: Schema, path: Path, place: str, package: list[str]) -> None:
    """Add the keys of a file of conf/, and of the configs that a primary one builds on."""
    text = path.read_text(encoding="utf-8")
    content = yaml.load(text, Loader) or {}
    defaults = content.pop("defaults", [])
    if not package:
        for entry in defaults:
            if isinstance(entry, str) and entry not in ("_self_", "command"):
                add_file(schema, CONF / f"{entry}.yaml", entry, [])
    content.pop("hydra", None)
    add(schema, content, "" if text.startswith(GLOBAL) else ".".join(package), place)


def add(schema: Schema, content: Mapping[str, Any], prefix: str, place: str) -> None:
    """Add the keys of a mapping that stands at a dotted key."""
    if prefix:
        schema.mappings.add(prefix)
    if target := content.get(TARGET):
        schema.targets.setdefault(target, {}).update(content)
        schema.places.setdefault(prefix, []).append(place)
    for name, value in content.items():
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping):
            add(schema, value, key, place)
        elif name not in SPECIAL:
            schema.defaults.setdefault(key, []).append(value)
            schema.setters.setdefault(key, []).append(place)


def setting_of(defaults: list[Any]) -> Setting | None:
    """Return what the defaults of a key show of its values; None where they show nothing."""
    kinds = {KINDS.get(type(value)) for value in defaults if value not in (None, "???") and not is_reference(value)}
    if kinds == {Kind.WHOLE, Kind.NUMBER}:
        kinds = {Kind.NUMBER}
    if len(kinds) != 1 or None in kinds:
        return replace(ANYTHING, optional=None in defaults) if kinds or None in defaults else None
    (kind,) = kinds
    assert kind is not None
    return Setting(kind, optional=None in defaults)


def is_reference(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def parameters(target: str, trust: tuple[str, ...] = ()) -> dict[str, Setting | None] | None:
    """Return the parameters of a class or function by name, with what they may be; None where it takes any.

    Args:
        target: its dotted name.
        trust: packages of the user's own.

    Raises:
        UserError: there is none of that name, or it is not trusted.
    """
    called = locate(TARGET, target, trust)
    found: dict[str, Setting | None] = {}
    levels = called.__mro__ if isinstance(called, type) else (called,)
    for level in levels:
        function = level.__dict__.get("__init__") if isinstance(level, type) else level
        if function is None or function is object.__init__:
            continue
        try:
            taken = inspect.signature(function).parameters
            hints = typing.get_type_hints(function)
        except (TypeError, ValueError, NameError):  # written in C, or with annotations that only a type checker sees
            return None
        for name, parameter in taken.items():
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(name, annotated(hints.get(name, Any)))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
            found.pop("self", None)
            return found
        if not isinstance(called, type):
            return None
    return None


def annotated(hint: Any) -> Setting | None:
    """Return what a parameter may be by its annotation; None where that allows more than one kind."""
    members = typing.get_args(hint) if typing.get_origin(hint) in (UnionType, typing.Union) else (hint,)
    kinds = [KINDS.get(member) for member in members if member is not type(None)]
    if len(kinds) != 1 or kinds[0] is None:
        return None
    return Setting(kinds[0], optional=type(None) in members)
