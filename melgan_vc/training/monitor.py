"""A held-out measure that is watched for getting better."""

import logging
import math

from melgan_vc.errors import UserError
from melgan_vc.measures.better import BETTER, NO_WAY
from melgan_vc.training.held_out import HeldOut

log = logging.getLogger(__name__)
AUTO = "auto"
PREFERRED = ("quality", "mel_distance")  # what AUTO watches: the first that is measured


class Monitor:
    """Watches one measure.

    Args:
        owner: whose settings these are, for errors.
        measure: its name.
        mode: "min" if less of it is better, else "max"; None for the way that the measure is known to have.

    Raises:
        UserError: there is no such measure, or it does not get better that way.
    """

    def __init__(self, owner: str, measure: str, mode: str | None = None) -> None:
        if measure not in BETTER:
            raise UserError(f"{owner}.monitor is {measure!r}: give one of {', '.join(BETTER)}")
        way = BETTER[measure]
        if mode not in ("min", "max", None):
            raise UserError(f"{owner}.mode is {mode!r}: give min or max, or null for the measure's own way")
        if mode is None and way == NO_WAY:
            raise UserError(f"{owner}.mode is null, but {measure} has no way to get better: give min or max")
        if mode is not None and way not in (mode, NO_WAY):
            better = "less" if way == "min" else "more"
            raise UserError(f"{owner}.mode is {mode}, but {better} {measure} is better: give {owner}.mode=null")
        self.owner, self.measure = owner, measure
        self.sign = sign_of(mode or way)
        self.told = False

    @property
    def name(self) -> str:
        """What a checkpoint keeps of it."""
        return self.measure

    def resumed(self, name: str) -> "Monitor | None":
        """Return the monitor of a resumed run; None where its scores until now are those of another measure.

        Args:
            name: of the monitor that the run had.
        """
        return self if name == self.measure else None

    def choose(self, outcome: HeldOut) -> bool:
        """Choose the measure by what a validation has; tells whether scores until now are those of another one."""
        return False

    def score(self, outcome: HeldOut) -> float | None:
        """The measure, more of it being better; None, with a warning, where it is not measured or not a number."""
        value = outcome.measures.get(self.measure, math.nan)
        if math.isfinite(value):
            return self.sign * value
        if not self.told:
            reason = "is not measured" if self.measure not in outcome.measures else "is not a number"
            log.warning("warning: batch %d: %s %s, so %s does nothing", outcome.batch, self.measure, reason, self.owner)
        self.told = True
        return None


class AutoMonitor(Monitor):
    """Watches the first of PREFERRED that the first validation measures, or what a resumed run was ranked by before.

    Args:
        owner: see :class:`Monitor`.
        measure: that a resumed run was ranked by; None for none yet.
    """

    def __init__(self, owner: str, measure: str | None = None) -> None:
        super().__init__(owner, measure or PREFERRED[-1])
        self.is_chosen = self.is_resumed = measure is not None

    @property
    def name(self) -> str:
        return self.measure if self.is_chosen else AUTO

    def resumed(self, name: str) -> Monitor | None:
        known = BETTER.get(name, NO_WAY) != NO_WAY
        return AutoMonitor(self.owner, name if known else None) if known or name == AUTO else None

    def choose(self, outcome: HeldOut) -> bool:
        preferred = next((name for name in PREFERRED if name in outcome.measures), None)
        is_resumed, self.is_resumed = self.is_resumed, False
        if preferred is None:
            return False
        if self.is_chosen and self.measure in outcome.measures:
            if is_resumed and preferred == PREFERRED[0] and self.measure != preferred:
                log.info("the best is still that by %s; %s.monitor=%s changes it", self.measure, self.owner, preferred)
            return False
        was_other = self.is_chosen
        if was_other:
            log.warning(
                "warning: batch %d: %s is no longer measured, so the best is that by %s from here on",
                outcome.batch, self.measure, preferred,
            )  # fmt: skip
        self.measure, self.sign = preferred, sign_of(BETTER[preferred])
        self.is_chosen, self.told = True, False
        return was_other


def sign_of(mode: str) -> int:
    """Return what makes more of a measure better."""
    return 1 if mode == "max" else -1


def monitor_of(owner: str, measure: str, mode: str | None) -> Monitor:
    """Return the monitor that settings ask for, AUTO for one that chooses.

    Args:
        owner, measure, mode: see :class:`Monitor`.

    Raises:
        UserError: see :class:`Monitor`.
    """
    if measure not in (AUTO, *BETTER):
        raise UserError(f"{owner}.monitor is {measure!r}: give one of {', '.join(BETTER)}, or {AUTO}")
    if measure != AUTO:
        return Monitor(owner, measure, mode)
    if mode is not None:
        raise UserError(f"{owner}.mode is {mode!r}: give null with {owner}.monitor=auto, or name a measure")
    return AutoMonitor(owner)
