"""Ctrl-C, SIGTERM and a closed terminal end a training between two batches, where its state is whole."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning as L

from melgan_vc.training.ranks import agreed, world

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(L.Callback):
    """Ends the training after the batch in which a signal came to any process; a second Ctrl-C ends it at once.

    It stands after all callbacks that end a training, so that all processes do so together.

    Attributes:
        signal: that came, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.parent = os.getppid()
        self.heard: list[signal.Signals] = []

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
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self.heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
        self.listen()
        try:
            yield
        finally:
            for number in self.heard:
                signal.signal(number, before[number])

    def listen(self) -> None:
        for number in self.heard:
            signal.signal(number, self.receive)

    def on_train_start(self, *_: Any) -> None:
        # Lightning has put a handler of its own before ours: it talks to the other processes in the middle of a step.
        self.listen()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if world() > 1 and os.getppid() != self.parent and self.signal is None:
            self.receive(signal.SIGHUP, None)  # what started the processes was killed
        number, stops = agreed(self.signal or 0, trainer.should_stop or self.signal is not None)
        if number:  # else a signal may have come since
            self.signal = int(number)
        trainer.should_stop = bool(stops)
