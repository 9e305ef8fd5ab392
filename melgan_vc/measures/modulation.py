"""How lively spectra move: modulation spectra of mel-cepstra (Takamichi et al., 2016).

Conversions that are too smooth, or that flutter, differ here where distances frame by frame do not tell why.
"""

import numpy as np
from scipy.signal import welch

from melgan_vc.measures.world import FRAME_MS

SEGMENT = 128  # frames: 0.64 s, so that a syllable fits
QUIETEST = 1e-10


def modulation_spectrum(cepstra: np.ndarray) -> np.ndarray:
    """Power in dB of each coefficient's course over modulation frequencies: (C, F) of mel-cepstra (T, C), T >= 2.

    The mean is taken away, and frequency 0 with it; the last one is 100 Hz, half the frames' rate.
    """
    _, power = welch(cepstra, fs=1000 / FRAME_MS, nperseg=min(SEGMENT, len(cepstra)), detrend="constant", axis=0)
    return 10 * np.log10(np.maximum(power[1:].T, QUIETEST))


def modulation_distance(one: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square difference in dB of the modulation spectra of mel-cepstra (T, C) and (U, C), power left out.

    NaN for a recording shorter than a segment.
    """
    if min(len(one), len(reference)) < SEGMENT:
        return float("nan")
    difference = modulation_spectrum(one[:, 1:]) - modulation_spectrum(reference[:, 1:])
    return float(np.sqrt(np.square(difference).mean()))
