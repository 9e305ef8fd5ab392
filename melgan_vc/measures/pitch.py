"""The fundamental frequency (F0) of a voice, frame by frame."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import librosa
import numpy as np
import soxr

from melgan_vc.errors import UserError

log = logging.getLogger(__name__)
LOWEST_F0, HIGHEST_F0 = 60.0, 420.0  # Hz, of speech
F0_RATE = 16000  # Hz
TRACKERS = ("swift_f0", "pyin")
VOICED = 0.5  # SwiftF0's confidence from which its authors call a frame voiced


@dataclass(frozen=True)
class Contour:
    """The F0 of a recording.

    Attributes:
        f0: (T,) in Hz; 0 where a frame is unvoiced.
        rate: frames a second.
    """

    f0: np.ndarray
    rate: float

    @property
    def voiced(self) -> np.ndarray:
        """The F0 of the voiced frames (K,) in Hz."""
        return self.f0[self.f0 > 0]


Track = Callable[[np.ndarray, int], Contour]  # a waveform (N,) and its sample rate in Hz


class SwiftF0:
    """SwiftF0 (arXiv:2508.18440), a small network whose weights come with its package; frames of 16 ms.

    Args:
        lowest, highest: F0 in Hz that is searched for.

    Raises:
        UserError: the package is not installed.
    """

    def __init__(self, lowest: float = LOWEST_F0, highest: float = HIGHEST_F0) -> None:
        try:
            import swift_f0
        except ImportError as error:
            raise UserError(f"pitch=swift_f0: {error}; run pip install swift-f0, or use pitch=pyin") from error
        self.lowest, self.highest = lowest, highest
        self.rate = 1 / swift_f0.core.FRAME_PERIOD
        self.detector = swift_f0.SwiftF0(threads=1, spin=False)

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> Contour:
        speech = heard(waveform, sample_rate)
        if not len(speech):
            return Contour(np.zeros(0), self.rate)
        found = self.detector.detect(speech, F0_RATE, self.lowest, self.highest)
        return Contour(np.where(found.confidence >= VOICED, found.pitch_hz, 0.0), self.rate)


class Pyin:
    """pYIN (Mauch and Dixon, 2014) by librosa, with steps of a tenth of a semitone; frames of 32 ms.

    Args:
        lowest, highest: F0 in Hz that is searched for.
    """

    def __init__(self, lowest: float = LOWEST_F0, highest: float = HIGHEST_F0) -> None:
        self.lowest, self.highest = lowest, highest

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> Contour:
        speech = heard(waveform, sample_rate)
        hop = 512
        if not len(speech):
            return Contour(np.zeros(0), F0_RATE / hop)
        f0, voiced, _ = librosa.pyin(
            speech, fmin=self.lowest, fmax=self.highest, sr=F0_RATE, hop_length=hop, resolution=0.1
        )
        return Contour(np.where(voiced, f0, 0.0), F0_RATE / hop)


def heard(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return a waveform (N,) at the trackers' rate; empty where nothing in it moves, for they find F0 in silence."""
    if not len(waveform) or not np.ptp(waveform) > 0:
        return np.zeros(0, np.float32)
    return soxr.resample(np.asarray(waveform, np.float32), sample_rate, F0_RATE)


@lru_cache
def tracker(name: str = "swift_f0") -> Track:
    """Return a tracker by its name, ``swift_f0`` or ``pyin``; pYIN, with a warning, where SwiftF0 is not installed."""
    if name == "swift_f0":
        try:
            return SwiftF0()
        except UserError as error:
            log.warning("warning: F0 is measured by pYIN: %s", error)
    return Pyin()
