"""Raw PCM, as pipes carry it: interleaved, little endian."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from melgan_vc.errors import UserError

FORMATS = {"s16": "<i2", "f32": "<f4"}
FULL_SCALE = 32767


class Pcm:
    """A format of raw samples.

    Args:
        name: "s16", 16-bit integers, or "f32", floats.
        channels: (C).
    """

    def __init__(self, name: str, channels: int) -> None:
        if name not in FORMATS:
            raise UserError(f"format is {name!r}: give one of {', '.join(FORMATS)}")
        self.kind = np.dtype(FORMATS[name])
        self.channels = channels

    def read(self, file: BinaryIO, samples: int) -> Iterator[np.ndarray]:
        """Give blocks (N, C) float32 of so many samples, until the file ends; the last one may be shorter."""
        frame = self.kind.itemsize * self.channels
        while data := file.read(samples * frame):
            whole = np.frombuffer(data[: len(data) // frame * frame], self.kind).reshape(-1, self.channels)
            if len(whole):
                yield whole / np.float32(FULL_SCALE) if self.kind.kind == "i" else whole.astype(np.float32)

    def bytes(self, block: np.ndarray) -> bytes:
        """A block (N, C) in [-1, 1] as it is written."""
        if self.kind.kind == "i":
            block = np.rint(block * FULL_SCALE)
        return block.astype(self.kind).tobytes()
