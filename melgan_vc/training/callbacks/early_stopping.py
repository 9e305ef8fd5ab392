"""End a training that no longer gains anything on held-out recordings."""

import logging
import math
from typing import Any

import lightning as L

from melgan_vc.text import counted
from melgan_vc.training.callbacks.checks import check_number, check_whole
from melgan_vc.training.held_out import HeldOut, HeldOutListener
from melgan_vc.training.module import MelganVC
from melgan_vc.training.monitor import Monitor

log = logging.getLogger(__name__)


class EarlyStopping(HeldOutListener):
    """Ends the training after ``patience`` validations without a gain; Lightning's own needs its validation loop.

    Args:
        monitor: a held-out measure.
        mode: "min" if less of it is better, else "max"; None for the way that it is known to have.
        patience: validations.
        gain: that counts as one.
    """

    def __init__(
        self, monitor: str = "mel_distance", mode: str | None = None, patience: int = 10, gain: float = 0.0
    ) -> None:
        self.monitor = Monitor("callbacks.early_stopping", monitor, mode)
        self.patience = check_whole("callbacks.early_stopping.patience", patience)
        self.gain = check_number("callbacks.early_stopping.gain", gain)
        self.best = -math.inf
        self.without = 0

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if self.without >= self.patience:  # also after a resume, unless with a larger patience
            trainer.should_stop = True

    def on_held_out(self, trainer: L.Trainer, module: MelganVC, outcome: HeldOut) -> None:  # type: ignore[override]
        if outcome.final:
            return
        score = self.monitor.score(outcome)
        if score is None:
            return
        if score > self.best + self.gain:
            self.best, self.without = score, 0
            return
        self.without += 1
        if self.without >= self.patience:
            name, best = self.monitor.measure, self.monitor.sign * self.best
            log.info("no gain in %s over %s (best %.3f): ending here", name, counted(self.without, "validation"), best)

    def state_dict(self) -> dict[str, Any]:
        return {"measure": self.monitor.measure, "best": self.best, "without": self.without}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["measure"] == self.monitor.measure:
            self.best, self.without = state["best"], state["without"]
