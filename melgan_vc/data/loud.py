"""Where recordings are not silent, so that windows are not drawn from pauses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from melgan_vc.data.splits import Segment
from melgan_vc.data.store import Arrays
from melgan_vc.spec import AudioSpec
from melgan_vc.terminal import Bar

SILENCE_DB = 40.0  # under the loudest bin of a recording
AT_ONCE = 65536  # frames that are looked at at a time


def loud_stretches(
    arrays: Arrays | Sequence[np.ndarray], segments: Sequence[Segment], window: int, most: float, audio: AudioSpec
) -> tuple[Segment, ...]:
    """The stretches that have only windows of which not too much is silent.

    Args:
        arrays: (T, M) float16, by their numbers.
        segments: to look at: whole recordings.
        window: frames (S·W).
        most: share of a window's frames that may be silent.
        audio: of the mels.
    """
    found: list[Segment] = []
    for segment in Bar(segments, desc="looking for silence", unit="recording", delay=2):
        loudest = loudest_bins(arrays[segment.shard], segment)
        silent = loudest < loudest.max() - 2 * SILENCE_DB / audio.range_db
        before = np.concatenate([[0], np.cumsum(silent)])
        usable = before[window:] - before[:-window] <= most * window
        found += [
            replace(segment, offset=segment.offset + start, frames=end - start + window - 1)
            for start, end in runs(usable)
        ]
    return tuple(found)


def loudest_bins(array: np.ndarray, segment: Segment) -> np.ndarray:
    """The largest value of each frame (T)."""
    pieces = range(segment.offset, segment.offset + segment.frames, AT_ONCE)
    end = segment.offset + segment.frames
    return np.concatenate([array[start : min(end, start + AT_ONCE)].max(axis=1).astype(np.float32) for start in pieces])


def runs(usable: np.ndarray) -> Iterator[tuple[int, int]]:
    """Starts and ends of what is true in a row."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]]).astype(np.int8)))
    yield from zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)
