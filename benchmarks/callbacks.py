"""What the default callbacks cost a batch, against the same training with none.

    python benchmarks/callbacks.py [ROUNDS BATCHES [OVERRIDE ...]]

Each round trains the quickstart twice, one process each, in turn. The median is of a batch's time, over cycles with
one update of the generator; the mean also holds checkpoints and validations. Overrides are for the second training.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lightning as L
import numpy as np

HERE = Path(__file__).resolve()
CYCLE = 2  # batches from one update of the generator to the next, in the quickstart
NONE = ["callbacks=none", "callbacks.progress=null", "checkpoint=none"]


class Clock(L.Callback):
    """Writes down when each batch starts."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.times: list[float] = []

    def on_train_batch_start(self, *_: object) -> None:
        self.times.append(time.perf_counter())

    def on_train_end(self, *_: object) -> None:
        np.save(self.path, np.diff(self.times[20::CYCLE]) / CYCLE)


def measure(folder: Path, name: str, batches: int, overrides: list[str]) -> np.ndarray:
    """Seconds of each batch of one training."""
    times = folder / f"{name}.npy"
    command = [sys.executable, "-m", "melgan_vc.train", "experiment=quickstart", f"trainer.max_batches={batches}"]
    command += [f"run_dir={folder / name}", f"data.store={folder / 'prepared'}", *overrides]
    command += [f"trust=[{HERE.stem}]", f"+callbacks.clock={{_target_: {HERE.stem}.Clock, path: '{times}'}}"]
    path = f"{HERE.parent}{os.pathsep}{HERE.parent.parent}"
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": path})
    return np.load(times)


def main() -> None:
    rounds, batches = (int(value) for value in (sys.argv[1:3] or ("3", "500")))
    print("| round | none (median, ms) | default (median, ms) | ratio | ratio of means |")
    print("| --- | --- | --- | --- | --- |")
    ratios = []
    with tempfile.TemporaryDirectory() as made:
        for number in range(1, rounds + 1):
            none = measure(Path(made), f"none{number}", batches, NONE)
            default = measure(Path(made), f"default{number}", batches, sys.argv[3:])
            one, other = 1000 * np.median(none), 1000 * np.median(default)
            ratios.append(other / one)
            means = default.mean() / none.mean()
            print(f"| {number} | {one:.2f} | {other:.2f} | {other / one:.3f} | {means:.3f} |", flush=True)
    print(f"\nmedian ratio: {np.median(ratios):.3f}")


if __name__ == "__main__":
    main()
