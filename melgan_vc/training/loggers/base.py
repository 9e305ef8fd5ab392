"""What a logger of ours can do beyond Lightning's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = ("source", "converted", "target")  # of sounds and pictures, as they are shown


@dataclass(frozen=True)
class Start:
    """How a training starts.

    Attributes:
        config: of the run, plain and resolved.
        about: what the training is, see :class:`melgan_vc.training.module.MelganVC`.
        batch_count: batches that were trained before; what was logged after them is dropped.
        exact: whether batches that are trained again are the same as before.
        memory: what :meth:`RunLogger.memory` gave to the checkpoint that the training resumes from.
    """

    config: Mapping[str, Any]
    about: Mapping[str, Any]
    batch_count: int = 0
    exact: bool = True
    memory: Mapping[str, Any] = field(default_factory=dict)


class RunLogger:
    """Mixed into Lightning's loggers; all against the batch count."""

    def begin(self, start: Start) -> None:
        """Prepare for a training; called once, before anything is logged."""

    def memory(self) -> dict[str, Any]:
        """Return what the checkpoint must keep for this logger, in plain values."""
        return {}

    def show(self, batch: int, folder: Path) -> None:
        """Show the clips of a validation: NAME_KIND.wav and NAME_KIND.png of each, in a folder."""

    def publish(self, bundle: Path, measures: Mapping[str, float]) -> None:
        """Publish the bundle of a training."""

    def close(self, failed: bool) -> None:
        """Finish logging; called once, at the end."""
