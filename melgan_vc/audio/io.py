"""Recordings in, recordings out: any rate, channel count and format that :mod:`decode` knows."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from melgan_vc.audio.decode import native, opened
from melgan_vc.errors import UserError
from melgan_vc.files import replacing

BLOCK = 65536  # samples written at a time: libsndfile's Vorbis encoder overflows the stack on long ones
VORBIS_HIGHEST = 192000  # Hz; beyond, the same encoder crashes
LOUDEST = 0.999  # of a sample that integer PCM can hold
MONO: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # (N, C) to (N,)
    "mean": lambda block: block.mean(axis=1) if block.shape[1] > 1 else block[:, 0],
    "left": lambda block: np.ascontiguousarray(block[:, 0]),
    "right": lambda block: np.ascontiguousarray(block[:, min(1, block.shape[1] - 1)]),
}
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
    with opened(path) as stream:
        samples = np.concatenate(list(stream.blocks))
        return Recording(np.ascontiguousarray(samples.T), stream.sample_rate, stream.subtype)


def check_writable_format(path: Path) -> str:
    """libsndfile's name of the format of a file to write."""
    format_name = path.suffix[1:].upper()
    if format_name not in ("WAV", "FLAC", "OGG"):
        raise UserError(f"{path}: cannot write {path.suffix or 'a file without a suffix'}; use .wav, .flac or .ogg")
    return format_name


def read_mono(path: Path, sample_rate: int) -> np.ndarray:
    """A file as one channel (N,) float32 at a sample rate: the mean of its channels, resampled."""
    return np.concatenate(list(mono_blocks(path, sample_rate)))


def mono_blocks(path: Path, sample_rate: int, mono: str = "mean", stream: int = 0) -> Iterator[np.ndarray]:
    """A file block by block, each (N,) float32, at a sample rate.

    Args:
        mono: what becomes of several channels: a name in ``MONO``.
        stream: of several that a container holds.

    Raises:
        UserError: as :func:`melgan_vc.audio.decode.opened`, and where the recording is found to be damaged.
    """
    with opened(path, stream) as found:
        if found.sample_rate == sample_rate:
            yield from (MONO[mono](block) for block in found.blocks)
            return
        resampler = soxr.ResampleStream(found.sample_rate, sample_rate, 1, dtype="float32")
        count = 0
        for block in found.blocks:
            resampled = resampler.resample_chunk(MONO[mono](block))
            count += len(resampled)
            yield resampled
        rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        yield rest if count or len(rest) else np.zeros(1, np.float32)  # soxr can round a few samples down to none


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
