"""What a validation found, and who wants to know."""

from dataclasses import dataclass

import lightning as L
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor


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


class HeldOutListener(L.Callback):
    """A callback that is told of each validation."""

    def on_held_out(self, trainer: L.Trainer, module: L.LightningModule, outcome: HeldOut) -> None:
        """Called after each validation, in the order of the callbacks."""
        raise NotImplementedError
