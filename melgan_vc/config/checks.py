"""Refuse a composed config that holds a key which nothing reads, or a value that its setting cannot have."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue, OmegaConfBaseException

from melgan_vc.config.schema import BUILT_ELSEWHERE, FREE, OPEN_GROUPS, SPECIAL, Schema, parameters
from melgan_vc.config.settings import Setting
from melgan_vc.config.targets import TARGET
from melgan_vc.errors import UserError

MISSING = (InterpolationToMissingValueError, MissingMandatoryValue)
GIVEN = "the command line"
UNKNOWN = "unknown setting"  # how the line on a key that nothing reads begins
TOP = (
    "experiment",
    "content",
    "stability",
    "sweep",
    "ablation",
    "launcher",
)  # groups whose files hold settings of all groups


@dataclass(frozen=True)
class Source:
    """Where settings come from.

    Attributes:
        place: a file, or the command line.
        keys: the dotted keys that it sets.
        package: where its settings stand in the whole config; "" at its top.
    """

    place: str
    keys: frozenset[str]
    package: str = ""

    def sets(self, key: str) -> bool:
        return any(own == key or own.startswith(f"{key}.") or key.startswith(f"{own}.") for own in self.keys)


@dataclass
class Check:
    """The check of one composed config.

    Attributes:
        cfg: the whole config.
        schema: of its command.
        sources: where its settings come from, the later ones win.
        trust: the user's own packages that may be built.
    """

    cfg: DictConfig
    schema: Schema
    sources: Sequence[Source] = ()
    trust: tuple[str, ...] = ()

    def faults(self) -> Iterator[str]:
        """Yield what is wrong, a line each."""
        yield from self.inside("", self.cfg)

    def of_node(self, key: str, node: Any) -> Iterator[str]:
        """Yield what is wrong at a dotted key and below it."""
        try:
            value = value_of(node)
        except MISSING:
            return  # what was not given is told together
        except (OmegaConfBaseException, RecursionError) as error:
            yield self.unresolved(key, error)
            return
        if not isinstance(value, DictConfig):
            yield from self.of_leaf(key, value)
        elif TARGET in value:
            if key in self.schema.keys or key.rpartition(".")[0] in OPEN_GROUPS:
                yield from self.of_entry(key, value)
            else:
                yield self.unknown(key)
        elif not self.schema.is_known(key):
            yield self.unknown(key)
        elif key in self.schema.mappings and None in self.schema.defaults.get(key, (None,)):  # or may be null
            yield from self.inside(key, value)
        elif key not in FREE:
            yield from self.of_value(key, value, self.schema.setting(key))

    def inside(self, key: str, mapping: DictConfig) -> Iterator[str]:
        """Yield what is wrong below a dotted key; "" for the whole config."""
        for name in mapping:
            inner = f"{key}.{name!s}".lstrip(".")
            if "." in str(name):  # else taken for the setting of that dotted key
                first, _, rest = str(name).partition(".")
                nested = f"{first}: {{{rest}: ...}}"
                yield f"{UNKNOWN} {inner}: a key in a file has no dots; write {nested}{self.origin(inner)}"
            elif inner != "hydra":
                yield from self.of_node(inner, mapping._get_node(name))

    def of_leaf(self, key: str, value: Any) -> Iterator[str]:
        """Yield what is wrong with a value that is no mapping."""
        if key in self.schema.mappings:
            removable = key.rpartition(".")[0] in (*OPEN_GROUPS, *FREE) or None in self.schema.defaults.get(key, ())
            if value is None and removable:
                return
            if value is None or key not in self.schema.defaults:
                nothing = ", or null for none" if removable else ""
                yield f"{key} is {shown(value)}: give its settings as {key}.NAME=VALUE{nothing}{self.origin(key)}"
                return
        elif not self.schema.is_known(key):
            yield self.unknown(key)
            return
        yield from self.of_value(key, value, self.schema.setting(key))

    def of_value(self, key: str, value: Any, setting: Setting | None) -> Iterator[str]:
        """Yield what is wrong with a value by what its setting may be."""
        if value is None and self.schema.needs_path(key):
            return  # all that was not given is told together
        plain = OmegaConf.to_container(value, resolve=False) if isinstance(value, DictConfig | ListConfig) else value
        if setting is not None and not setting.accepts(plain):
            hint = "; several values at once need -m" if isinstance(plain, str) and "," in plain else ""
            yield f"{key} is {shown(plain)}: give {setting}{hint}{self.origin(key)}"

    def of_entry(self, key: str, entry: DictConfig) -> Iterator[str]:
        """Yield what is wrong with settings that name the class to build of them."""
        target = entry._get_node(TARGET)._value()  # type: ignore[union-attr]
        if not isinstance(target, str):
            yield f"{key}._target_ is {shown(target)}: give the dotted name of a class{self.origin(key)}"
            return
        beside = BUILT_ELSEWHERE.get(key.rpartition(".")[0], set())
        names = {str(name) for name in entry} - SPECIAL - beside
        taken: Mapping[str, Setting | None] | None = self.schema.targets.get(target)
        if taken is None or not names <= taken.keys():  # only then is the class looked at, for importing it takes time
            try:
                taken = parameters(target, self.trust)
            except UserError as error:
                yield f"{key}.{error}{self.origin(key)}"
                return
        for name in sorted(names):
            inner = f"{key}.{name}"
            if taken is not None and name not in taken:
                yield f"{inner}: {target} has no parameter {name}{meant(name, {*taken, *beside})}{self.origin(inner)}"
                continue
            setting = taken[name] if taken is not None else None
            yield from self.of_parameter(inner, entry._get_node(name), setting)
        for name in sorted(beside & {str(name) for name in entry}):
            yield from self.of_parameter(f"{key}.{name}", entry._get_node(name), None)

    def of_parameter(self, key: str, node: Any, annotated: Any) -> Iterator[str]:
        """Yield what is wrong with what a class is given, by what conf/ declares of it, else by its annotation."""
        try:
            value = value_of(node)
        except MISSING:
            return
        except (OmegaConfBaseException, RecursionError) as error:
            yield self.unresolved(key, error)
            return
        if isinstance(value, DictConfig):
            yield from self.of_entry(key, value) if TARGET in value else ()
            return
        setting = self.schema.setting(key) or (annotated if isinstance(annotated, Setting) else None)
        yield from self.of_value(key, value, setting)

    def unresolved(self, key: str, error: Exception) -> str:
        reason = "it refers to itself" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
        return f"{key}: cannot be resolved ({reason}); correct it{self.origin(key)}"

    def unknown(self, key: str) -> str:
        """Return that nothing reads a key, which one was probably meant, and where it comes from."""
        group, _, inside = key.partition(".")
        source = self.source(key)
        if group in TOP and not inside:
            place = source.place if source is not None else f"{group} file"
            return (
                f"{place}: its first line must be '# @package _global_'; without it, its settings are put under "
                f"{group}. and change nothing"
            )
        parent = key.rpartition(".")[0]
        nearest = self.schema.nearest(key)
        guess = f"; did you mean {nearest}?" if nearest is not None else ""
        own = "; an entry of your own needs _target_" if parent in OPEN_GROUPS else ""
        return f"{UNKNOWN} {key}{guess}{own}{self.origin(key)}"

    def source(self, key: str) -> Source | None:
        return next((source for source in reversed(self.sources) if source.sets(key)), None)

    def origin(self, key: str) -> str:
        """Return where a key comes from, as the end of a line; nothing for what was typed as it stands."""
        source = self.source(key)
        return f" ({source.place})" if source is not None and source.place != GIVEN else ""


def value_of(node: Any) -> Any:
    """Return what a node of a config stands for: a mapping, a list or a plain value.

    Raises:
        MissingMandatoryValue: it was not given.
        OmegaConfBaseException, RecursionError: it refers to something that is not there, or to itself.
    """
    if node is None:
        return None
    if node._is_missing():
        raise MissingMandatoryValue
    found = node._dereference_node()
    if isinstance(found, DictConfig | ListConfig):
        return None if found._is_none() else found
    value = found._value()
    if value == "???":
        raise MissingMandatoryValue
    return value


def shown(value: Any) -> str:
    """Return a value as it is best recognised, cut to a line."""
    text = {None: "null", True: "true", False: "false"}.get(value) if value is None or isinstance(value, bool) else None
    text = text if text is not None else repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def meant(name: str, known: Collection[str]) -> str:
    """Return the parameter that was probably meant, as a question."""
    import difflib

    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else f"; it has {', '.join(sorted(known))}"
