"""What all guards share: they warn, and end the training if they are told to."""

import logging

import lightning as L

from melgan_vc.errors import UserError
from melgan_vc.training.module import MelganVC

log = logging.getLogger(__name__)
ACTIONS = ("warn", "stop")


class Guard(L.Callback):
    """Args:
    action: "warn" says it once in a row of findings; "stop" also ends the training when it is found ``patience``
        times in a row, with a checkpoint and a bundle.
    patience: findings in a row.
    """

    name: str  # of its config file

    def __init__(self, action: str = "warn", patience: int = 3) -> None:
        if action not in ACTIONS:
            raise UserError(f"callbacks.{self.name}.action is {action!r}: give one of {', '.join(ACTIONS)}")
        if not isinstance(patience, int) or patience < 1:
            raise UserError(f"callbacks.{self.name}.patience is {patience!r}: give a whole number above 0")
        self.action = action
        self.patience = patience
        self.in_a_row = 0

    def found(self, trainer: L.Trainer, module: MelganVC, finding: str, remedy: str) -> None:
        """Something is wrong at this look."""
        self.in_a_row += 1
        if self.in_a_row == 1:
            log.warning("warning: batch %d: %s. %s", module.batch_count, finding, remedy)
        if self.action == "stop" and self.in_a_row >= self.patience:
            module.failure = f"stopped at batch {module.batch_count} by callbacks.{self.name}: {finding}. {remedy}"
            trainer.should_stop = True

    def fine(self) -> None:
        """Nothing is wrong at this look."""
        self.in_a_row = 0

    def state_dict(self) -> dict[str, int]:
        return {"in_a_row": self.in_a_row}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.in_a_row = state["in_a_row"]
