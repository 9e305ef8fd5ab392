"""Guards that look at the measures of each validation."""

from typing import Any

import lightning as L

from melgan_vc.training.callbacks.checks import check_number
from melgan_vc.training.callbacks.guard import Guard
from melgan_vc.training.held_out import HeldOut, HeldOutListener
from melgan_vc.training.module import MelganVC


class HeldOutGuard(Guard, HeldOutListener):
    """Finds fault when a measure is on the wrong side of a limit."""

    measure: str

    def __init__(self, limit: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.limit = check_number(f"callbacks.{self.name}.limit", limit)

    def is_wrong(self, value: float) -> bool:
        return value < self.limit

    def words(self, value: float) -> tuple[str, str]:
        """What was found, and what to do."""
        raise NotImplementedError

    def on_held_out(self, trainer: L.Trainer, module: MelganVC, outcome: HeldOut) -> None:  # type: ignore[override]
        value = outcome.measures[self.measure]
        if self.is_wrong(value):
            self.found(trainer, module, *self.words(value), only_warn=outcome.final)
        else:
            self.fine()


class Collapse(HeldOutGuard):
    """Held-out conversions too alike across inputs.

    Args:
        limit: of the measure ``spread``.
    """

    name, measure = "collapse", "spread"

    def __init__(self, limit: float = 0.1, **settings: Any) -> None:
        super().__init__(limit, **settings)

    def words(self, value: float) -> tuple[str, str]:
        return (
            f"conversions of different recordings are almost the same (spread {value:.2f}; 1 is as varied as they are)",
            "The generator has collapsed: lower both rates (optim.generator.lr, optim.discriminator.lr), or raise "
            "losses.travel.weight and losses.margin.weight",
        )


class Identity(HeldOutGuard):
    """Held-out conversions too like their sources.

    Args:
        limit: of the measure ``change``.
    """

    name, measure = "identity", "change"

    def __init__(self, limit: float = 0.15, **settings: Any) -> None:
        super().__init__(limit, **settings)

    def words(self, value: float) -> tuple[str, str]:
        return (
            f"conversions are almost their own sources (change {value:.2f}, 1 is as far as two parts of the source)",
            "The generator returns its input: lower losses.identity.weight and losses.travel.weight, or raise "
            "optim.discriminator.lr",
        )


class Silence(HeldOutGuard):
    """Silence that turns into voice.

    A young generator does so too, so the guard waits for several findings.

    Args:
        limit: of the measure ``silence_level``, in dB.
    """

    name, measure = "silence", "silence_level"

    def __init__(self, limit: float = -15.0, warn_after: int = 3, **settings: Any) -> None:
        super().__init__(limit, warn_after=warn_after, **settings)

    def is_wrong(self, value: float) -> bool:
        return value > self.limit

    def words(self, value: float) -> tuple[str, str]:
        return (
            f"silence is converted into sound, {value:+.0f} dB against converted recordings",
            "The source's recordings may have no pauses, or noise in them: leave some silence in them, or gate the "
            "noise; more training helps too",
        )
