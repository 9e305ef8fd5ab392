"""Keep the state of the training on disk."""

from pathlib import Path
from typing import Any

import lightning as L

from melgan_vc.files import replacing
from melgan_vc.training.module import MelganVC


class LastCheckpoint(L.Callback):
    """Writes ``checkpoints/last.ckpt`` every so many batches and at the end; a write that fails leaves the one before.

    Args:
        every_batches: between two checkpoints.
    """

    def __init__(self, every_batches: int = 1000) -> None:
        self.every_batches = every_batches

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if module.batch_count % self.every_batches == 0:
            self.save(trainer)

    def on_train_end(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        if module.batch_count % self.every_batches:
            self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        path = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
        with replacing(path) as temporary:
            trainer.save_checkpoint(temporary)
