"""Recordings in, recordings out: any rate and channel count that libsndfile reads."""

import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from melgan_vc.errors import UserError
from melgan_vc.files import replacing

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")
NEEDS_CONVERSION = (".m4a", ".aac", ".wma", ".webm", ".mp4", ".mkv", ".mov", ".amr", ".ape", ".wv")
ROUNDING = 2304  # samples: an mp3 may end up to two of its frames before or after what its header says
BLOCK = 65536  # samples written at a time: libsndfile's Vorbis encoder overflows the stack on long ones
VORBIS_HIGHEST = 192000  # Hz; beyond, the same encoder crashes
UNKNOWN_SIZE = 0x7FFF0000  # bytes; a wav header with more than that was written before the size was known
LOUDEST = 0.999  # of a sample that integer PCM can hold
PCM_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Recording:
    """A decoded file.

    Attributes:
        waveform: (C, N) float32, channels and samples, full scale at 1.
        sample_rate: in Hz.
        subtype: libsndfile's name of the sample format, such as PCM_24.
    """

    waveform: np.ndarray
    sample_rate: int
    subtype: str

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.waveform.shape[-1] / self.sample_rate


def read(path: Path) -> Recording:
    """Decode a file whole.

    Raises:
        UserError: no audio, none of a known format, truncated, empty, or with NaN or infinite samples.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the path")
    try:
        with quiet_decoder(path), soundfile.SoundFile(native(path)) as file:
            promised = promised_frames(path, file)
            samples = file.read(dtype="float32", always_2d=True)
            rate, subtype = file.samplerate, file.subtype
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise UserError(unreadable(path, str(error))) from error
    if len(samples) < promised - ROUNDING:
        raise UserError(
            f"{path}: truncated: {len(samples) / rate:.2f} s of {promised / rate:.2f} s could be decoded; "
            "export or copy the recording again"
        )
    if len(samples) == 0:
        raise UserError(f"{path}: holds no samples; remove it or record it again")
    bad = int(np.count_nonzero(~np.isfinite(samples)))
    if bad:
        raise UserError(
            f"{path}: {bad} of {samples.size} samples are NaN or infinite; repair or re-export the recording"
        )
    return Recording(np.ascontiguousarray(samples.T), rate, subtype)


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


def check_writable_format(path: Path) -> str:
    """libsndfile's name of the format of a file to write."""
    format_name = path.suffix[1:].upper()
    if format_name not in ("WAV", "FLAC", "OGG"):
        raise UserError(f"{path}: cannot write {path.suffix or 'a file without a suffix'}; use .wav, .flac or .ogg")
    return format_name


@contextmanager
def quiet_decoder(path: Path) -> Iterator[None]:
    """Keep libmpg123 from writing its own warnings about an mp3 to standard error: errors are told by :func:`read`."""
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
    if path.suffix.lower() in NEEDS_CONVERSION:
        return f"{path}: {path.suffix} files cannot be read; convert it first, e.g. ffmpeg -i IN{path.suffix} OUT.wav"
    return f"{path}: cannot be read as audio ({reason}); give a complete wav, flac, ogg or mp3 file"


def read_mono(path: Path, sample_rate: int) -> np.ndarray:
    """A file as one channel (N,) float32 at a sample rate: the mean of its channels, resampled."""
    recording = read(path)
    mono = recording.waveform.mean(axis=0, keepdims=True)
    return resample(mono, recording.sample_rate, sample_rate)[0]


def resample(waveform: np.ndarray, from_rate: int, to_rate: int, samples: int | None = None) -> np.ndarray:
    """A waveform (C, N) at another rate, by soxr; with ``samples``, cut or filled with silence to exactly so many."""
    if from_rate != to_rate:
        waveform = soxr.resample(np.ascontiguousarray(waveform.T), from_rate, to_rate).T.astype(np.float32)
    if waveform.shape[-1] == 0:  # soxr can round a few samples down to none
        waveform = np.zeros((waveform.shape[0], 1), np.float32)
    if samples is not None:
        waveform = np.pad(waveform[:, :samples], ((0, 0), (0, max(0, samples - waveform.shape[-1]))))
    return waveform


def write(path: Path, waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16") -> float:
    """Write a waveform (C, N) under its final name in one step; the format follows the suffix.

    Where samples are integers, a waveform over full scale is turned down as a whole instead of being clipped.

    Returns:
        The gain that was applied, 1 or less.
    """
    format_name = check_writable_format(path)
    if not np.isfinite(waveform).all():
        raise UserError(f"{path}: not written, for the sound to write holds NaN or infinite samples")
    if format_name == "OGG" and sample_rate > VORBIS_HIGHEST:
        raise UserError(f"{path}: OGG cannot hold {sample_rate} Hz; write a .wav instead")
    if subtype not in PCM_SUBTYPES or not soundfile.check_format(format_name, subtype):
        subtype = soundfile.default_subtype(format_name)
    peak = float(np.abs(waveform).max(initial=0.0))
    gain = LOUDEST / peak if peak > LOUDEST and subtype not in ("FLOAT", "DOUBLE") else 1.0
    channels, samples = waveform.shape
    try:
        with (
            replacing(path) as temporary,
            soundfile.SoundFile(native(temporary), "w", sample_rate, channels, subtype, format=format_name) as file,
        ):
            for start in range(0, samples, BLOCK):
                file.write((waveform[:, start : start + BLOCK] * gain).T)
    except soundfile.LibsndfileError as error:
        if shutil.disk_usage(path.parent).free < waveform.nbytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        what = f"{channels} channels at {sample_rate} Hz"
        raise UserError(f"{path}: {format_name} cannot hold {what}; write a .wav instead") from error
    return gain
