"""Where the recordings of a domain are: folders, a table, or whatever else gives them names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from melgan_vc.config.paths import expand_user
from melgan_vc.data.corpus import find, locate_all
from melgan_vc.data.manifest import SPLITS
from melgan_vc.data.table_rows import read_rows
from melgan_vc.errors import UserError
from melgan_vc.text import printable


@dataclass(frozen=True)
class Recording:
    """A recording of a domain.

    Attributes:
        path: of its file.
        group: recordings that are never parted between training and validation: a speaker's session, an album; None
            for each by itself.
        split: that its corpus puts it in: "train", "validation" or "test"; None to let a hash decide.
        stream: of several in one file.
        speaker: or genre, or whatever else windows may be drawn from in equal parts; None if nobody knows.
        text: what is said in it; None where it may be in a file of its own, see :mod:`melgan_vc.data.transcripts`.
    """

    path: Path
    group: str | None = None
    split: str | None = None
    stream: int = 0
    speaker: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.split is not None and self.split not in SPLITS:
            raise UserError(f"{self.path}: its split is {self.split!r}; give one of {', '.join(SPLITS)}")


class Corpus:
    """The recordings of one domain, by the names that they have in its store."""

    label: str  # for the store's name
    place: str  # for a reader

    def recordings(self) -> dict[str, Recording]:
        """All of them.

        Raises:
            UserError: nothing is there, or not as it should be.
        """
        raise NotImplementedError


class Folders(Corpus):
    """All recordings in some folders; each folder, or of a single one each folder in it, is a speaker's.

    Args:
        names: of one folder or several.
    """

    def __init__(self, names: str | Sequence[str]) -> None:
        self.folders = locate_all(names)
        first = Path(os.path.realpath(self.folders[0])).name or "root"
        self.place = ", ".join(str(folder) for folder in self.folders)
        self.label = first if len(self.folders) == 1 else f"{first}-and-{len(self.folders) - 1}-more"

    def recordings(self) -> dict[str, Recording]:
        if len(self.folders) == 1:
            paths = by_name(self.folders[0], find(self.folders[0]))
        else:
            paths = {}
            for number, folder in enumerate(self.folders, start=1):
                inside = by_name(folder, find(folder))
                paths.update(
                    {f"{number}-{Path(os.path.realpath(folder)).name}/{name}": path for name, path in inside.items()}
                )
        return {
            name: Recording(path, speaker=name.partition("/")[0] if "/" in name else None)
            for name, path in paths.items()
        }


class Table(Corpus):
    """The rows of a CSV file with the columns path and domain, and perhaps split, group, speaker and text.

    Args:
        table: the file; paths in it that are not absolute start from its folder.
        domain: whose rows are taken.
    """

    def __init__(self, table: str, domain: str) -> None:
        self.table = expand_user(table)
        self.domain = domain
        self.place = f"{self.table} ({domain})"
        self.label = f"{self.table.stem}-{domain}"

    def recordings(self) -> dict[str, Recording]:
        rows = read_rows(self.table)
        found = {
            row.path: Recording(self.located(row.path), row.group, row.split, speaker=row.speaker, text=row.text)
            for row in rows
            if row.domain == self.domain.strip().casefold()
        }
        if not found:
            domains = ", ".join(sorted({printable(row.domain) for row in rows}))
            raise UserError(f"{self.table}: has no row of domain {self.domain!r}; its domains are {domains}")
        return found

    def located(self, name: str) -> Path:
        """Return where a recording of the table is; on other systems than Windows, ``\\`` may part folders, too."""
        path = self.table.parent / expand_user(name)
        if "\\" in name and not os.path.lexists(path):
            other = self.table.parent / name.replace("\\", "/")
            return other if other.is_file() else path
        return path


def by_name(folder: Path, paths: Sequence[Path]) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in paths}


def corpus_of(given: "str | Sequence[str] | Corpus") -> Corpus:
    """A domain as a config names it: a corpus, or folders."""
    return given if isinstance(given, Corpus) else Folders(given)
