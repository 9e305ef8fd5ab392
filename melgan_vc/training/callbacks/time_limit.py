"""End a training by the clock."""

import logging
import time
from typing import Any

import lightning as L

from melgan_vc.errors import UserError

log = logging.getLogger(__name__)


class TimeLimit(L.Callback):
    """End a training after so many minutes; a resumed one has the same time again.

    Lightning's own timer keeps the time in the checkpoint, which would then differ from run to run.
    """

    def __init__(self, minutes: float) -> None:
        if not (isinstance(minutes, int | float) and minutes > 0):
            raise UserError(f"trainer.max_minutes is {minutes!r}: give a number above 0, or null for no limit")
        self.seconds = 60 * minutes
        self.started = 0.0

    @property
    def end(self) -> float:
        """When the time is over, by time.monotonic."""
        return self.started + self.seconds

    def on_train_start(self, *_: Any) -> None:
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if time.monotonic() >= self.end:
            trainer.should_stop = True
            log.info("time limit reached (trainer.max_minutes=%g)", self.seconds / 60)
