"""How far the learning rates are from those of the config: pure functions of the batch number."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from melgan_vc.errors import UserError

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Linear:
    """1 at first, then in a straight line to 0 (CycleGAN, arXiv:1703.10593, section 4).

    Args:
        end: the batch from which on the factor is 0.
        constant: share of the batches before ``end`` that keeps the factor 1, in [0, 1).
    """

    end: int
    constant: float = 0.5

    def __post_init__(self) -> None:
        check_batches("end", self.end)
        if not isinstance(self.constant, int | float) or not 0 <= self.constant < 1:
            raise UserError(
                f"optim.schedule: constant is {self.constant!r}: give a number from 0 up to, not including, 1"
            )

    def __call__(self, batch: int) -> float:
        start = self.constant * self.end
        return min(1.0, max(0.0, (self.end - batch) / (self.end - start)))


@dataclass(frozen=True)
class Cosine:
    """From 1 down half a cosine wave, without restarts (SGDR, arXiv:1608.03983, eq. 5).

    Args:
        end: the batch from which on the factor is ``final``.
        final: in [0, 1].
    """

    end: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_batches("end", self.end)
        if not isinstance(self.final, int | float) or not 0 <= self.final <= 1:
            raise UserError(f"optim.schedule: final is {self.final!r}: give a number from 0 to 1")

    def __call__(self, batch: int) -> float:
        done = min(1.0, batch / self.end)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Warmup:
    """Up to 1 in equal steps, the first one above 0 (gradual warm-up, arXiv:1706.02677, section 2.2).

    Args:
        batches: how many steps.
    """

    batches: int

    def __post_init__(self) -> None:
        check_batches("batches", self.batches)

    def __call__(self, batch: int) -> float:
        return min(1.0, (batch + 1) / self.batches)


class Product:
    """Several schedules at once: a warm-up and a decay.

    Args:
        schedules: by any name; None stands for none.
    """

    def __init__(self, **schedules: Schedule | None) -> None:
        self.schedules = [schedule for schedule in schedules.values() if schedule is not None]
        for schedule in self.schedules:
            check_schedule(schedule)

    def __call__(self, batch: int) -> float:
        return math.prod(schedule(batch) for schedule in self.schedules)


def check_batches(name: str, batches: int) -> None:
    """Refuse what is not a number of batches."""
    if not isinstance(batches, int) or batches < 1:
        raise UserError(f"optim.schedule: {name} is {batches!r}: give a whole number of batches above 0")


def check_schedule(schedule: object) -> None:
    """Refuse what is not a function of the batch number."""
    if not callable(schedule):
        raise UserError(f"optim.schedule is {schedule!r}: give an entry with a _target_ as in conf/stability, or null")
