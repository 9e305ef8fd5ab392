"""Loudness by ITU-R BS.1770, measured with FFmpeg's EBU R 128 meter."""

import math
from collections.abc import Iterable

import numpy as np

SILENT = -70.0  # LUFS: the standard's absolute gate; a recording without anything above it has no loudness


class Meter:
    """Integrated loudness of a waveform that comes in blocks.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        from av.filter import Graph  # takes a while, and is seldom asked for

        self.sample_rate = sample_rate
        self.graph = Graph()
        self.source = self.graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono")
        meter, self.sink = self.graph.add("ebur128", "metadata=1"), self.graph.add("abuffersink")
        self.source.link_to(meter)
        meter.link_to(self.sink)
        self.graph.configure()
        self.samples = 0
        self.found = SILENT

    def push(self, block: np.ndarray) -> None:
        """Take samples (N,)."""
        import av

        if not len(block):
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None], np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts = self.sample_rate, self.samples
        self.samples += len(block)
        self.source.push(frame)
        while True:
            try:
                self.found = float(self.sink.pull().metadata["lavfi.r128.I"])
            except (av.BlockingIOError, av.EOFError):
                break

    @property
    def loudness(self) -> float:
        """Loudness in LUFS; minus infinity where all so far is silent."""
        return self.found if self.found > SILENT else -math.inf


def loudness(blocks: Iterable[np.ndarray], sample_rate: int) -> float:
    """Integrated loudness in LUFS of a waveform that comes in blocks (N,); minus infinity where all of it is silent."""
    meter = Meter(sample_rate)
    for block in blocks:
        meter.push(block)
    return meter.loudness
