"""Rows of a table of recordings as spreadsheets and people write it: read as it is meant, or refused by line."""

import codecs
import csv
import difflib
import io
import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from melgan_vc.data.manifest import SPLITS
from melgan_vc.errors import UserError
from melgan_vc.text import printable

log = logging.getLogger(__name__)
COLUMNS = ("path", "domain", "split", "group", "speaker", "text")
NEEDED = COLUMNS[:2]
SEPARATORS = (",", ";", "\t", "|")
DOMAINS = ("source", "target")
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how files of Excel and LibreOffice begin
LARGEST = 200_000_000  # bytes
LONGEST_LINE = 1_000_000  # characters
MOST_LINES = 5_000_000
MOST_COLUMNS = 20_000  # spreadsheets have up to 16,384, most of them empty
ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark this begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Row:
    """A recording in a table.

    Attributes:
        line: of the file that the row ends in, from 1.
        path: as written there.
        domain: in lower case.
        split: "train", "validation" or "test"; None where the table does not say.
        group, speaker, text: None where it does not say.
    """

    line: int
    path: str
    domain: str
    split: str | None = None
    group: str | None = None
    speaker: str | None = None
    text: str | None = None


def read_rows(table: Path) -> list[Row]:
    """Return the rows of a CSV file with the columns path and domain, and perhaps split, group, speaker and text.

    Separated by commas, semicolons, tabs or bars; in UTF-8, or UTF-16 with its mark; blank lines, spaces around
    values, upper case in names of columns, domains and splits, and Excel's ``sep=;`` make no difference.

    Raises:
        UserError: it cannot be read, or a row is not clear; the message names file and line.
    """
    lines = parsed(table, lines_of(table, *content_of(table)))
    header = next(lines, None)
    if header is None:
        raise UserError(f"{shown(table)}: is empty; give a table with the columns {', '.join(COLUMNS)}")
    places = columns(table, *header)
    rows: dict[str, Row] = {}
    found = []
    for number, values in lines:
        row = row_of(table, number, values, places, len(header[1]))
        before = rows.setdefault(f"{row.domain}\0{row.path}", row)
        if before is row:
            found.append(row)
        elif replace(before, line=row.line) != row:
            raise UserError(
                f"{shown(table)}, line {number}: {printable(row.path)} is in line {before.line} too, with another "
                "split, group, speaker or text; remove one of them"
            )
    if not found:
        raise UserError(f"{shown(table)}: has no rows; give one for each recording")
    check_groups(table, found)
    return found


def check_groups(table: Path, rows: Sequence[Row]) -> None:
    """Refuse a group that is to be both trained on and held out, for groups are never parted.

    Raises:
        UserError: there is one.
    """
    first: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        if row.group is not None and row.split is not None:
            before = first.setdefault((row.domain, row.group), row)
            if before.split != row.split:
                raise UserError(
                    f"{shown(table)}, line {row.line}: puts group {printable(row.group)} into {row.split}, line "
                    f"{before.line} into {before.split}; give a group one split, or these recordings other groups"
                )


@lru_cache(8)
def shown(table: Path) -> str:
    """Return the name of a table as it is printed; it is asked for at every row."""
    return printable(table)


def content_of(table: Path) -> tuple[bytes, str]:
    """Return what a table holds, and its encoding.

    Raises:
        UserError: it cannot be read, or is too large.
    """
    try:
        if not table.is_file():
            found = "is no table" if table.exists() else "no such file"
            raise UserError(f"{shown(table)}: {found}; give a CSV file with the columns {', '.join(COLUMNS)}")
        if table.stat().st_size > LARGEST:
            raise UserError(f"{shown(table)}: is larger than {LARGEST // 10**6} MB, too large for a table; split it")
        content = table.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{shown(table)}: cannot be read ({reason}); give a CSV file") from error
    if content.startswith(WORKBOOKS):
        raise UserError(f"{shown(table)}: is a workbook; save the sheet as CSV UTF-8")
    return content, next((name for mark, name in ENCODINGS.items() if content.startswith(mark)), "utf-8")


