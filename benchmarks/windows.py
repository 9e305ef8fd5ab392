"""How fast windows are read: by the data module's loader, against a bare loop over the memory-mapped arrays.

    python benchmarks/windows.py [STORE_FOLDER]

One core, batches of 16 windows of 192x72 of each domain, the bundled voices unless they are prepared elsewhere.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.spec import AudioSpec, ChunkSpec

BATCH, ROUNDS, BATCHES = 16, 5, 1000


def loader(data: ChunkDataModule) -> float:
    """Windows a second."""
    batches = iter(data.train_dataloader())
    next(batches)
    start = time.perf_counter()
    for _ in range(BATCHES):
        next(batches)
    return 2 * BATCH * BATCHES / (time.perf_counter() - start)


def bare(data: ChunkDataModule) -> float:
    """Windows a second of a loop that draws, cuts and stacks, and nothing else."""
    rng = np.random.default_rng(0)
    arrays = [data.stores[domain].arrays[0] for domain in ("source", "target")]
    start = time.perf_counter()
    for _ in range(BATCHES):
        for array in arrays:
            starts = rng.integers(0, len(array) - data.chunk.window, BATCH)
            np.stack([array[place : place + data.chunk.window] for place in starts])
    return 2 * BATCH * BATCHES / (time.perf_counter() - start)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = ChunkDataModule(
            "bundled:voices/source", "bundled:voices/target", AudioSpec(16000, 192, 1152, 192), ChunkSpec(24),
            batch_size=BATCH, store=sys.argv[1] if len(sys.argv) > 1 else str(Path(folder)),
        )  # fmt: skip
        data.prepare_data()
        data.setup()
        for _ in range(ROUNDS):
            ours, theirs = loader(data), bare(data)
            print(f"{ours:8.0f} windows a second, {theirs:8.0f} by a bare loop: {ours / theirs:.2f} of it")


if __name__ == "__main__":
    main()
