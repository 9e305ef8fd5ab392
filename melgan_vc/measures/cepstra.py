"""Likeness of two recordings of one sentence: mel-cepstra, pitch and voicing after dynamic time warping.

WORLD takes a voice apart, librosa aligns.
"""

from dataclasses import dataclass
from functools import lru_cache

import librosa
import numpy as np
from scipy.optimize import minimize_scalar

from melgan_vc.measures.world import pitch_and_envelope

ORDER = 24  # of mel-cepstra, as most papers have it; without the zeroth, the power
DECIBEL = 10 * np.sqrt(2) / np.log(10)  # of a distance of mel-cepstra
CENTS = 1200.0  # in an octave
FEWEST = 10  # frames that a correlation can be told from; of two it is always 1 or -1
STILL = 1e-6  # octaves that are rounding


@dataclass(frozen=True)
class Voice:
    """A recording, frame by frame.

    Attributes:
        cepstra: (T, ORDER + 1) mel-cepstral coefficients, the first one being the power's.
        f0: (T,) in Hz, 0 where it is unvoiced.
    """

    cepstra: np.ndarray
    f0: np.ndarray


@dataclass(frozen=True)
class Likeness:
    """Likeness of a recording to a reference of the same sentence.

    Attributes:
        mcd: mel-cepstral distortion in dB, mean over the aligned frames.
        f0_cents: root mean square difference of log F0 in cents, where both are voiced; NaN where they never are.
        f0_correlation: of log F0 there; NaN for fewer than 10 frames, or where one never changes.
        voicing: F1 score of being voiced; NaN where nothing is voiced in either.
    """

    mcd: float
    f0_cents: float
    f0_correlation: float
    voicing: float


def analysed(waveform: np.ndarray, sample_rate: int) -> Voice:
    """Mel-cepstra and pitch of a waveform (N,)."""
    f0, envelope, _ = pitch_and_envelope(waveform, sample_rate)
    return Voice(mel_cepstra(envelope, sample_rate), f0)


def mel_cepstra(envelope: np.ndarray, sample_rate: int, order: int = ORDER) -> np.ndarray:
    """Mel-cepstra (T, order + 1) of power spectra (T, F) (Fukada et al., 1992)."""
    cepstra = np.fft.irfft(np.log(np.maximum(envelope, 1e-16)))[:, : envelope.shape[1]]
    cepstra[:, 0] /= 2  # of the amplitude's logarithm, and the others stand for both halves
    return cepstra @ warp(cepstra.shape[1], order, warping(sample_rate)).T


@lru_cache
def warping(sample_rate: int) -> float:
    """The all-pass constant whose warping of frequencies is nearest to the mel scale; 0.42 at 16 kHz."""
    angles = np.linspace(0, np.pi, 500)
    mels = np.log1p(angles / np.pi * sample_rate / 2 / 1000)

    def off(constant: float) -> float:
        warped = angles + 2 * np.arctan2(constant * np.sin(angles), 1 - constant * np.cos(angles))
        return float(np.square(mels / mels[-1] - warped / np.pi).sum())

    return float(minimize_scalar(off, bounds=(0, 0.9), method="bounded").x)


@lru_cache
def warp(length: int, order: int, constant: float) -> np.ndarray:
    """The matrix (order + 1, length) that warps the frequencies of a cepstrum (Oppenheim and Johnson, 1972)."""
    found = np.zeros((order + 1, length))
    found[0] = constant ** np.arange(length)
    for place in range(1, length):
        for one in range(1, order + 1):
            found[one, place] = found[one - 1, place - 1] + constant * (found[one, place - 1] - found[one - 1, place])
    return found


def likeness(one: Voice, reference: Voice, voiced_only: bool = False, power: bool = False) -> Likeness:
    """Return the likeness of a recording to the reference, frames aligned by their mel-cepstra without the power.

    Args:
        voiced_only: distortion of frames alone that are voiced in both; NaN where none is.
        power: count the zeroth coefficient, too.
    """
    shapes = one.cepstra[:, 1:], reference.cepstra[:, 1:]
    _, path = librosa.sequence.dtw(shapes[0].T, shapes[1].T)
    ours, theirs = path[::-1].T
    counted = (one.f0[ours] > 0) & (reference.f0[theirs] > 0) | (not voiced_only)
    first = 0 if power else 1
    differences = (one.cepstra[ours] - reference.cepstra[theirs])[counted, first:]
    mcd = float(DECIBEL * np.linalg.norm(differences, axis=1).mean()) if counted.any() else float("nan")
    return Likeness(mcd, *pitch(one.f0[ours], reference.f0[theirs]))


def pitch(f0: np.ndarray, reference: np.ndarray) -> tuple[float, float, float]:
    """Difference of log F0 in cents, its correlation, and F1 of voicing, of aligned frames (K,) in Hz, 0 unvoiced."""
    voiced, wanted = f0 > 0, reference > 0
    both = voiced & wanted
    total = int(voiced.sum() + wanted.sum())
    f1 = 2 * float(both.sum()) / total if total else float("nan")
    if not both.any():
        return float("nan"), float("nan"), f1
    logs = np.log2(f0[both]), np.log2(reference[both])
    cents = CENTS * float(np.sqrt(np.square(logs[0] - logs[1]).mean()))
    moving = len(logs[0]) >= FEWEST and min(np.ptp(logs[0]), np.ptp(logs[1])) > STILL
    return cents, float(np.corrcoef(*logs)[0, 1]) if moving else float("nan"), f1
