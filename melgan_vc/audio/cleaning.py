"""Samples that are no sound: they would spoil everything that is computed after them."""

import numpy as np

HIGHEST = 8.0  # times full scale, 18 dB over it: louder samples are no sound
SMALLEST = float(np.finfo(np.float32).tiny)  # what is smaller takes processors many times as long
MOST = 0.01  # share of a recording's samples that may be no sound


def clean(block: np.ndarray) -> tuple[np.ndarray, int]:
    """Return samples with what is no sound replaced by silence, and how many samples that were.

    NaN, infinity and what is far over full scale is no sound; denormal numbers become 0 and are not counted. A block
    without any of these comes back as it is.

    Args:
        block: float32 of any shape, full scale at 1.
    """
    size = np.abs(block)
    bad = ~(size <= HIGHEST)  # also NaN
    small = (size < SMALLEST) & (size > 0)
    count = int(np.count_nonzero(bad))
    return (np.where(bad | small, np.float32(0), block), count) if count or small.any() else (block, 0)
