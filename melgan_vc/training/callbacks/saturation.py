"""Notice a discriminator that the generator can no longer learn from."""

import math
from typing import Any

import lightning as L
import torch
from torch import Tensor

from melgan_vc.training.callbacks.checks import check_number, check_whole
from melgan_vc.training.callbacks.guard import Guard
from melgan_vc.training.module import MelganVC
from melgan_vc.training.ranks import averaged

LOOK_EVERY = 50  # batches
HALVES = ("discriminator/hinge_real", "discriminator/hinge_fake")


class Saturation(Guard):
    """The discriminator's loss, averaged over batches, is near zero (it sees through everything) or far over one (it
    knows less than a coin and swings; a discriminator that always says 0 has a loss of one).

    Args:
        window: batches that the running average reaches back; it starts at 1, so a low one needs several windows.
        low, high: of the mean of the two hinge losses.
    """

    name = "saturation"

    def __init__(self, window: int = 100, low: float = 0.02, high: float = 1.5, **settings: Any) -> None:
        super().__init__(**settings)
        self.window = check_whole("callbacks.saturation.window", window)
        self.low = check_number("callbacks.saturation.low", low)
        self.high = check_number("callbacks.saturation.high", high)
        self.average = 1.0  # of an untrained discriminator
        self.batches = 0
        self.pending: list[Tensor] = []  # losses that are not in the average yet: no wait for a GPU at every batch

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        real, fake = (module.latest.get(name) for name in HALVES)
        if not (isinstance(real, Tensor) and isinstance(fake, Tensor)):
            return  # without a hinge loss there is nothing to judge by
        self.batches += 1
        self.pending += (real, fake)
        if self.batches % LOOK_EVERY == 0:
            self.catch_up()
            if self.batches > LOOK_EVERY:
                self.judge(trainer, module, self.average)

    def catch_up(self) -> None:
        """Let the average follow all losses so far."""
        if self.pending:
            losses = iter(averaged(torch.stack(self.pending).tolist()))
            for real, fake in zip(losses, losses, strict=True):
                if math.isfinite(real + fake):
                    self.average += ((real + fake) / 2 - self.average) / self.window
        self.pending.clear()

    def judge(self, trainer: L.Trainer, module: MelganVC, average: float) -> None:
        if average < self.low:
            self.found(
                trainer,
                module,
                f"the discriminator sees through every conversion (mean loss {average:.3f})",
                "The generator learns little from it: lower optim.discriminator.lr, or say stability=[augment]",
            )
        elif average > self.high:
            self.found(
                trainer,
                module,
                f"the discriminator swings (mean loss {average:.1f}, 1 is guessing)",
                "Its rate is too high: lower optim.discriminator.lr, or say stability=[clip]",
            )
        else:
            self.fine()

    def state_dict(self) -> dict[str, Any]:
        self.catch_up()
        return super().state_dict() | {"average": self.average, "batches": self.batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.average, self.batches = state["average"], state["batches"]
