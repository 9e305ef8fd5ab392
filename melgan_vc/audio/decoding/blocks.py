"""Blocks of samples on their way out of a decoder: checked, counted, and of one layout."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from melgan_vc.audio.decoding.analysis import UnusableError, cut_off, longer

BLOCK_SECONDS = 10
LARGEST_BLOCK = 1 << 22  # samples of all channels
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000  # Hz
MOST_CHANNELS = 64


@dataclass(frozen=True)
class Stream:
    """A recording, or a part of one, that is being decoded.

    Attributes:
        sample_rate: in Hz.
        channels: (C).
        subtype: libsndfile's name of the sample format, such as PCM_24; "FLOAT" for what is stored lossily.
        seconds: that its header states; 0 where it states none.
        tags: title, artist and the like, by libsndfile's names for them.
        blocks: of samples (N, C) float32, full scale at 1, one after the other. Iterating raises an error where they
            are damaged, or fewer than stated.
    """

    sample_rate: int
    channels: int
    subtype: str
    seconds: float
    tags: Mapping[str, str]
    blocks: Iterator[np.ndarray]


def block_length(rate: int, channels: int) -> int:
    """Return the samples of each channel in a block."""
    return max(1, min(BLOCK_SECONDS * rate, LARGEST_BLOCK // channels))


def check_format(rate: float, channels: int) -> None:
    """Refuse sample rates and channel counts that no recording has.

    Raises:
        UnusableError: one is out of range.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UnusableError(
            f"has a sample rate of {rate:g} Hz; from {LOWEST_RATE} to {HIGHEST_RATE} are supported: repair its header "
            "or export the recording again"
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise UnusableError(
            f"has {channels} channels; from 1 to {MOST_CHANNELS} are supported: repair its header or export the "
            "channels that you need"
        )


def grouped(pieces: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Join small pieces (N, C) to blocks of about so many samples."""
    held: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= length:
            yield np.concatenate(held)
            held, count = [], 0
    if held:
        yield np.concatenate(held)


def counted(
    blocks: Iterator[np.ndarray], rate: int, least: int, note: Callable[[str], None] | None = None
) -> Iterator[np.ndarray]:
    """Pass on blocks (N, C), and refuse them where they end too soon.

    Args:
        least: samples of each channel that must come.
        note: told where more came, if that is odd.

    Raises:
        UnusableError: fewer came.
    """
    count = 0
    for block in blocks:
        count += len(block)
        yield block
    if count < least:
        raise cut_off(count / rate, least / rate)
    if note is not None and count > least:
        note(longer(least / rate, count / rate))


def checked(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Pass on blocks (N, C) as long as their samples are numbers, and refuse a recording without any.

    Raises:
        UnusableError: samples are NaN or infinite, or there is none.
    """
    count = 0
    for block in blocks:
        bad = ~np.isfinite(block)
        if bad.any():
            first = (count + int(bad.any(axis=1).argmax())) / rate
            raise UnusableError(
                f"{bad.sum()} of {block.size} samples are NaN or infinite, the first {first:.2f} s from the start; "
                "repair or re-export the recording"
            )
        count += len(block)
        yield block
    if count == 0:
        raise UnusableError("holds no samples; remove it or record it again")
