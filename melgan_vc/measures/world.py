"""A voice taken apart and put together again by WORLD (Morise et al., 2016)."""

import logging
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import soxr

from melgan_vc.errors import UserError
from melgan_vc.measures.pitch import HIGHEST_F0, LOWEST_F0

log = logging.getLogger(__name__)
FRAME_MS = 5.0  # from one frame to the next
LOWEST_RATE = 16000  # Hz; below, D4C reads past the few bands that there are, and no two runs are the same


@dataclass(frozen=True)
class Parts:
    """The parts of a recording, frame by frame.

    Attributes:
        f0: (T,) in Hz, 0 where it is unvoiced.
        envelope: (T, F) power spectrum without the harmonics.
        aperiodicity: (T, F) share of noise, 0 to 1.
        sample_rate: in Hz.
    """

    f0: np.ndarray
    envelope: np.ndarray
    aperiodicity: np.ndarray
    sample_rate: int


def world() -> ModuleType:
    """The library.

    Raises:
        UserError: it is not installed.
    """
    try:
        import pyworld
    except ImportError as error:
        raise UserError("this needs WORLD: pip install pyworld-prebuilt (or pyworld, with a compiler)") from error
    return pyworld


def is_installed() -> bool:
    """Tell whether the library is installed; where it is not, a warning says what is then missing."""
    try:
        world()
    except UserError as error:
        log.warning("warning: no MCD, no F0 off and no conversions without training: %s", error)
        return False
    return True


def pitch(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return F0 (T,) in Hz, 0 where it is unvoiced, and the times (T,) in seconds of a waveform (N,)."""
    pyworld, samples = world(), np.ascontiguousarray(waveform, np.float64)
    rough, times = pyworld.dio(samples, sample_rate, f0_floor=LOWEST_F0, f0_ceil=HIGHEST_F0, frame_period=FRAME_MS)
    return pyworld.stonemask(samples, rough, times, sample_rate), times


def pitch_and_envelope(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F0 (T,) in Hz, 0 where it is unvoiced, the envelope (T, F) and the times (T,) in seconds of a waveform (N,)."""
    f0, times = pitch(waveform, sample_rate)
    samples = np.ascontiguousarray(waveform, np.float64)
    return f0, world().cheaptrick(samples, f0, times, sample_rate), times


def raised(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, int]:
    """Return a waveform (N,) at 16 kHz at least, and its sample rate in Hz."""
    if sample_rate < LOWEST_RATE:
        return soxr.resample(waveform, sample_rate, LOWEST_RATE), LOWEST_RATE
    return waveform, sample_rate


def apart(waveform: np.ndarray, sample_rate: int) -> Parts:
    """The parts of a waveform (N,), at 16 kHz at least."""
    waveform, sample_rate = raised(waveform, sample_rate)
    f0, envelope, times = pitch_and_envelope(waveform, sample_rate)
    noise = world().d4c(np.ascontiguousarray(waveform, np.float64), f0, times, sample_rate)
    return Parts(f0, envelope, noise, sample_rate)


def together(parts: Parts, samples: int, sample_rate: int) -> np.ndarray:
    """A waveform (samples,) float32 of parts, at a sample rate in Hz."""
    envelope, noise = (np.ascontiguousarray(one, np.float64) for one in (parts.envelope, parts.aperiodicity))
    found = world().synthesize(parts.f0, envelope, noise, parts.sample_rate, FRAME_MS)
    found = soxr.resample(found, parts.sample_rate, sample_rate)[:samples]
    return np.pad(found, (0, samples - len(found))).astype(np.float32)
