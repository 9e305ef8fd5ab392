"""Microphone and speakers, by PortAudio."""

import queue
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from melgan_vc.errors import UserError

MOST = 100  # blocks that wait to be converted; where computing is too slow, more are lost instead of kept


def portaudio() -> ModuleType:
    """The library that speaks to devices.

    Raises:
        UserError: it, or PortAudio, is not installed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise UserError("microphone and speakers need sounddevice: pip install 'melgan_vc[live]'") from error
    except OSError as error:
        raise UserError(
            "microphone and speakers need PortAudio (Debian: libportaudio2; macOS and Windows bring it); or use stdin "
            "and stdout"
        ) from error
    return sounddevice


class Fifo:
    """Samples that wait to be played. After a gap there are as many more of them: playing is later, and the next gap
    less likely.

    Args:
        channels: (C).
        delay: samples of silence that are played first, so that none is missing later.
    """

    def __init__(self, channels: int, delay: int) -> None:
        self.lock = threading.Lock()
        self.waiting = np.zeros((delay, channels), np.float32)
        self.dropouts = 0

    def put(self, block: np.ndarray) -> None:
        """Add samples (N, C)."""
        with self.lock:
            self.waiting = np.concatenate([self.waiting, block])

    def take(self, out: np.ndarray) -> None:
        """Fill a block (N, C); with silence, and counted as a drop-out, where too few samples wait."""
        with self.lock:
            some, self.waiting = self.waiting[: len(out)], self.waiting[len(out) :]
        out[: len(some)] = some
        out[len(some) :] = 0
        self.dropouts += len(some) < len(out)


class Devices:
    """Input and output devices while they are open.

    Args:
        sample_rate: in Hz.
        channels: (C) of both.
        block: samples that come at a time.
        delay: samples that playing is behind.
        names: of the devices for input and output; None is the system's choice.
    """

    def __init__(
        self, sample_rate: int, channels: int, block: int, delay: int, names: tuple[str | int | None, str | int | None]
    ) -> None:
        library = portaudio()
        self.heard: queue.Queue[np.ndarray | None] = queue.Queue()
        self.played = Fifo(channels, delay)
        self.overflows = 0
        try:
            self.stream = library.Stream(
                sample_rate, block, names, channels, "float32", callback=self.callback,
                finished_callback=lambda: self.heard.put(None),
            )  # fmt: skip
        except (library.PortAudioError, ValueError) as error:
            raise UserError(
                f"the sound devices cannot be opened ({error}); python -m sounddevice lists them"
            ) from error

    def callback(self, given: np.ndarray, out: np.ndarray, frames: int, time: Any, status: Any) -> None:
        """Called by PortAudio in a thread of its own."""
        full = self.heard.qsize() >= MOST
        self.overflows += full or bool(status.input_overflow)
        if not full:
            self.heard.put(given.copy())
        self.played.take(out)

    def run(self, step: Callable[[np.ndarray], np.ndarray]) -> Iterator[None]:
        """Convert what is heard until the stream ends; yields after each block."""
        with self.stream:
            while (block := self.heard.get()) is not None:
                self.played.put(step(block))
                yield
