"""Decoding by libsndfile."""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from melgan_vc.audio.decoding.analysis import Part, UnknownError, UnusableError, cut_off
from melgan_vc.audio.decoding.blocks import Stream, block_length, check_format, counted
from melgan_vc.audio.decoding.pieces import PiecedFile

BUFFER = 1 << 16  # bytes
EXACT = ("wav", "w64", "aiff", "au", "caf", "flac", "voc", "iff", "nistsphere", "ircam", "paf", "avr")
MEANINGLESS = (
    "not a regular file",
    "No such file",
    "<none>",
    "BufferedReader",
    "Invalid data found",
    "PiecedFile",
    "Error number",
    "avcodec_open2",
)  # of an open file
FAILURES = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, MemoryError, OverflowError, OSError)


def decode(file: PiecedFile, part: Part) -> tuple[Stream, soundfile.SoundFile]:
    """Begin to decode a part: what it holds, and the open file to close after.

    Raises:
        UnusableError: libsndfile cannot read it, or nobody should.
    """
    try:
        with quiet(part):
            descriptor = file.descriptor()
            if descriptor is None:
                sound = soundfile.SoundFile(io.BufferedReader(file, BUFFER))  # libmpg123 reads some bytes at a time
            else:  # several times as fast
                sound = soundfile.SoundFile(descriptor, closefd=False)
    except FAILURES as error:
        raise UnknownError(unreadable(error, file)) from error
    try:
        check_format(sound.samplerate, sound.channels)
        least = least_samples(sound, part)
    except BaseException:
        sound.close()
        raise
    blocks = counted(read(sound, file, part), sound.samplerate, least)
    seconds = max(sound.frames, part.samples or 0) / sound.samplerate
    return Stream(sound.samplerate, sound.channels, sound.subtype, seconds, sound.copy_metadata(), blocks), sound


def least_samples(sound: soundfile.SoundFile, part: Part) -> int:
    """Return the samples that must come: of a codec that adds and cuts off some at the ends, what its part states.

    Raises:
        UnusableError: libsndfile tells that fewer are there than the header states.
    """
    if part.samples is not None and part.demuxer == "mp3":
        return part.samples
    stated = part.samples or 0
    if found := re.search(r"^ BODY : (\d+) \(should be (\d+)\)", sound.extra_info, re.MULTILINE):
        stated = max(stated, sound.frames * int(found[1]) // max(1, int(found[2])))
    if part.demuxer == "avr" and (found := re.search(r"^  Frames\s*: (\d+)", sound.extra_info, re.MULTILINE)):
        stated = max(stated, int(found[1]))
    if part.demuxer in ("voc", "iff", "avr", "nistsphere") and stated > sound.frames:
        raise cut_off(sound.frames / sound.samplerate, stated / sound.samplerate)
    if "Seems to be a truncated file" in sound.extra_info:
        raise UnusableError(
            f"is cut off (truncated) after {sound.frames / sound.samplerate:.2f} s; copy or export the recording again"
        )
    return max(stated, sound.frames if part.demuxer in EXACT else 0)


def read(sound: soundfile.SoundFile, file: PiecedFile, part: Part) -> Iterator[np.ndarray]:
    """Read blocks (N, C) to the end."""
    length = block_length(sound.samplerate, sound.channels)
    while True:
        try:
            with quiet(part):
                block = sound.read(length, dtype="float32", always_2d=True)
        except FAILURES as error:
            if part.demuxer == "flac":  # whose header and last frame agree
                raise UnusableError(
                    "is damaged or cut off (truncated): a FLAC frame cannot be decoded; copy or export the recording "
                    "again"
                ) from error
            raise UnusableError(unreadable(error, file)) from error
        if file.error is not None:
            raise UnusableError(unreadable(file.error, file)) from file.error
        if not len(block):
            return
        yield block


def unreadable(error: Exception, file: PiecedFile) -> str:
    """Return one line on why a file could not be decoded."""
    if file.error is not None:
        error = file.error
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    reason = " ".join(text.split(": ", 1)[-1].split()).rstrip(".")
    if not reason or any(words in reason for words in MEANINGLESS):
        reason = "damaged or of an unknown format"
    if "SF_INFO" in reason:
        reason = "its header states no channels or sample rate that can be"
    return f"cannot be read as audio ({reason}); give a complete recording, such as wav, flac, mp3 or m4a"


@contextmanager
def quiet(part: Part) -> Iterator[None]:
    """Keep libmpg123 from writing its own warnings about an MP3 to standard error."""
    if part.demuxer != "mp3":
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
