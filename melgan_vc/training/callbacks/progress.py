"""A progress bar that counts batches."""

import sys
from typing import Any

import lightning as L

from melgan_vc.terminal import Bar
from melgan_vc.training.callbacks.time_limit import TimeLimit
from melgan_vc.training.module import MelganVC

SECONDS_ON_SCREEN, SECONDS_IN_A_FILE = 0.2, 20.0  # between two updates


class BatchProgress(L.Callback):
    """Show batches done, batches per second and time left; losses go to the loggers."""

    def __init__(self) -> None:
        self.bar: Bar | None = None

    def on_train_batch_start(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if self.bar is not None:
            return
        self.bar = Bar(  # not before: what is said at the start would share its line
            desc="training",
            initial=module.batch_count,
            total=module.batch_count + int(trainer.num_training_batches),
            unit="batch",
            delay=0,
            mininterval=SECONDS_ON_SCREEN if sys.stderr.isatty() else SECONDS_IN_A_FILE,
            disable=not trainer.is_global_zero,
        )
        limits = [one.end for one in trainer.callbacks if isinstance(one, TimeLimit)]  # type: ignore[attr-defined]
        self.bar.end = min(limits, default=None)

    def on_train_batch_end(self, *_: Any) -> None:
        assert self.bar is not None
        self.bar.update()

    def on_train_end(self, *_: Any) -> None:
        self.close()

    def on_exception(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
