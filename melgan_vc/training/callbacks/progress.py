"""A bar that counts batches."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm


class BatchProgress(TQDMProgressBar):
    """Batches done, batches a second and time left.

    Args:
        refresh_every: batches between two updates of the bar.
    """

    def __init__(self, refresh_every: int = 20) -> None:
        super().__init__(refresh_rate=refresh_every)

    def init_train_tqdm(self) -> Tqdm:
        bar = super().init_train_tqdm()
        bar.unit = "batch"
        bar.bar_format = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
        return bar

    def on_train_epoch_start(self, trainer: L.Trainer, *_: Any) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description("training")

    def get_metrics(self, *_: Any) -> dict[str, Any]:
        return {}  # losses go to the loggers: a bar with ten numbers is not read
