"""Phases that fit magnitudes, without iterating: real-time phase gradient heap integration.

After Průša and Søndergaard, "Real-time spectrogram inversion using phase gradient heap integration" (DAFx 2016): the
magnitudes' logarithm tells how the phase changes along time and along frequency; the loudest bins are followed first. A
frame needs only the one before it, so a phase goes on from block to block.
"""

from collections.abc import Callable
from heapq import heappop, heappush

import numba
import numpy as np

from melgan_vc.spec import AudioSpec

HANN = 0.25645  # of the window's length squared: the width of the Gaussian that is nearest to a Hann window
QUIET = 1e-5  # of the loudest magnitude: bins under that get any phase
SMALLEST = 1e-12


class PhaseGradient:
    """Phases of magnitudes that come block by block.

    Args:
        spec: of the STFT, with a Hann window.
        seed: of the phases of quiet bins.
    """

    def __init__(self, spec: AudioSpec, seed: int = 0) -> None:
        self.hop, self.n_fft = spec.hop_length, spec.n_fft
        self.gamma = HANN * spec.n_fft**2
        self.random = np.random.default_rng(seed)

    def steps(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Changes of the phase from frame to frame and from bin to bin (T, F) of log magnitudes (T, F)."""
        along_bins, along_frames = np.zeros_like(level), np.zeros_like(level)
        along_bins[:, 1:-1] = (level[:, 2:] - level[:, :-2]) / 2
        along_frames[1:-1] = (level[2:] - level[:-2]) / 2
        advance = 2 * np.pi * self.hop * np.arange(level.shape[1]) / self.n_fft
        per_frame = self.hop * self.n_fft / self.gamma * along_bins + advance
        per_bin = -self.gamma / (self.hop * self.n_fft) * along_frames - np.pi  # a frame's phase counts from its start
        return per_frame, per_bin

    def phases(self, magnitude: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """Phases (T, F) of magnitudes (T, F).

        Args:
            known: phases (K, F) of the first frames, which are kept and gone on from.
        """
        level = np.log(magnitude.astype(np.float64) + SMALLEST)
        per_frame, per_bin = self.steps(level)
        anything = self.random.uniform(-np.pi, np.pi, level.shape)
        first = 0 if known is None else len(known)
        out = np.empty_like(level)
        if known is not None:
            out[:first] = known
        integrate(level, per_frame, per_bin, anything, out, first, np.log(QUIET))
        return out


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """A function as machine code, which is kept for the next time where there is a place that can be written."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


@compiled
def integrate(level, per_frame, per_bin, anything, out, first, quiet):  # type: ignore[no-untyped-def]
    """Fill the phases (T, F) of frames from ``first`` on, each from the frame before it."""
    frames, bins = level.shape
    for frame in range(first, frames):
        loudest = level[frame].max()
        if frame > 0:
            loudest = max(loudest, level[frame - 1].max())
        open_ = np.zeros(bins, np.bool_)
        left = 0
        for one in range(bins):
            out[frame, one] = anything[frame, one]
            if level[frame, one] > loudest + quiet:
                open_[one] = True
                left += 1
        heap = [(0.0, True, 0)]  # minus the level, whether of the frame before, bin
        heap.pop()
        if frame > 0:
            for one in range(bins):
                if open_[one]:
                    heappush(heap, (-level[frame - 1, one], True, one))
        while left > 0:
            if len(heap) == 0:  # the first frame, or what no frame leads to: the loudest starts anywhere
                start = -1
                for one in range(bins):
                    if open_[one] and (start < 0 or level[frame, one] > level[frame, start]):
                        start = one
                open_[start] = False
                left -= 1
                heappush(heap, (-level[frame, start], False, start))
            _, before, one = heappop(heap)
            if before:
                if open_[one]:
                    change = (per_frame[frame - 1, one] + per_frame[frame, one]) / 2
                    out[frame, one] = out[frame - 1, one] + change
                    open_[one] = False
                    left -= 1
                    heappush(heap, (-level[frame, one], False, one))
                continue
            for other, sign in ((one + 1, 1.0), (one - 1, -1.0)):
                if 0 <= other < bins and open_[other]:
                    out[frame, other] = out[frame, one] + sign * (per_bin[frame, one] + per_bin[frame, other]) / 2
                    open_[other] = False
                    left -= 1
                    heappush(heap, (-level[frame, other], False, other))
