"""How loud a recording is, as ITU-R BS.1770 has it: by FFmpeg's EBU R 128 meter."""

import math
from collections.abc import Iterable

import numpy as np

SILENT = -70.0  # LUFS: the standard's absolute gate; a recording without anything above it has no loudness


def loudness(blocks: Iterable[np.ndarray], sample_rate: int) -> float:
    """Integrated loudness in LUFS of a waveform that comes in blocks (N,); minus infinity where all of it is silent."""
    import av  # takes a while, and is seldom asked for
    from av.filter import Graph

    graph = Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono")
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    found, samples = SILENT, 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None], np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts = sample_rate, samples
        samples += len(block)
        source.push(frame)
        while True:
            try:
                found = float(sink.pull().metadata["lavfi.r128.I"])
            except (av.BlockingIOError, av.EOFError):
                break
    return found if found > SILENT else -math.inf
