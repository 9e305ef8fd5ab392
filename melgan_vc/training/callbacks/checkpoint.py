"""Keep the state of the training on disk."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException

from melgan_vc.files import replacing
from melgan_vc.training.callbacks.every import check_every
from melgan_vc.training.module import MelganVC


class LastCheckpoint(L.Callback):
    """Writes ``checkpoints/last.ckpt`` every so many batches, at the end and at an interruption.

    A write that fails leaves the checkpoint before.

    Args:
        every_batches: between two checkpoints.
    """

    def __init__(self, every_batches: int = 1000) -> None:
        self.every_batches = check_every("checkpoint", every_batches)

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if module.batch_count % self.every_batches == 0:
            self.save(trainer)

    def on_train_end(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        if module.batch_count % self.every_batches:
            self.save(trainer)

    def on_exception(self, trainer: L.Trainer, module: MelganVC, exception: BaseException) -> None:  # type: ignore[override]
        # After any other exception the state may be a broken one: the checkpoint before is better.
        if module.batch_count and isinstance(exception, KeyboardInterrupt | SIGTERMException):
            self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        with replacing(Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt") as temporary:
            trainer.save_checkpoint(temporary)
