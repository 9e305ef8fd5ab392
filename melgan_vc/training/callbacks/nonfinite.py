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
from melgan_vc.training.checkpoint_files import FOLDER, candidates, newest_readable
from melgan_vc.training.module import GROUPS, MelganVC

log = logging.getLogger(__name__)
ACTIONS = ("roll_back", "skip", "stop")
REMEDY = "lower optim.generator.lr and optim.discriminator.lr, or say stability=[clip]"


class NonFinite(L.Callback):
    """Leaves out the updates of a batch whose losses or gradients are not finite, and its share in the batch norms.

    Args:
        action: after ``patience`` such batches in a row: "roll_back" to the last good checkpoint with a lower rate,
            "stop" the training, or "skip" on.
        patience: batches in a row.
        lower: what the rates are multiplied by at each going back.
        most: times to go back before the training is ended.
    """

    def __init__(self, action: str = "roll_back", patience: int = 10, lower: float = 0.5, most: int = 3) -> None:
        if action not in ACTIONS:
            raise UserError(f"callbacks.nonfinite.action is {action!r}: give one of {', '.join(ACTIONS)}")
        if not isinstance(patience, int) or patience < 1:
            raise UserError(f"callbacks.nonfinite.patience is {patience!r}: give a whole number above 0")
        if not (isinstance(lower, int | float) and 0 < lower <= 1):
            raise UserError(f"callbacks.nonfinite.lower is {lower!r}: give a number above 0, at most 1")
        self.action, self.patience, self.lower, self.most = action, patience, lower, most
        self.times = 0  # gone back
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
        torch._foreach_copy_(self.kept, self.buffers)

    def on_before_optimizer_step(self, trainer: L.Trainer, module: MelganVC, optimizer: Optimizer) -> None:  # type: ignore[override]
        group = GROUPS[trainer.optimizers.index(optimizer)]
        loss = module.latest[f"{group}/total"]
        gradients = [p.grad for entry in optimizer.param_groups for p in entry["params"] if p.grad is not None]
        if math.isfinite(loss + torch.stack(torch._foreach_norm(gradients)).sum()):  # one look at all that is there
            return
        good_loss = math.isfinite(loss)
        if getattr(trainer.precision_plugin, "scaler", None) is None:
            optimizer.zero_grad()  # and so the step does nothing
        elif good_loss:
            return  # float16 gradients overflow now and then: the scaler leaves such a step out and lowers its scale
        else:
            spoil(optimizer)  # and so the scaler leaves the step out; it must see gradients
        self.found = f"the {group}'s {'gradient' if good_loss else 'loss'}"

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if self.found is None:
            module.bad_batches = 0
            return
        torch._foreach_copy_(self.buffers, self.kept)
        module.bad_batches += 1
        if module.bad_batches == 1:
            log.warning("warning: batch %d: %s is not finite; its update is left out", module.batch_count, self.found)
        if module.bad_batches >= self.patience and self.action == "stop":
            raise UserError(self.verdict(module))
        if module.bad_batches >= self.patience and self.action == "roll_back":
            self.roll_back(trainer, module)

    def roll_back(self, trainer: L.Trainer, module: MelganVC) -> None:
        """The weights and the optimizers of the last good checkpoint, lower rates, and on with the batches to come."""
        paths = list(candidates(Path(trainer.default_root_dir) / FOLDER))
        if not paths or self.times >= self.most:
            tried = f"{self.times} times back to a checkpoint did not help" if paths else "no checkpoint to go back to"
            raise UserError(f"{self.verdict(module)} ({tried})")
        _, content = newest_readable(paths)
        module.load_state_dict(content["state_dict"])
        for optimizer, state in zip(trainer.optimizers, content["optimizer_states"], strict=True):
            optimizer.load_state_dict(state)
        module.rate_factor *= self.lower
        self.times += 1
        log.warning(
            "warning: batch %d: %d batches in a row were not finite; back to the networks of batch %d, rates now %g of "
            "the config's",
            module.batch_count,
            module.bad_batches,
            content["batch_count"],
            module.rate_factor,
        )
        module.bad_batches = 0

    def verdict(self, module: MelganVC) -> str:
        return (
            f"batch {module.batch_count}: {self.found} was not finite {module.bad_batches} batches in a row; {REMEDY}"
        )

    def state_dict(self) -> dict[str, int]:
        return {"times": self.times}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.times = state["times"]


def spoil(optimizer: Optimizer) -> None:
    """Make every gradient NaN."""
    for entry in optimizer.param_groups:
        for parameter in entry["params"]:
            if parameter.grad is not None:
                parameter.grad.fill_(torch.nan)
