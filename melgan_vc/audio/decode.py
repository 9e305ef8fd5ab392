"""Decode recordings block by block: libsndfile what it can read, FFmpeg (by PyAV) the rest."""

import errno
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from melgan_vc.errors import UserError

BY_LIBSNDFILE = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")
BY_FFMPEG = (
    ".m4a", ".m4b", ".aac", ".ac3", ".wma", ".webm", ".mka", ".mp4", ".m4v", ".mkv", ".mov", ".avi", ".3gp", ".amr",
    ".ape", ".wv",
)  # fmt: skip
SUFFIXES = BY_LIBSNDFILE + BY_FFMPEG
CONTAINERS = re.compile(rb"(....ftyp|\x1a\x45\xdf\xa3)", re.DOTALL)  # starts of mp4 and Matroska, whatever the suffix
BLOCK_SECONDS = 10
ROUNDING = 2304  # samples: an mp3 may end up to two of its frames before or after what its header says
FFMPEG_ROUNDING = 0.2  # seconds: what a container says of its duration may count an encoder's delay
TAGS = {name: name for name in ("title", "copyright", "artist", "comment", "date", "album", "genre")} | {
    "tracknumber": "track"
}  # libsndfile's names of tags, and FFmpeg's
UNKNOWN_SIZE = 0x7FFF0000  # bytes; a wav header with more than that was written before the size was known


@dataclass(frozen=True)
class Stream:
    """A recording that is being decoded.

    Attributes:
        sample_rate: in Hz.
        channels: (C).
        subtype: libsndfile's name of the sample format, such as PCM_24; "FLOAT" for what FFmpeg decodes.
        seconds: that its header promises, 0 where it does not say.
        tags: title, artist and the like, by libsndfile's names for them.
        blocks: of samples (N, C) float32, full scale at 1, one after the other. Iterating raises UserError where the
            recording is damaged, truncated, empty, or has NaN or infinite samples.
    """

    sample_rate: int
    channels: int
    subtype: str
    seconds: float
    tags: Mapping[str, str]
    blocks: Iterator[np.ndarray]


@contextmanager
def opened(path: Path, stream: int = 0) -> Iterator[Stream]:
    """A recording to decode.

    Args:
        path: of its file.
        stream: of several that a container holds.

    Raises:
        UserError: no such file, no audio, or none of a known format.
    """
    check_file(path)
    if path.suffix.lower() in BY_FFMPEG or CONTAINERS.match(start_of(path)):
        with by_ffmpeg(path, stream) as found:
            yield found
    else:
        with by_libsndfile(path) as found:
            yield found


def check_file(path: Path) -> None:
    """Refuse what is no file that can be read; a pipe would be waited for."""
    if not path.exists():
        raise UserError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise UserError(f"{path}: is not a regular file; give a recording")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: {os.strerror(errno.EACCES)}; give yourself the right to read it")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty; copy or export the recording again")


def start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


