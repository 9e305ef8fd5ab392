"""Recordings in, recordings out: any rate, channel count and format that :mod:`decode` knows."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
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
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".aif": "AIFF", ".aiff": "AIFF"}
BYTES = {"PCM_16": 2, "PCM_24": 3, "DOUBLE": 8}  # of a sample; other subtypes take 4 or less
LARGEST_WAV = 4_000_000_000  # bytes; a plain WAV counts them with 32 bits
PCM_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def check_writable_format(path: Path) -> str:
    """libsndfile's name of the format of a file to write."""
    format_name = FORMATS.get(path.suffix.lower())
    if format_name is None:
        raise UserError(f"{path}: cannot write {path.suffix or 'a file without a suffix'}; use {', '.join(FORMATS)}")
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
        mixed = (MONO[mono](block)[:, None] for block in found.blocks)
        yield from (block[:, 0] for block in resampled(mixed, 1, found.sample_rate, sample_rate))


def resampled(blocks: Iterable[np.ndarray], channels: int, from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Blocks (N, C) at another rate, by soxr; one sample at least."""
    if from_rate == to_rate:
        yield from blocks
        return
    resampler = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32")
    count = 0
    for block in blocks:
        found = resampler.resample_chunk(np.ascontiguousarray(block))
        count += len(found)
        yield found
    rest = resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True)
    yield rest if count or len(rest) else np.zeros((1, channels), np.float32)  # soxr can round a few down to none


def write(path: Path, waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16") -> float:
    """Write a waveform (C, N); see :func:`write_blocks`."""
    return write_blocks(path, lambda: iter([waveform.T]), waveform.shape[0], sample_rate, subtype)


def write_blocks(
    path: Path,
    blocks: Callable[[], Iterator[np.ndarray]],
    channels: int,
    sample_rate: int,
    subtype: str = "PCM_16",
    tags: Mapping[str, str] | None = None,
) -> float:
    """Write blocks (N, C) under a file's final name in one step; the format follows the suffix.

    Where samples are integers, what goes over full scale is turned down as a whole instead of being clipped.

    Args:
        blocks: gives all blocks, each time it is called.
        tags: by libsndfile's names, such as title.

    Returns:
        The gain that was applied, 1 or less.
    """
    format_name = check_writable_format(path)
    if format_name == "OGG" and sample_rate > VORBIS_HIGHEST:
        raise UserError(f"{path}: OGG cannot hold {sample_rate} Hz; write a .wav instead")
    if subtype not in PCM_SUBTYPES or not soundfile.check_format(format_name, subtype):
        subtype = soundfile.default_subtype(format_name)
    peak, samples = 0.0, 0
    for block in blocks():
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        samples += len(block)
        if not np.isfinite(block).all():
            raise UserError(f"{path}: not written, for the sound to write holds NaN or infinite samples")
    gain = LOUDEST / peak if peak > LOUDEST and subtype not in ("FLOAT", "DOUBLE") else 1.0
    size = samples * channels * BYTES.get(subtype, 4)
    if format_name == "WAV" and size > LARGEST_WAV:
        format_name = "RF64"  # which most programs read as the WAV that it is named
    with replacing(path) as temporary:
        try:
            with soundfile.SoundFile(
                native(temporary), "w", sample_rate, channels, subtype, format=format_name
            ) as file:
                for name, text in (tags or {}).items():
                    setattr(file, name, text)
                for block in blocks():
                    for start in range(0, len(block), BLOCK):
                        file.write(block[start : start + BLOCK] * gain)
        except (soundfile.LibsndfileError, AssertionError) as error:  # the latter where the disk took less than all
            check_room(temporary, path, size)
            what = f"{channels} channels at {sample_rate} Hz"
            raise UserError(f"{path}: {format_name} cannot hold {what}; write a .wav instead") from error
    return gain


def check_room(temporary: Path, path: Path, size: int) -> None:
    """Ask the system itself why a file could not be written, which libsndfile does not tell.

    Args:
        temporary: the file.
        path: its final name.
        size: in bytes, that it needs at most.

    Raises:
        OSError: the system's reason, if that was it.
    """
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            os.posix_fallocate(descriptor, 0, max(size, 1 << 16))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):  # not this file system
            return
        raise OSError(error.errno, error.strerror, str(path)) from error
