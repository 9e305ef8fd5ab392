"""What a validation found, and who wants to know."""

import logging
import math
from dataclasses import dataclass

import lightning as L
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.measures.better import BETTER

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """A held-out recording of the source before and after translation, and one of the target to compare with.

    Attributes:
        name: of the clip, "01" and so on.
        mels: (M, T) each, by "source", "converted" and, where there is one, "target".
        waveforms: (N,) each, through the same inversion, by the same names.
        figure: the mels, one under the other.
    """

    name: str
    mels: dict[str, Tensor]
    waveforms: dict[str, np.ndarray]
    figure: Figure


@dataclass(frozen=True)
class HeldOut:
    """One validation.

    Attributes:
        batch: the batch count of the networks that were measured.
        measures: by name, without the group.
        clips: to listen to and to look at.
        sample_rate: of the waveforms, in Hz.
        final: whether the training has ended. The last checkpoint is written by then, and nothing that follows from
            this validation is in it: a training that is resumed is the same as one that never paused here.
    """

    batch: int
    measures: dict[str, float]
    clips: tuple[Clip, ...]
    sample_rate: int
    final: bool = False


class Monitor:
    """One held-out measure, watched for getting better.

    Args:
        owner: whose settings these are, for errors.
        measure: its name.
        mode: "min" if less of it is better, else "max".
    """

    def __init__(self, owner: str, measure: str, mode: str) -> None:
        if measure not in BETTER:
            raise UserError(f"{owner}.monitor is {measure!r}: give one of {', '.join(BETTER)}")
        if mode not in ("min", "max"):
            raise UserError(f"{owner}.mode is {mode!r}: give min or max")
        self.owner, self.measure = owner, measure
        self.sign = 1 if mode == "max" else -1
        self.told = False

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


class HeldOutListener(L.Callback):
    """A callback that is told of each validation."""

    def on_held_out(self, trainer: L.Trainer, module: L.LightningModule, outcome: HeldOut) -> None:
        """Called after each validation, in the order of the callbacks."""
        raise NotImplementedError
