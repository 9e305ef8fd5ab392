"""Small files of runs and evaluations, which may be damaged or come from a stranger.

Everything is refused in one line that names the file: what is no regular file, too large, not text, nested too deeply,
or repeats a key. Memory and time are bounded by the size of the file.
"""

import csv
import io
import json
import math
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from melgan_vc.csv_cells import csv_text
from melgan_vc.errors import UserError
from melgan_vc.text import printable, shortened

LARGEST_TEXT = 8_000_000  # bytes of JSON, Markdown and so on; ours have 100 kB at most
LARGEST_YAML = 300_000  # PyYAML reads 50 kB a second
LARGEST_TABLE = 32_000_000  # a training of millions of batches
WIDEST = 10_000  # columns
DEEPEST = 50  # levels of nesting
LARGEST_NUMBER = 1e30  # that is shown or drawn; what is larger was not measured


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Return the text of a file.

    Args:
        path: of the file.
        largest: size in bytes.

    Raises:
        UserError: there is no such file, it is too large, or no text in UTF-8.
    """
    text = read_bytes(path, largest)
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name}: is not a text in UTF-8 ({error.reason} at byte {error.start})") from error
    if "\0" in decoded:
        raise UserError(f"{path.name}: holds NUL bytes")
    return decoded


def read_bytes(path: Path, largest: int) -> bytes:
    """Return the content of a file; see :func:`read_text`."""
    try:
        if not path.is_file():  # a named pipe would never end
            raise UserError(f"{path.name}: {kind(path)}")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise UserError(f"{path.name}: {error.strerror or error}") from error
    if len(content) > largest:
        raise UserError(f"{path.name}: is larger than {largest / 1e6:g} MB")
    return content


def check_inside(path: Path, folder: Path) -> None:
    """Refuse a link of a stranger's folder that would show a file of this machine."""
    if path.is_file() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{path.name}: is a link that leads out of its folder")


def kind(path: Path) -> str:
    """Return what stands in the place of a regular file."""
    if path.is_dir():
        return "is a folder"
    if path.exists():
        return "is no regular file"
    return "is a link that leads nowhere" if path.is_symlink() else "is missing"


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UserError: see :func:`read_text`; or the text is no JSON object, or holds NaN, infinity or a key twice.
    """
    text = read_text(path)
    try:
        found = json.loads(
            text, object_pairs_hook=unique, parse_constant=refuse_constant, parse_float=finite, parse_int=whole
        )
    except RecursionError as error:
        raise UserError(f"{path.name}: is nested too deeply") from error
    except ValueError as error:
        raise UserError(f"{path.name}: is no JSON ({shortened(error)})") from error
    if not isinstance(found, dict):
        raise UserError(f"{path.name}: is no JSON object")
    check_depth(found, path)
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a mapping; refuse one that has a key twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"the key {repeated(name for name, _ in pairs)!r} is there twice")
    return found


def repeated(names: Iterable[str]) -> str:
    """Return the first name that is there twice."""
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def refuse_constant(text: str) -> float:
    """Refuse what JSON does not know and Python reads."""
    raise ValueError(f"{text} is no number")


def finite(text: str) -> float:
    """Return the number that a text names; refuse one that is too large."""
    value = float(text)
    if not abs(value) < LARGEST_NUMBER:
        raise ValueError(f"{text[:20]} is too large")
    return value


def whole(text: str) -> int:
    """Return the whole number that a text names; refuse one that is too large."""
    if len(text) > 30:
        raise ValueError(f"a number of {len(text)} digits is too large")
    return int(text)


def read_yaml(path: Path) -> dict[Any, Any]:
    """Return the mapping in a YAML file.

    Raises:
        UserError: see :func:`read_text`; or the text is no mapping, or uses aliases or a key twice.
    """
    found = parse_yaml(read_text(path, LARGEST_YAML), path)
    if not isinstance(found, dict):
        raise UserError(f"{path.name}: is no mapping of settings")
    check_depth(found, path)
    return found


def parse_yaml(text: str, path: Path) -> Any:
    """Return what a YAML text holds; ``path`` is named in errors."""
    try:
        return yaml.load(text, Loader=PlainLoader)
    except RecursionError as error:
        raise UserError(f"{path.name}: is nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{path.name}: is no YAML ({line}{shortened(error.problem)})") from error
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise UserError(f"{path.name}: is no YAML ({shortened(error)})") from error


class PlainLoader(yaml.SafeLoader):
    """YAML as our configs have it: no aliases, which a few lines of grow to gigabytes, and each key once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not used here", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) < len(names):
            problem = f"the key {repeated(names)!r} is there twice"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


def check_depth(value: Any, path: Path) -> None:
    """Refuse mappings and lists that are nested so deeply that what walks through them could not end."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in inside(one)]
        if not level:
            return
    raise UserError(f"{path.name}: is nested too deeply")


def inside(value: Any) -> Iterator[Any]:
    """Yield the mappings and lists that are directly in a value."""
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return (one for one in values if isinstance(one, Mapping | list))


def read_table(path: Path, columns: tuple[str, ...], cut: bool = False) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file.

    Args:
        path: of the file.
        columns: that it must have.
        cut: whether a last line without an end is skipped, as a process leaves it that was killed while it wrote.

    Raises:
        UserError: see :func:`read_text`; or the text is no such table.
    """
    text = read_text(path, LARGEST_TABLE)
    if cut:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [csv_text(cell) for cell in next(reader, [])]
        check_columns(names, columns, path)
        for row in reader:
            if row and len(row) != len(names):
                raise UserError(f"{path.name}, line {reader.line_num}: has {len(row)} cells, not {len(names)}")
            if row:
                yield dict(zip(names, map(csv_text, row), strict=True))
    except csv.Error as error:
        raise UserError(f"{path.name}, line {reader.line_num}: is no CSV ({shortened(error)})") from error


def check_columns(names: list[str], columns: tuple[str, ...], path: Path) -> None:
    """Refuse a header of a table that lacks columns, or has one twice."""
    missing = [name for name in columns if name not in names]
    if missing:
        raise UserError(f"{path.name}: has no column {', '.join(missing)}" if names else f"{path.name}: is empty")
    if len(set(names)) < len(names):
        raise UserError(f"{path.name}: has the column {shortened(repeated(names))} twice")
    if len(names) > WIDEST:
        raise UserError(f"{path.name}: has more than {WIDEST} columns")


def number(row: Mapping[str, str], name: str, path: Path) -> float:
    """Return the number in a cell of a table; NaN for an empty one.

    Raises:
        UserError: the cell holds something else.
    """
    text = row.get(name, "")
    try:
        return float(text) if text else math.nan
    except ValueError as error:
        raise UserError(f"{path.name}: {printable(name)} is {shortened(repr(text))}, not a number") from error


def step(row: Mapping[str, str], path: Path) -> int:
    """Return the batch that a row of a training's metrics belongs to."""
    value = number(row, "step", path)
    if not 0 <= value < 1e15 or value != int(value):
        raise UserError(f"{path.name}: step is {shortened(repr(row['step']))}, not a number of batches")
    return int(value)
