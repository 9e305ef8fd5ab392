"""Find the recordings of a domain."""

import os
from collections.abc import Sequence
from pathlib import Path

from melgan_vc.audio.decode import SUFFIXES
from melgan_vc.errors import UserError

BUNDLED = "bundled:"
LITDATA = "litdata"  # as data.store: mels are streamed
BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "bundled"


def is_path(name: str) -> bool:
    """Whether a setting that may be a path is one: not package data, an address on a server, or a word."""
    return not name.startswith(BUNDLED) and "://" not in name and name != LITDATA


def locate(name: str) -> Path:
    """The folder or file of a path as users write it: ~ is expanded, ``bundled:voices/source`` is package data."""
    if name.startswith(BUNDLED):
        return BUNDLED_FOLDER / name.removeprefix(BUNDLED)
    return Path(name).expanduser()


def locate_all(names: str | Sequence[str]) -> tuple[Path, ...]:
    """The folders of a domain, one or several.

    Raises:
        UserError: there is none.
    """
    given = [names] if isinstance(names, str) else list(names)
    if not given or not all(isinstance(name, str) and name for name in given):
        raise UserError(f"{names!r} names no folder: give one, or several as [one,other]")
    return tuple(locate(name) for name in given)


def find(folder: Path) -> list[Path]:
    """All recordings under a folder, nested and behind links too, sorted by path.

    Raises:
        UserError: no such folder, or no recording in it.
    """
    if not folder.exists():
        raise UserError(f"{folder}: no such folder; give one with recordings, such as wav, flac, mp3 or m4a")
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file; give the folder that holds the recordings")
    files = walk(folder)
    found = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    if not found:
        there = f" ({len(files)} other files are there)" if files else ""
        raise UserError(f"{folder}: no recordings found{there}; put wav, flac, ogg, mp3 or m4a files there")
    return found


def walk(folder: Path) -> list[Path]:
    """Files under a folder, but for hidden ones; each real folder once, so that circles of links end."""
    files: list[Path] = []
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(root) / name for name in names if not name.startswith(".")]
    return files
