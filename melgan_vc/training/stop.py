"""Ctrl-C and SIGTERM end a training between two batches, where its state is whole."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning as L

log = logging.getLogger(__name__)


class Stop(L.Callback):
    """Ends the training after the batch in which a signal came; a second Ctrl-C ends it at once.

    Attributes:
        signal: that came, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """As shells count: 128 and the signal's number."""
        assert self.signal is not None
        return 128 + self.signal

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        log.warning("stopping after this batch; Ctrl-C again stops at once, without a checkpoint")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take both signals while the body runs; only the main thread of a process can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.receive) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if self.signal is not None:
            trainer.should_stop = True
