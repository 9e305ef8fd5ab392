"""Overrides as a shell gives them, made into what Hydra's grammar reads as the same text."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from melgan_vc.config.paths import expand_user
from melgan_vc.config.schema import schema_of
from melgan_vc.config.settings import Kind
from melgan_vc.config.stored import escape
from melgan_vc.config.yaml_files import LONG_NUMBER
from melgan_vc.errors import UserError

WITH_VALUE = {"-cd", "--config-dir", "-cp", "--config-path", "-cn", "--config-name", "-c", "--cfg", "-p", "--package",
              "-i", "--info", "--experimental-rerun"}  # fmt: skip  # options whose value is the next word
SWEEP_FUNCTION = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
OVERRIDE = re.compile(r"\+{0,2}[\w$][\w.$/@:-]*=")
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)


def check_options(words: Sequence[str]) -> None:
    """Refuse options that Hydra does not have.

    Args:
        words: after the command's name.

    Raises:
        UserError: one is unknown, or its value is missing or wrong.
        SystemExit: they ask for Hydra's version, which was shown.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UserError(f"{message}; --help and --hydra-help show what can be given")

    parser.error = refuse  # type: ignore[method-assign]
    _, rest = parser.parse_known_intermixed_args(words)
    if unknown := [word for word in rest if word.startswith("-")]:
        refuse(f"unknown option {unknown[0]}")


def quote_words(words: Sequence[str], command: str) -> list[str]:
    """Return the words of a command line with the texts in them quoted for Hydra, and options behind all settings.

    What a setting that holds a text or a path is given is meant letter by letter, so that no comma, bracket or
    apostrophe needs care. null is still null, a value in quotes is still Hydra's, [ONE,OTHER] is a list of paths unless
    there is a file of that name, and with -m a comma separates values; there, quotes keep one that belongs to a text.

    Args:
        words: after the command's name.
        command: whose settings they give.

    Raises:
        UserError: several choices are given where one belongs, or a word is no setting.
    """
    several = bool({"-m", "--multirun"} & set(words))
    found: list[str] = []
    options: list[str] = []  # Hydra reads no settings behind some of them
    for before, word in zip(["", *words], words, strict=False):
        if word.startswith("-") or before in WITH_VALUE:
            options += [word] if word != "--" else []
            continue
        if word.startswith("~"):
            found.append(word)
            continue
        if not OVERRIDE.match(word):
            raise UserError(f"{word!r} is not KEY=VALUE, such as seed=1; --help shows what can be set")
        found.append(quote_override(word, command, several))
    return [*found, *options]


def quote_override(word: str, command: str, several: bool = False) -> str:
    """Return one KEY=VALUE with its text quoted.

    Args:
        word: as the shell gives it.
        command: whose setting it gives.
        several: whether a comma separates values, as it does with -m.
    """
    name, _, value = word.partition("=")
    key = name.lstrip("+")
    schema = schema_of(command)
    if key in schema.groups or "@" in key or "/" in key:
        if "," in value and not several and key in schema.groups and not value.startswith("["):
            raise UserError(f"{word}: names several choices; give one, or add -m to run each of them")
        return word
    if value in ("", "null", "???") or QUOTED.fullmatch(value):
        return word
    setting = schema.setting(key)
    if setting is None or not setting.is_text:
        if too_long := LONG_NUMBER.search(value):
            raise UserError(f"{key}: a number has {len(too_long[0])} digits; give a smaller one")
        return word if several or is_readable(word) or SWEEP_FUNCTION.fullmatch(value) else f"{name}={quote(value)}"
    if not several or exists(value):
        return f"{name}={quote_value(value, setting.kind)}"
    if SWEEP_FUNCTION.fullmatch(value):
        return word
    return f"{name}={','.join(quote_value(part, setting.kind) for part in split(value))}"


def quote_value(value: str, kind: Kind) -> str:
    """Return a text as Hydra reads it; a list of paths item by item."""
    if value == "null" or QUOTED.fullmatch(value):
        return value
    if kind is Kind.PATHS and value[:1] == "[" and value[-1] == "]" and len(value) > 1 and not exists(value):
        items = [part for part in split(value[1:-1]) if part]
        return f"[{','.join(item if QUOTED.fullmatch(item) else quote(item) for item in items)}]"
    return quote(value)


def quote(text: str) -> str:
    """Return a text in double quotes as Hydra and OmegaConf read it back unchanged."""
    # Hydra reads a backslash as one of its own only before a quote or at the end; OmegaConf, before ${.
    escaped = re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + ('\\"' if found[2] else ""), text)
    return f'"{escape(escaped)}"'


def split(value: str) -> list[str]:
    """Return the parts of a text between commas, but for commas in quotes or brackets."""
    parts, depth, rest, start = [], 0, 0, 0
    while rest < len(value):
        at_start = not value[start:rest].strip()
        if at_start and (quoted := QUOTED.match(value, rest)) and value[quoted.end() :].lstrip()[:1] in ("", ",", "]"):
            rest = quoted.end()
            continue
        depth += {"[": 1, "]": -1}.get(value[rest], 0)
        if value[rest] == "," and depth <= 0:
            parts.append(value[start:rest].strip())
            start = rest + 1
        rest += 1
    return [*parts, value[start:].strip()]


def exists(value: str) -> bool:
    """Return whether there is a file or folder of exactly this name."""
    with suppress(OSError, ValueError):  # such as a name that is too long, or one with a NUL byte
        return expand_user(value).exists()
    return False


def is_readable(word: str) -> bool:
    """Return whether Hydra reads an override as one value."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except HydraException:
        return False
    return not override.is_sweep_override()
