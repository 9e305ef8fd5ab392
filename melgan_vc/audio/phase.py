"""Phases that fit magnitudes, without iterating: real-time phase gradient heap integration.

After Průša and Søndergaard, "Real-time spectrogram inversion using phase gradient heap integration" (DAFx 2016): the
magnitudes' logarithm tells how the phase changes along time and along frequency; the loudest bins are followed first. A
frame needs only the one before it, so a phase goes on from block to block. In place of a heap there are piles by level:
an eighth of the time, and what lies within a fifth of a dB may be followed in another order.
"""

import numpy as np

from melgan_vc.audio.kernels import compiled
from melgan_vc.spec import AudioSpec

HANN = 0.25645  # of the window's length squared: the width of the Gaussian that is nearest to a Hann window
QUIET = 1e-5  # of the loudest magnitude: bins under that get any phase
SMALLEST = 1e-12
PILES = 512  # that levels are sorted into: a fifth of a dB each


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
        first = 0 if known is None else len(known)
        out = self.random.uniform(-np.pi, np.pi, level.shape)
        if known is not None:
            out[:first] = known
        integrate(level, per_frame, per_bin, out, first, np.log(QUIET))
        return out


@compiled
def integrate(level, per_frame, per_bin, out, first, quiet):  # type: ignore[no-untyped-def]
    """Replace the phases (T, F) of loud bins of the frames from ``first`` on, each by those before and beside it.

    What to follow next is kept in piles by its level, rounded; an entry under F is a bin of the frame before.
    """
    frames, bins = level.shape
    piles = np.empty(PILES, np.int32)  # the last entry of each
    under = np.empty(2 * bins, np.int32)  # the entry under each
    height = np.empty(bins, np.int32)  # the pile of each bin
    open_ = np.empty(bins, np.bool_)
    scale = (PILES - 1) / -quiet
    for frame in range(first, frames):
        loudest = level[frame].max()
        if frame > 0:
            loudest = max(loudest, level[frame - 1].max())
        lowest = loudest + quiet
        piles[:] = -1
        left, top = 0, -1
        for one in range(bins):
            open_[one] = level[frame, one] > lowest
            if open_[one]:
                left += 1
                height[one] = int((level[frame, one] - lowest) * scale)
                if frame > 0:
                    pile = max(0, int((level[frame - 1, one] - lowest) * scale))
                    under[one], piles[pile] = piles[pile], one
                    top = max(top, pile)
        while left > 0:
            while top >= 0 and piles[top] < 0:
                top -= 1
            if top < 0:  # the first frame, or what no frame leads to: the loudest starts anywhere
                start = -1
                for one in range(bins):
                    if open_[one] and (start < 0 or level[frame, one] > level[frame, start]):
                        start = one
                open_[start] = False
                left -= 1
                top = height[start]
                under[bins + start], piles[top] = -1, bins + start
            one = piles[top]
            piles[top] = under[one]
            if one < bins:
                if open_[one]:
                    out[frame, one] = out[frame - 1, one] + (per_frame[frame - 1, one] + per_frame[frame, one]) / 2
                    open_[one] = False
                    left -= 1
                    pile = height[one]
                    under[bins + one], piles[pile] = piles[pile], bins + one
                    top = max(top, pile)
                continue
            one -= bins
            for other, sign in ((one + 1, 1.0), (one - 1, -1.0)):
                if 0 <= other < bins and open_[other]:
                    out[frame, other] = out[frame, one] + sign * (per_bin[frame, one] + per_bin[frame, other]) / 2
                    open_[other] = False
                    left -= 1
                    pile = height[other]
                    under[bins + other], piles[pile] = piles[pile], bins + other
                    top = max(top, pile)
