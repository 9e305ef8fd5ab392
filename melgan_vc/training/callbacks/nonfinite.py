"""Survive losses and gradients that are NaN or infinite."""

import logging
import math
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from melgan_vc.errors import UserError
from melgan_vc.training.callbacks.checks import check_number, check_whole
from melgan_vc.training.checkpoint_files import FOLDER, candidates, newest_readable
from melgan_vc.training.gradients import total_norm
from melgan_vc.training.module import GROUPS, MelganVC
from melgan_vc.training.optimizers import restore_settings
from melgan_vc.training.ranks import agreed

log = logging.getLogger(__name__)
ACTIONS = ("roll_back", "skip", "stop")


class NonFinite(L.Callback):
    """Leaves out the updates of a batch whose losses or gradients are not finite, and its share in the batch norms.

    Args:
        action: after ``patience`` such updates of one optimizer in a row: "roll_back" to the last good checkpoint with
            a lower rate, "stop" the training, or "skip" on.
        patience: updates in a row.
        lower: what the rates are multiplied by at each going back.
        most: times to go back before the training is ended.
    """

    def __init__(self, action: str = "roll_back", patience: int = 10, lower: float = 0.5, most: int = 3) -> None:
        if action not in ACTIONS:
            raise UserError(f"callbacks.nonfinite.action is {action!r}: give one of {', '.join(ACTIONS)}")
        check_whole("callbacks.nonfinite.patience", patience)
        check_whole("callbacks.nonfinite.most", most, lowest=0)
        check_number("callbacks.nonfinite.lower", lower, above=0, most=1)
        self.action, self.patience, self.lower, self.most = action, patience, lower, most
        self.times = 0  # gone back
        self.in_a_row = dict.fromkeys(GROUPS, 0)  # updates left out
        self.found: str | None = None  # what was not finite in this batch
        self.buffers: list[Tensor] = []
        self.kept: list[Tensor] = []

    def on_train_start(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        # Batch norms, of networks and average, see the data; spectral norms see the weights alone.
        found = ((name, value) for name, value in module.named_buffers() if value.is_floating_point())
        self.buffers = [value for name, value in found if ".parametrizations." not in name]
        self.kept = [buffer.clone() for buffer in self.buffers]

    def on_train_batch_start(self, *_: Any) -> None:
        self.found = None
        if self.buffers:  # without a norm there are none
            torch._foreach_copy_(self.kept, self.buffers)

    def on_before_optimizer_step(self, trainer: L.Trainer, module: MelganVC, optimizer: Optimizer) -> None:  # type: ignore[override]
        group = GROUPS[trainer.optimizers.index(optimizer)]
        loss = module.latest[f"{group}/total"]
        trained = (parameter for entry in optimizer.param_groups for parameter in entry["params"])
        # One look at all that is there, and the same answer in all processes.
        finite = math.isfinite(loss + total_norm(trained))
        if not agreed(not finite)[0]:
            self.in_a_row[group] = 0
            return
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None and math.isfinite(loss) and scaler.get_scale() >= 1:
            return  # float16 gradients overflow now and then: the scaler leaves such a step out and lowers its scale
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            spoil(optimizer)  # the scaler looks for what is not finite inside the step, and then leaves it out
        else:
            optimizer.zero_grad()  # and so the step does nothing
        module.left_out = True
        self.in_a_row[group] += 1
        self.found = f"the {group}'s {'gradient' if math.isfinite(loss) else 'loss'}"

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        before, module.bad_batches = module.bad_batches, max(self.in_a_row.values())
        if self.found is None:
            return
        if self.buffers:
            torch._foreach_copy_(self.buffers, self.kept)
        if before == 0:
            log.warning("warning: batch %d: %s is not finite; its update is left out", module.batch_count, self.found)
        if module.bad_batches < self.patience or self.action == "skip":
            return
        paths = list(candidates(Path(trainer.default_root_dir) / FOLDER))
        if self.action == "roll_back" and paths and self.times < self.most:
            self.roll_back(trainer, module, paths)
            return
        tried = f"{self.times} times back to a checkpoint did not help" if paths else "no checkpoint to go back to"
        module.failure = (
            f"stopped at batch {module.batch_count}: {self.found} was not finite {module.bad_batches} times in a row; "
            f"lower optim.generator.lr and optim.discriminator.lr, or say stability=[clip]"
            + (f" ({tried})" if self.action == "roll_back" else "")
        )
        trainer.should_stop = True

    def roll_back(self, trainer: L.Trainer, module: MelganVC, paths: list[Path]) -> None:
        """The weights and the optimizers of the last good checkpoint, lower rates, and on with the batches to come."""
        _, content = newest_readable(paths)
        trainer.strategy.load_model_state_dict(content)
        trainer.strategy.load_optimizer_state_dict(content)
        restore_settings(trainer.optimizers)
        module.rate_factor *= self.lower
        self.times += 1
        log.warning(
            "warning: batch %d: not finite %d times in a row; back to the networks of batch %d, rates now %g of the "
            "config's",
            module.batch_count,
            module.bad_batches,
            content["batch_count"],
            module.rate_factor,
        )
        self.in_a_row = dict.fromkeys(GROUPS, 0)
        module.bad_batches = 0

    def state_dict(self) -> dict[str, Any]:
        return {"times": self.times, "in_a_row": dict(self.in_a_row)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.times, self.in_a_row = state["times"], dict(state["in_a_row"])


def spoil(optimizer: Optimizer) -> None:
    """Make every gradient NaN."""
    for entry in optimizer.param_groups:
        for parameter in entry["params"]:
            if parameter.grad is not None:
                parameter.grad.fill_(torch.nan)
