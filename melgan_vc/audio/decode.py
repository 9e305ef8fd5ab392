"""Decode recordings block by block: libsndfile what it can read, FFmpeg (by PyAV) the rest.

The decoder is chosen by what a file holds, never by its name. Lengths that a header states as facts are checked, and
estimates are not believed: a recording is read to its end.
"""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from melgan_vc.audio.decoding import ffmpeg, libsndfile
from melgan_vc.audio.decoding.analysis import Analysis, Part, UnknownError, UnusableError
from melgan_vc.audio.decoding.blocks import BLOCK_SECONDS, Stream, checked
from melgan_vc.audio.decoding.formats import SOUND_ALONE, SUFFIXES, UNREADABLE, analyze, by_magic
from melgan_vc.audio.decoding.pieces import PiecedFile, Window
from melgan_vc.errors import UserError
from melgan_vc.text import printable

__all__ = ["BLOCK_SECONDS", "SUFFIXES", "UNREADABLE", "Stream", "check_file", "holds_sound", "native", "opened"]
log = logging.getLogger(__name__)
TOLD: set[tuple[str, str]] = set()  # notes that this process has logged, by file
MOST_NOTES = 50  # that a process logs


@contextmanager
def opened(path: Path, stream: int = 0) -> Iterator[Stream]:
    """Open a recording to decode.

    Args:
        path: of its file.
        stream: of several that a container holds.

    Raises:
        UserError: no such file, no audio, none of a known format, or not all of it is there.
    """
    check_file(path)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb", buffering=0))
            analysis = analyze(Window(file))
            found = joined(path, file, analysis, stream, stack)
        except UnusableError as error:
            raise UserError(f"{path}: {error}") from error
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}; check the path and the disk") from error
        yield found


def joined(path: Path, file: BinaryIO, analysis: Analysis, number: int, stack: ExitStack) -> Stream:
    """Return the parts of a file as one recording."""
    if not analysis.parts:
        raise UnusableError("holds no samples; remove it or record it again")
    notes = list(analysis.notes)
    first = begun(file, analysis.parts[0], number, notes, stack)

    def all_blocks() -> Iterator[np.ndarray]:
        yield from first.blocks
        for part in analysis.parts[1:]:
            with ExitStack() as inner:
                more = begun(file, part, number, notes, inner)
                if (more.sample_rate, more.channels) == (first.sample_rate, first.channels):
                    yield from more.blocks
                else:
                    notes.append(ffmpeg.CHANGES)
                    blocks = ffmpeg.converted(more, first.sample_rate, first.channels)
                    yield from ffmpeg.translated(blocks, PiecedFile(file, ()))
        if notes:
            tell(path, "; ".join(dict.fromkeys(notes)))

    seconds = first.seconds
    if len(analysis.parts) > 1:
        known = [part.samples for part in analysis.parts]
        seconds = sum(count or 0 for count in known) / first.sample_rate if all(known) else 0.0
    sound = named(path, checked(all_blocks(), first.sample_rate))
    return Stream(first.sample_rate, first.channels, first.subtype, seconds, first.tags, sound)


def begun(file: BinaryIO, part: Part, number: int, notes: list[str], stack: ExitStack) -> Stream:
    """Begin to decode a part by libsndfile, or where that cannot, by FFmpeg.

    Args:
        number: of several streams of sound.
        notes: to which decoders add what a user should know.
        stack: closes it.
    """
    unknown = None
    if part.by_libsndfile and number == 0:
        try:
            found, sound = libsndfile.decode(PiecedFile(file, part.pieces), part)
            stack.callback(sound.close)
            return found
        except UnknownError as error:
            unknown = error
    try:
        found, container = ffmpeg.decode(PiecedFile(file, part.pieces), part, number, notes.append)
    except UnusableError as error:
        if unknown is not None and "unknown format" in str(error):
            raise unknown from None
        raise
    stack.callback(container.close)
    return found


def named(path: Path, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass on blocks; what is wrong with them is told with the file's name."""
    try:
        yield from blocks
    except UnusableError as error:
        raise UserError(f"{path}: {error}") from error


def tell(path: Path, note: str) -> None:
    """Log what is odd about a file, once; of hundreds only the first."""
    key = (str(path), note)
    if key in TOLD or len(TOLD) > MOST_NOTES:
        return
    TOLD.add(key)
    if len(TOLD) > MOST_NOTES:
        log.warning("warning: more recordings are odd; they are used, and not named")
    else:
        log.warning("warning: %s: %s", printable(path), note)


def check_file(path: Path) -> None:
    """Refuse what is no file that can be read; a pipe would be waited for."""
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise UserError(f"{path}: is not a regular file; give a recording")
        if not os.access(path, os.R_OK):
            raise UserError(f"{path}: {os.strerror(errno.EACCES)}; give yourself the right to read it")
        if path.stat().st_size == 0:
            raise UserError(f"{path}: is empty; copy or export the recording again")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path and its rights") from error


def holds_sound(path: Path) -> bool:
    """Tell whether a file, whatever its name, starts like one of a format for sound alone."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return by_magic(Window(file), 0) in SOUND_ALONE
    except OSError:
        return False


def native(path: Path) -> str | bytes:
    """Return a path as soundfile takes it, also where its name is not valid Unicode."""
    return os.fsencode(path) if os.name == "posix" else str(path)
