"""The config that a run directory holds: data from whoever made it, which must not choose code or read secrets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from melgan_vc.config.targets import check_targets
from melgan_vc.config.yaml_files import load_yaml
from melgan_vc.errors import UserError

MOST_EXPANDED = 1_000_000  # characters and items, with all references resolved
REMEDY = "fix it, or remove it and give all settings"
DEEPEST = 32  # levels of nesting, and references that lead to references
REFERENCE = re.compile(r"(?<!\\)((?:\\\\)*)\$\{")  # ${ that is not escaped
PLAIN_REFERENCE = re.compile(r"\$\{([\w.\[\]@/-]+)\}")  # to another setting: no resolver, nothing nested


def load_stored(path: Path, trust: Sequence[str] = ()) -> DictConfig:
    """Read a stored config.

    References to other settings stay. Resolvers such as ``${oc.env:NAME}`` are refused: they would read this
    machine's secrets. So are classes that no config may name.

    Args:
        path: of the YAML file.
        trust: packages whose classes may be named.

    Raises:
        UserError: the file is damaged, too large, or asks for what a stored config may not.
    """
    if not path.is_file():
        raise UserError(f"{path}: is not a regular file; {REMEDY}")
    try:
        config = load_yaml(path)
    except UserError as error:
        raise UserError(f"{error}, or remove it and give all settings") from error
    try:
        check_references(config, path)
        check_targets(OmegaConf.to_container(config, resolve=True), trust, f"{path}: ")
    except OmegaConfBaseException as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{path}: cannot be read ({reason}); {REMEDY}") from error
    return config


def check_references(config: DictConfig, path: Path) -> None:
    """Refuse resolvers, circles of references, and references that expand to more than memory holds."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    spent = 0

    def expand(value: object, key: str, depth: int) -> None:
        nonlocal spent
        if depth > DEEPEST:
            raise UserError(f"{path}: {key}: refers to itself, or through more than {DEEPEST} other settings")
        if isinstance(value, Mapping):
            for name, child in value.items():
                expand(child, f"{key}.{name}".lstrip("."), depth + 1)
        elif isinstance(value, list):
            for child in value:
                expand(child, key, depth + 1)
        elif isinstance(value, str):
            for name in references(value, key, path):
                expand(select(plain, absolute(name, key)), key, depth + 1)
        spent += 1 + (len(value) if isinstance(value, str) else 0)
        if spent > MOST_EXPANDED:
            raise UserError(f"{path}: its references expand to over {MOST_EXPANDED} characters; {REMEDY}")

    expand(plain, "", 0)


def references(text: str, key: str, path: Path) -> Iterator[str]:
    """Yield the settings that a value refers to.

    Raises:
        UserError: it asks for something else than another setting.
    """
    for found in REFERENCE.finditer(text):
        plain = PLAIN_REFERENCE.match(text, found.end() - 2)
        if plain is None:
            raise UserError(
                f"{path}: {key} is {text[:80]!r}: a stored config may refer to other settings by ${{key}} alone, for a "
                "resolver would read this machine's own data; replace it by its value"
            )
        yield plain[1]


def absolute(reference: str, key: str) -> str:
    """Return a reference as seen from the root: each leading dot is a level up from the setting that holds it."""
    levels = len(reference) - len(reference.lstrip("."))
    if not levels:
        return reference
    home = key.split(".")[:-levels]
    return ".".join([*home, reference.lstrip(".")])


def select(plain: object, key: str) -> object:
    """Return a setting by its dotted key; None where there is none, which is an error where it is used."""
    for part in re.split(r"[.\[\]]+", key.strip("[]")):
        if isinstance(plain, Mapping):
            plain = plain.get(part)
        elif isinstance(plain, list) and part.isdigit() and int(part) < len(plain):
            plain = plain[int(part)]
        else:
            return None
    return plain


def without_resolvers(config: DictConfig) -> DictConfig:
    """Return a copy in which values that call a resolver are replaced by what they give, as a stored config needs.

    References to other settings stay.
    """
    result = config.copy()
    plain: Any = OmegaConf.to_container(config, resolve=False)
    for key, value in leaves(plain):
        if isinstance(value, str) and has_resolver(value):
            resolved = OmegaConf.select(config, key)
            OmegaConf.update(result, key, escape(resolved) if isinstance(resolved, str) else resolved)
    return result


def leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value of nested settings with a key that OmegaConf can select."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from leaves(child, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from leaves(child, f"{key}[{number}]")
    else:
        yield key, value


def has_resolver(text: str) -> bool:
    """Return whether a value calls a resolver, such as ${oc.env:NAME} or ${now:%Y}."""
    return any(not PLAIN_REFERENCE.match(text, found.end() - 2) for found in REFERENCE.finditer(text))


def escape(value: Path | str) -> str:
    """Return a text as a config must hold it to give it back unchanged."""
    return re.sub(r"(\\*)\$\{", lambda found: 2 * found[1] + "\\${", str(value))
