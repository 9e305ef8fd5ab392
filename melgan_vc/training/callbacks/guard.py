"""What all guards share: they warn, and end the training if they are told to."""

import logging

import lightning as L

from melgan_vc.errors import UserError
from melgan_vc.training.callbacks.checks import check_whole
from melgan_vc.training.module import MelganVC

log = logging.getLogger(__name__)
ACTIONS = ("warn", "stop")


class Guard(L.Callback):
    """Counts findings in a row.

    Args:
        action: "warn" says what was found, once in a row; "stop" later also ends the training, with a checkpoint and
            a bundle.
        warn_after, stop_after: findings in a row.
    """

    name: str  # of its config file

    def __init__(self, action: str = "warn", warn_after: int = 1, stop_after: int = 3) -> None:
        if action not in ACTIONS:
            raise UserError(f"callbacks.{self.name}.action is {action!r}: give one of {', '.join(ACTIONS)}")
        check_whole(f"callbacks.{self.name}.warn_after", warn_after)
        check_whole(f"callbacks.{self.name}.stop_after", stop_after)
        self.action = action
        self.warn_after = warn_after
        self.stop_after = stop_after
        self.in_a_row = 0

    def found(self, trainer: L.Trainer, module: MelganVC, finding: str, remedy: str, only_warn: bool = False) -> None:
        """Warn of a finding, or stop the training, where it was made often enough in a row.

        Args:
            trainer, module: of the training.
            finding: what is wrong.
            remedy: what to change.
            only_warn: whether the training has ended, so that there is nothing to stop.
        """
        self.in_a_row += 1
        if self.in_a_row == self.warn_after:
            log.warning("warning: batch %d: %s. %s", module.batch_count, finding, remedy)
        if self.action == "stop" and not only_warn and self.in_a_row >= self.stop_after:
            module.failure = f"stopped at batch {module.batch_count} by callbacks.{self.name}: {finding}. {remedy}"
            trainer.should_stop = True

    def fine(self) -> None:
        """Nothing is wrong at this look."""
        self.in_a_row = 0

    def state_dict(self) -> dict[str, int]:
        return {"in_a_row": self.in_a_row}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.in_a_row = state["in_a_row"]