@contextmanager
def by_libsndfile(path: Path) -> Iterator[Stream]:
    try:
        with quiet_decoder(path):
            file = soundfile.SoundFile(native(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise UserError(unreadable(path, str(error))) from error
    with file:
        decoded = sndfile_blocks(path, file)
        rate, promised = file.samplerate, promised_frames(path, file)
        blocks = checked(path, decoded, rate, promised - ROUNDING)
        yield Stream(rate, file.channels, file.subtype, promised / rate, file.copy_metadata(), blocks)


def sndfile_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    while True:
        try:
            with quiet_decoder(path):
                block = file.read(BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
            raise UserError(unreadable(path, str(error))) from error
        if not len(block):
            return
        yield block


@contextmanager
def by_ffmpeg(path: Path, number: int) -> Iterator[Stream]:
    import av  # takes a while, and most recordings do without

    try:
        with path.open("rb") as file, av.open(file, "r") as container:  # not by name, which may not be Unicode
            count = len(container.streams.audio)
            if number >= count:
                raise UserError(f"{path}: holds {f'{count} streams of' if count else 'no'} sound; give a recording")
            stream = container.streams.audio[number]
            rate = stream.rate
            base = stream.time_base
            seconds = float(stream.duration * base) if stream.duration and base else (container.duration or 0) / 1e6
            promised = int((seconds - FFMPEG_ROUNDING) * rate)
            plain = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
            decoded = (
                np.ascontiguousarray(piece.to_ndarray().T)
                for frame in container.decode(stream)
                for piece in plain.resample(frame)
            )
            found = {key.lower(): value for key, value in {**stream.metadata, **container.metadata}.items()}
            tags = {name: found[theirs] for name, theirs in TAGS.items() if found.get(theirs)}
            blocks = checked(path, grouped(path, decoded, rate), rate, promised)
            yield Stream(rate, stream.channels, "FLOAT", max(0.0, seconds), tags, blocks)
    except av.FFmpegError as error:
        raise UserError(unreadable(path, error.strerror or str(error))) from error


def grouped(path: Path, pieces: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """FFmpeg's small pieces as blocks of the usual size."""
    import av

    held: list[np.ndarray] = []
    count = 0
    try:
        for piece in pieces:
            held.append(piece)
            count += len(piece)
            if count >= BLOCK_SECONDS * rate:
                yield np.concatenate(held)
                held, count = [], 0
    except av.FFmpegError as error:
        raise UserError(unreadable(path, error.strerror or str(error))) from error
    if held:
        yield np.concatenate(held)


def checked(path: Path, blocks: Iterator[np.ndarray], rate: int, least: int) -> Iterator[np.ndarray]:
    """The same blocks (N, C), as long as they are sound, and at least so many samples of each channel in all."""
    count = 0
    for block in blocks:
        bad = int(np.count_nonzero(~np.isfinite(block)))
        if bad:
            raise UserError(
                f"{path}: {bad} of {block.size} samples are NaN or infinite, {count / rate:.0f} s from the start; "
                "repair or re-export the recording"
            )
        count += len(block)
        yield block
    if count < least:
        raise UserError(
            f"{path}: truncated: only {count / rate:.2f} s of {least / rate:.2f} s could be decoded; export or copy "
            "the recording again"
        )
    if count == 0:
        raise UserError(f"{path}: holds no samples; remove it or record it again")


def promised_frames(path: Path, file: soundfile.SoundFile) -> int:
    """Frames that a file's header speaks of; 0 if it does not say.

    For an mp3 without a header of its own libsndfile only guesses. For a wav it corrects the number to what is there,
    but tells in its log; one of a stream that was never finished holds 0 or the largest number, which is no promise.
    """
    if path.suffix.lower() == ".mp3":
        return file.frames if has_mp3_header(path) else 0
    found = re.search(r"^data : (\d+) \(should be \d+\)", file.extra_info, re.MULTILINE)
    size = int(found[1]) if found else 0
    align = re.search(r"Block Align\s*: (\d+)", file.extra_info)
    return size // int(align[1]) if align and 0 < size < UNKNOWN_SIZE else file.frames


def has_mp3_header(path: Path) -> bool:
    """Whether the first frame of an mp3, after an ID3 tag, is one that states the length."""
    with path.open("rb") as file:
        start = file.read(10)
        if start[:3] == b"ID3":
            size = sum((byte & 0x7F) << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        first = file.read(2048)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


def native(path: Path) -> str | bytes:
    """A path as soundfile takes it, also where its name is not valid Unicode."""
    return os.fsencode(path) if os.name == "posix" else str(path)


@contextmanager
def quiet_decoder(path: Path) -> Iterator[None]:
    """Keep libmpg123 from writing its own warnings about an mp3 to standard error: errors are told by us."""
    if path.suffix.lower() != ".mp3":
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


def unreadable(path: Path, reason: str) -> str:
    """One line on why a file could not be decoded."""
    reason = reason.split(": ", 1)[-1].strip().rstrip(".")
    if "not a regular file" in reason:  # libsndfile's words for some mp3 files that it cannot read at all
        reason = "damaged or of an unknown format"
    return f"{path}: cannot be read as audio ({reason}); give a complete recording, such as wav, flac, mp3 or m4a"
