"""Find the recordings of a domain."""

import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from melgan_vc.audio.decode import SUFFIXES, UNREADABLE, holds_sound
from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError
from melgan_vc.text import counted, printable

log = logging.getLogger(__name__)
BUNDLED = "bundled:"
LITDATA = "litdata"  # as data.store: mels are streamed
MOST_EXAMINED = 500  # files without a recording's suffix whose first bytes are looked at
NAMED = 5  # of files that are skipped
REPORTED: set[str] = set()  # what this process has told of folders
BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "bundled"


def is_path(name: str) -> bool:
    """Return whether a data setting is a path, not bundled data, an address on a server or LitData."""
    return not name.startswith(BUNDLED) and "://" not in name and name != LITDATA


def locate(name: str) -> Path:
    """The folder or file of a path as users write it: ~ is expanded, ``bundled:voices/source`` is package data."""
    if name.startswith(BUNDLED):
        return BUNDLED_FOLDER / name.removeprefix(BUNDLED)
    return expand_user(name)


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
    """Return all recordings under a folder, nested and behind links too, sorted by path.

    A folder in it that cannot be read is told in the log, and so is sound in formats that cannot be read.

    Raises:
        UserError: no such folder, none that can be read, or no recording in it.
    """
    try:
        mode = folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise UserError(
            f"{printable(folder)}: no such folder; give one with recordings, such as wav, flac, mp3 or m4a"
        ) from error
    except OSError as error:
        raise UserError(f"{printable(folder)}: cannot be read ({error.strerror}); give another folder") from error
    if not stat.S_ISDIR(mode):
        raise UserError(f"{printable(folder)}: is a file; give the folder that holds the recordings")
    files, errors = walk(folder)
    for failure in errors:
        if failure.filename == str(folder):
            raise UserError(f"{printable(folder)}: cannot be read ({failure.strerror}); check its rights") from failure
        report_skipped(failure.filename, failure.strerror)
    found = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    report_unreadable(folder, [path for path in files if path.suffix.lower() not in SUFFIXES])
    if not found:
        there = f" ({len(files)} other files are there)" if files else ""
        raise UserError(f"{printable(folder)}: no recordings found{there}; put wav, flac, ogg, mp3 or m4a files there")
    return found


def report_unreadable(folder: Path, files: Sequence[Path]) -> None:
    """Tell, once for a folder, which other files hold sound: in formats that cannot be read, or under odd suffixes."""
    unreadable = [path for path in files if path.suffix.lower() in UNREADABLE]
    others = [path for path in files if path.suffix.lower() not in UNREADABLE][:MOST_EXAMINED]
    renamed = [path for path in others if holds_sound(path)]
    for paths, reason in (
        (unreadable, "their formats cannot be read: export them as wav or flac"),
        (renamed, "they hold sound, but their suffixes are those of no recordings: rename them, such as to .wav"),
    ):
        names = ", ".join(path.name for path in sorted(paths)[:NAMED])
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        line = f"{folder}: {counted(len(paths), 'file is', 'files are')} skipped ({names}{more}); {reason}"
        if paths:
            warn_once(line)


def warn_once(line: str) -> None:
    """Log a warning about a folder unless this process has done so before: folders are walked more than once."""
    if line not in REPORTED:
        REPORTED.add(line)
        log.warning("warning: %s", printable(line))


def report_skipped(folder: object, reason: str | None) -> None:
    """Tell that the recordings in a folder are skipped."""
    log.warning(
        "warning: %s: cannot be read (%s), so the recordings in it are skipped; check its rights",
        printable(folder), reason,
    )  # fmt: skip


def walk(folder: Path) -> tuple[list[Path], list[OSError]]:
    """Return the files under a folder but for hidden ones, and the errors of folders that cannot be read.

    Each real folder is visited once, so that circles of links end. A link to a folder around this one is told and not
    followed: whoever gives a folder does not mean all that lies beside it.
    """
    files: list[Path] = []
    errors: list[OSError] = []
    seen: set[str] = set()
    around = {str(parent) for parent in Path(os.path.realpath(folder)).parents}
    for root, folders, names in os.walk(folder, onerror=errors.append, followlinks=True):
        real = os.path.realpath(root)
        if real in around:
            warn_once(f"{root}: is a link to a folder around it, so it is not followed; link the folder that you mean")
        if real in seen or real in around:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(root) / name for name in names if not name.startswith(".")]
    return files, errors