def lines_of(table: Path, content: bytes, encoding: str) -> Iterator[str]:
    """Give the lines of a table with their breaks, without a copy of all of its text.

    Raises:
        UserError: it is not text, or nothing that people write.
    """
    try:
        has_nul = "\0" in content.decode(encoding)
    except UnicodeDecodeError as error:
        bad = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{shown(table)}, line {bad}: is not {encoding.removesuffix('-sig').upper()}; save the table as CSV UTF-8"
        ) from error
    file = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), start=1):
        place = f"{shown(table)}, line {number}"
        if has_nul and "\0" in line:
            raise UserError(f"{place}: holds a NUL; save the table as CSV UTF-8")
        if len(line) > LONGEST_LINE:
            raise UserError(f"{place}: has more than {LONGEST_LINE} characters; give a row for each recording")
        if number > MOST_LINES:
            raise UserError(f"{shown(table)}: has more than {MOST_LINES} lines; split it")
        yield line


def parsed(table: Path, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Give line number and values of each row that is not blank, the header first."""
    skipped, first = 0, next(lines, "")
    while first and not first.strip(" \t\r\n,;|"):
        skipped, first = skipped + 1, next(lines, "")
    mark = first.strip().strip('"')
    if len(mark) == 5 and mark.lower().startswith("sep="):
        skipped, separator = skipped + 1, mark[4]
    else:
        separator = max(SEPARATORS, key=lambda one: len({*split_names(first, one)} & {*COLUMNS}))
        lines = itertools.chain([first], lines)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise UserError(
                f"{shown(table)}, line {reader.line_num + skipped}: cannot be read as CSV ({error}); check the quotes"
            ) from error
        if values is None:
            return
        values = [value.strip() for value in values]
        if any(values):
            yield reader.line_num + skipped, values


def split_names(header: str, separator: str) -> list[str]:
    """Return names of columns as they are compared."""
    return [name.strip().strip('"').strip().casefold() for name in header.split(separator)]


def columns(table: Path, line: int, header: Sequence[str]) -> dict[str, int]:
    """Return the place of each column that is used.

    Raises:
        UserError: one is missing, there twice, or written wrongly.
    """
    names = [name.casefold() for name in header]
    place = f"{shown(table)}, line {line}"
    if len(names) > MOST_COLUMNS:
        raise UserError(f"{place}: has {len(names)} columns; give only {', '.join(COLUMNS)}")
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name and name not in COLUMNS]
    absent = [name for name in COLUMNS if name not in names]
    for name in unknown:
        close = difflib.get_close_matches(name, absent, n=1, cutoff=0.75)
        if close:
            raise UserError(f"{place}: has the column {printable(name)!r}; did you mean {close[0]}?")
    if missing:
        raise UserError(
            f"{place}: has no column {', '.join(missing)}; the first line names the columns {', '.join(COLUMNS)}"
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise UserError(f"{place}: has the column {twice[0]} twice; rename one")
    if unknown:
        report_unknown(table, tuple(unknown))
    return {name: names.index(name) for name in COLUMNS if name in names}


@lru_cache
def report_unknown(table: Path, names: tuple[str, ...]) -> None:
    """Name the columns that nothing reads, once for both domains."""
    log.info("%s: nothing reads the columns %s", shown(table), printable(", ".join(names)))


def row_of(table: Path, line: int, values: Sequence[str], places: Mapping[str, int], width: int) -> Row:
    """Return a row.

    Raises:
        UserError: it is not clear.
    """
    place = f"{shown(table)}, line {line}"
    if any(values[width:]):
        raise UserError(f"{place}: has {len(values)} values for {width} columns; put values with a separator in quotes")
    given = {name: values[number] if number < len(values) else "" for name, number in places.items()}
    for name in NEEDED:
        if not given[name]:
            raise UserError(f"{place}: has no {name}; give one, or remove the line")
    domain, split = given["domain"].casefold(), given.get("split", "").casefold()
    if domain not in DOMAINS:
        close = difflib.get_close_matches(domain, DOMAINS, n=1, cutoff=0.75)
        if close:
            raise UserError(f"{place}: its domain is {printable(given['domain'])!r}; did you mean {close[0]}?")
    if split and split not in SPLITS:
        raise UserError(
            f"{place}: {printable(given['path'])}: its split is {printable(given['split'])!r}; give one of "
            f"{', '.join(SPLITS)}"
        )
    others = {name: given.get(name) or None for name in ("group", "speaker", "text")}
    return Row(line, given["path"], domain, split or None, **others)
