"""Ctrl-C, SIGTERM and a closed terminal end a training between two batches, where its state is whole."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning as L

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        hint = "; Ctrl-C again stops at once, without a checkpoint" if number == signal.SIGINT else ""
        log.warning("%s: stopping after this batch%s", signal.Signals(number).name, hint)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals while the body runs; only the main thread of a process can.

        One that is ignored stays so: nohup ignores SIGHUP.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self.receive) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if self.signal is not None:
            trainer.should_stop = True
