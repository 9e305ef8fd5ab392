"""YAML files that people write, read with limits and refused with their line where they are damaged."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from melgan_vc.errors import UserError

LARGEST = 1 << 20  # bytes
DEEPEST = 32  # mappings and lists inside each other
LONG_NUMBER = re.compile(r"\d{400,}")  # longer than any number that a setting may be
MOST_NODES = 20_000  # after all aliases are expanded
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_yaml(path: Path, allow_empty: bool = False) -> str:
    """Return the text of a YAML file that holds one mapping of a size that a person would write.

    Args:
        path: of the file.
        allow_empty: accept a file that holds nothing but comments.

    Raises:
        UserError: it cannot be read, or holds something else; the line says which file, where in it, and why.
    """
    text = decode(path, read_bytes(path))
    with located(path, text):
        holds_something = check_events(text, path)
    if not holds_something and not allow_empty:
        raise UserError(f"{path}: is empty, so it would change nothing; write settings as KEY: VALUE, or remove it")
    return text


def load_yaml(path: Path, allow_empty: bool = False) -> DictConfig:
    """Return the settings of a YAML file; arguments and errors as for :func:`read_yaml`."""
    text = read_yaml(path, allow_empty)
    with located(path, text):
        loaded = OmegaConf.load(io.StringIO(text))
    assert isinstance(loaded, DictConfig)  # an empty file gives an empty one
    return loaded


@contextmanager
def located(path: Path, text: str) -> Iterator[None]:
    """Raise what is wrong with YAML text as one line that names the file and the line."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        raise UserError(f"{place}: is not YAML ({reason(error)}); correct the file") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{path}, line {line}: holds the character {error.character:#x}; save it as text") from error
    except OmegaConfBaseException as error:
        first = str(error).partition("\n")[0]
        raise UserError(f"{path}: cannot be used ({first}); correct the file") from error
    except (RecursionError, ValueError, OverflowError) as error:  # such as an integer of 5000 digits, or a date of 0000
        if isinstance(error, UserError):
            raise
        if too_long := LONG_NUMBER.search(text):
            line = text.count("\n", 0, too_long.start()) + 1
            raise UserError(
                f"{path}, line {line}: a number has {len(too_long[0])} digits; give a smaller one"
            ) from error
        raise UserError(f"{path}: cannot be used ({error}); correct the file") from error


def read_bytes(path: Path) -> bytes:
    """Return the content of a file that is not larger than any config.

    Raises:
        UserError: it is larger, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    if len(content) > LARGEST:
        raise UserError(f"{path}: is larger than {LARGEST >> 20} MB; a config is a short text file")
    return content


def decode(path: Path, content: bytes) -> str:
    """Return the text of UTF-8 bytes, without a byte order mark.

    Raises:
        UserError: they are in another encoding.
    """
    for mark, name in MARKS.items():
        if content.startswith(mark):
            raise UserError(f"{path}: is encoded as {name}; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}, line {line}: is not UTF-8 (byte {content[error.start]:#x}); save it as UTF-8"
        ) from error


def check_events(text: str, path: Path) -> bool:
    """Refuse what is no mapping, too deep or too large, without building any of it.

    Args:
        text: of the file.
        path: to name it.

    Returns:
        whether it holds anything but comments.

    Raises:
        UserError: see above.
        yaml.YAMLError: it is not YAML.
    """
    sizes: dict[str, int | None] = {}  # of what each anchor names; None while it is open
    open_nodes: list[str | None] = []
    starts: list[int] = []
    count = 0
    empty = True
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.NodeEvent):
            count += 1
            if empty and isinstance(event, yaml.ScalarEvent) and event.value in ("", "null", "~") and not event.style:
                continue
            if empty and not isinstance(event, yaml.MappingStartEvent):
                raise UserError(f"{path}, line {line}: is not a mapping of settings; write KEY: VALUE")
            empty = False
        if isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor, 1)
            if size is None:
                raise UserError(f"{path}, line {line}: *{event.anchor} refers to itself; write its value out")
            count += size
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append(event.anchor)
            starts.append(count)
            if event.anchor:
                sizes[event.anchor] = None
            if len(open_nodes) > DEEPEST:
                raise UserError(f"{path}, line {line}: is nested deeper than {DEEPEST} levels; make it flatter")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start = open_nodes.pop(), starts.pop()
            if anchor:
                sizes[anchor] = count - start
        if count > MOST_NODES:
            raise UserError(f"{path}, line {line}: holds more than {MOST_NODES} values; a config is a short text file")
    return not empty


def reason(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong with YAML text, in a few words."""
    if error.problem and "'\\t'" in error.problem:
        return "a tab; indent with spaces"
    if error.problem and error.problem.startswith("found duplicate key "):
        return f"the key {error.problem.removeprefix('found duplicate key ')!r} is there twice"
    return " ".join(part for part in (error.context, error.problem) if part)
