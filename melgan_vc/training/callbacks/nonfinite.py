"""Survive losses and gradients that are NaN or infinite."""

import logging
import math
from dataclasses import dataclass
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
from melgan_vc.training.ranks import agreed, world

log = logging.getLogger(__name__)
ACTIONS = ("roll_back", "skip", "stop")


@dataclass
class Verdict:
    """On an update.

    Attributes:
        batch: that it belongs to.
        group: of losses.
        finite: (2,) whether the loss is, and whether the loss and all gradients are: on its way from a GPU, if any.
        there: when it has arrived.
    """

    batch: int
    group: str
    finite: Tensor
    there: torch.cuda.Event | None


class NonFinite(L.Callback):
    """Leaves out the updates of a batch whose losses or gradients are not finite, and its share in the batch norms.

    A GPU leaves them out by itself, and what it found is looked at a batch later, when it has long begun the next one:
    else it would wait for Python at every update. The moving average then goes a step on towards weights that stayed.

    Args:
        action: after ``patience`` such updates of one optimizer in a row: "roll_back" to the last good checkpoint with
            a lower rate, "stop" the training, or "skip" on.
        patience: updates in a row.
        lower: what the rates are multiplied by at each going back.
        most: times to go back before the training is ended.
        lag: batches from an update to the look at it; None for 1 where a GPU can leave out updates, else 0.
    """

    def __init__(
        self,
        action: str = "roll_back",
        patience: int = 10,
        lower: float = 0.5,
        most: int = 3,
        lag: int | None = None,
    ) -> None:
        if action not in ACTIONS:
            raise UserError(f"callbacks.nonfinite.action is {action!r}: give one of {', '.join(ACTIONS)}")
        check_whole("callbacks.nonfinite.patience", patience)
        check_whole("callbacks.nonfinite.most", most, lowest=0)
        check_number("callbacks.nonfinite.lower", lower, above=0, most=1)
        if lag is not None:
            check_whole("callbacks.nonfinite.lag", lag, lowest=0)
        self.action, self.patience, self.lower, self.most, self.asked_lag = action, patience, lower, most, lag
        self.lag = 0
        self.times = 0  # gone back
        self.ended = False  # the training, by this
        self.in_a_row = dict.fromkeys(GROUPS, 0)  # updates left out
        self.found: str | None = None  # what was not finite in the batch that is looked at
        self.verdicts: list[Verdict] = []  # that were not looked at yet
        self.buffers: list[Tensor] = []
        self.kept: dict[int, list[Tensor]] = {}  # the buffers before a batch

    def on_train_start(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        # Batch norms, of networks and average, see the data; spectral norms see the weights alone.
        found = ((name, value) for name, value in module.named_buffers() if value.is_floating_point())
        self.buffers = [value for name, value in found if ".parametrizations." not in name]
        alone = world() == 1 and getattr(trainer.precision_plugin, "scaler", None) is None
        able = alone and all(getattr(one, "_step_supports_amp_scaling", False) for one in trainer.optimizers)
        wanted = (1 if module.device.type == "cuda" else 0) if self.asked_lag is None else self.asked_lag
        self.lag = wanted if able else 0
        module.settle = lambda: self.look(trainer, module, module.batch_count)

    def on_train_batch_start(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if not self.buffers:  # without a norm there are none
            return
        spare = self.kept.pop(min(self.kept)) if len(self.kept) > self.lag else [one.clone() for one in self.buffers]
        torch._foreach_copy_(spare, self.buffers)
        self.kept[module.batch_count] = spare

    def on_before_optimizer_step(self, trainer: L.Trainer, module: MelganVC, optimizer: Optimizer) -> None:  # type: ignore[override]
        group = GROUPS[trainer.optimizers.index(optimizer)]
        loss = module.latest[f"{group}/total"]
        assert isinstance(loss, Tensor)
        trained = (parameter for entry in optimizer.param_groups for parameter in entry["params"])
        whole = loss + total_norm(trained)  # one look at all that is there
        if self.lag:
            optimizer.found_inf = (~torch.isfinite(whole)).float()  # type: ignore[attr-defined]  # and so it does nothing
            self.verdicts.append(verdict(module.batch_count, group, torch.isfinite(torch.stack([loss, whole]))))
            return
        if not agreed(not math.isfinite(whole))[0]:  # the same answer in all processes
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
        self.left_out(group, math.isfinite(loss))

    def left_out(self, group: str, loss_is_finite: bool) -> None:
        self.in_a_row[group] += 1
        self.found = f"the {group}'s {'gradient' if loss_is_finite else 'loss'}"

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if self.lag:
            self.look(trainer, module, module.batch_count - self.lag)
        else:
            self.conclude(trainer, module, module.batch_count)

    def look(self, trainer: L.Trainer, module: MelganVC, until: int) -> None:
        """Take in what was found about the updates of so many batches, one batch after the other."""
        while not self.ended and self.verdicts and self.verdicts[0].batch < until:
            batch = self.verdicts[0].batch
            while self.verdicts and self.verdicts[0].batch == batch:
                one = self.verdicts.pop(0)
                if one.there is not None:
                    one.there.synchronize()
                loss, whole = one.finite.tolist()
                if whole:
                    self.in_a_row[one.group] = 0
                else:
                    self.left_out(one.group, loss)
            self.conclude(trainer, module, batch + 1)

    def on_train_end(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        module.settle()
        for optimizer in trainer.optimizers if self.lag else ():
            optimizer.found_inf = None  # type: ignore[attr-defined]

    def conclude(self, trainer: L.Trainer, module: MelganVC, batch: int) -> None:
        """What follows from the updates of a batch, counted from 1."""
        before, module.bad_batches = module.bad_batches, max(self.in_a_row.values())
        found, self.found = self.found, None
        if found is None:
            return
        if self.buffers:
            good = self.kept[batch - 1]
            for later in (self.buffers, *(one for number, one in self.kept.items() if number >= batch)):
                torch._foreach_copy_(later, good)
        if before == 0:
            log.warning("warning: batch %d: %s is not finite; its update is left out", batch, found)
        if module.bad_batches < self.patience or self.action == "skip":
            return
        paths = list(candidates(Path(trainer.default_root_dir) / FOLDER))
        if self.action == "roll_back" and paths and self.times < self.most:
            self.roll_back(trainer, module, paths)
            return
        tried = f"{self.times} times back to a checkpoint did not help" if paths else "no checkpoint to go back to"
        module.failure = (
            f"stopped at batch {batch}: {found} was not finite {module.bad_batches} times in a row; "
            f"lower optim.generator.lr and optim.discriminator.lr, or say stability=[clip]"
            + (f" ({tried})" if self.action == "roll_back" else "")
        )
        self.ended = trainer.should_stop = True

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
        self.verdicts.clear()  # on networks that are no more
        module.bad_batches = 0

    def state_dict(self) -> dict[str, Any]:
        return {"times": self.times, "in_a_row": dict(self.in_a_row)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.times, self.in_a_row = state["times"], dict(state["in_a_row"])


def verdict(batch: int, group: str, finite: Tensor) -> Verdict:
    """On its way from a GPU without waiting for it, if it comes from one."""
    if finite.device.type != "cuda":
        return Verdict(batch, group, finite, None)
    here = torch.empty(finite.shape, dtype=finite.dtype, pin_memory=True).copy_(finite, non_blocking=True)
    there = torch.cuda.Event()
    there.record()
    return Verdict(batch, group, here, there)


def spoil(optimizer: Optimizer) -> None:
    """Make every gradient NaN."""
    for entry in optimizer.param_groups:
        for parameter in entry["params"]:
            if parameter.grad is not None:
                parameter.grad.fill_(torch.nan)
