"""What the framework costs beside a bare loop, and how near both come to the machine's matrix product.

    python -m benchmarks.training_step [sizes=[paper,quickstart]] [precisions=[32-true,bf16-mixed]] [compile=default]

A training by the framework, loggers and callbacks at their defaults, and a loop as short as it can be written
(``benchmarks/bare.py``) take turns on the same batches, a few cycles each, in one process. A cycle is one update of the
generator and three of the discriminator. The first cycle of a turn fills the caches and does not count. Medians of the
times and of the ratio of ``turns`` neighbours; a product of square matrices is measured after each pair of turns.
``compile=default`` compiles the framework's networks, and not the bare loop's: the ratio then holds what that gains.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

from benchmarks.bare import Bare
from melgan_vc.cli import CONF, explained
from melgan_vc.evaluation.tables import aligned
from melgan_vc.training.arithmetic import arithmetic
from melgan_vc.training.rehearsal import COMPUTED_IN, matrix_product, rehearse, settled

NETWORKS = {"paper": "notebook", "quickstart": "small"}
COUNTED = 3  # cycles of a turn
WARM_UP = 1  # pairs of turns


class Turns(L.Callback):
    """Lets the bare loop train on the framework's batches after each turn of it, and times both."""

    def __init__(self, turns: int, reduced: bool) -> None:
        self.turns, self.reduced = turns, reduced
        self.batches: list[tuple[Tensor, Tensor]] = []
        self.framework: list[float] = []
        self.loop: list[float] = []
        self.product: list[float] = []

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        self.bare = Bare(module, self.reduced)
        self.every = self.bare.every

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, index: int) -> None:
        self.batches.append((batch.source, batch.target))
        if len(self.batches) == self.every:
            self.begun = now(module.device)
        if len(self.batches) < (1 + COUNTED) * self.every:
            return
        self.framework.append((now(module.device) - self.begun) / COUNTED)
        for number, windows in enumerate(self.batches):
            if number == self.every:
                begun = now(module.device)
            self.bare.step(*windows)
        self.loop.append((now(module.device) - begun) / COUNTED)
        self.product.append(matrix_product(torch.bfloat16 if self.reduced else torch.float32, module.device))
        self.batches.clear()
        trainer.should_stop = len(self.loop) == self.turns + WARM_UP


def now(device: torch.device) -> float:
    """Seconds, when all is done that was asked for."""
    settled(device)
    return time.perf_counter()


def case(sizes: str, precision: str, given: Any) -> tuple[list[str], str]:
    """A row of the table, and a line."""
    turns = Turns(given.turns, precision in COMPUTED_IN)
    mode = "null" if given.compile is None else given.compile
    words = [f"networks={NETWORKS[sizes]}", f"trainer.precision={precision}", f"trainer.compile={mode}", *given.more]
    with tempfile.TemporaryDirectory() as folder, initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", [*words, f"data.store={folder}/prepared"])
        module, trainer = rehearse(cfg, Path(folder), [turns])
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    flop = arithmetic(module, data.batch_size, data.audio.n_mels).cycle
    framework, loop, product = (
        statistics.median(one[WARM_UP:]) for one in (turns.framework, turns.loop, turns.product)
    )
    ratios = [ours / bare for ours, bare in zip(turns.framework, turns.loop, strict=True)][WARM_UP:]
    ratio = statistics.median(ratios)
    row = [sizes, precision, f"{flop / 1e9:.0f}", f"{framework:.3f}", f"{loop:.3f}", f"{ratio:.3f}"]
    row += [f"{product / 1e9:.0f}", *(f"{flop / one / product:.0%}" for one in (framework, loop))]
    return row, f"framework/bare {ratio:.3f}  ({sizes} sizes, {precision})"


def main() -> None:
    settings = {"sizes": [*NETWORKS], "precisions": ["32-true", "bf16-mixed"], "compile": None, "turns": 10, "more": []}
    given: Any = OmegaConf.merge(settings, OmegaConf.from_cli())
    found = [case(one, each, given) for one in given.sizes for each in given.precisions]
    compiled = "" if given.compile is None else f", the framework's networks compiled ({given.compile})"
    print(f"Batch 16, {torch.get_num_threads()} threads{compiled}; seconds of a cycle of 3 batches\n")
    headings = ("sizes", "precision", "GFLOP", "framework", "bare", "ratio")
    print(aligned((*headings, "product GFLOP/s", "framework of it", "bare of it"), [row for row, _ in found]))
    print("", *(line for _, line in found), sep="\n")


if __name__ == "__main__":
    with explained():
        main()
