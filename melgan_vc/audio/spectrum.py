"""The front end's linear half and its adjoint, laid out so that inverting it is fast: frames before bins.

What is as large as a spectrum is overwritten where that can be: new memory for each product takes most of the time.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from melgan_vc.audio import kernels
from melgan_vc.audio.stream import front_end
from melgan_vc.spec import AudioSpec

BANDS = 8  # that the filters are parted into: each band's touch only some bins, so most of the product is left out
SMALLEST = float(kernels.SMALLEST)


class Spectrum(nn.Module):
    """STFT and mel filters of an AudioSpec.

    A *signal* (B, S) is a waveform with the samples around it that its frames reach: S = (T - 1) · hop_length + n_fft
    for T frames, and the waveform starts n_fft // 2 samples into it.

    Args:
        spec: of the mels.
    """

    window: Tensor
    of_filter: Tensor
    of_bin: Tensor

    def __init__(self, spec: AudioSpec) -> None:
        super().__init__()
        self.spec = spec
        plain = front_end(spec)
        self.filters = plain.filters
        filters = torch.from_numpy(plain.filters.toarray())
        self.bins = filters.shape[1]
        self.register_buffer("window", torch.from_numpy(plain.window), persistent=False)
        self.register_buffer("of_filter", filters.sum(1).clamp(min=SMALLEST), persistent=False)
        self.register_buffer("of_bin", filters.sum(0).clamp(min=SMALLEST), persistent=False)
        self.ranges: list[tuple[slice, slice]] = []
        edges = [spec.n_mels * number // BANDS for number in range(BANDS + 1)]
        for number, (start, end) in enumerate(pairwise(edges)):
            touched = filters[start:end].sum(0).nonzero()[:, 0]
            low, high = (int(touched[0]), int(touched[-1]) + 1) if len(touched) else (0, 1)
            self.ranges.append((slice(start, end), slice(low, high)))
            self.register_buffer(f"band{number}", filters[start:end, low:high].contiguous(), persistent=False)

    def samples(self, frames: int) -> int:
        """Return the samples of a signal of ``frames`` frames."""
        return (frames - 1) * self.spec.hop_length + self.spec.n_fft

    def analyse(self, signal: Tensor) -> Tensor:
        """STFT (B, T, F) of a signal (B, S)."""
        hop = self.spec.hop_length
        if kernels.fitting(signal, self.window):
            return torch.fft.rfft(kernels.framed(signal, self.window, hop))
        return torch.fft.rfft(signal.unfold(-1, self.spec.n_fft, hop) * self.window)

    def added(self, frames: Tensor, begun: Tensor | None = None) -> Tensor:
        """Frames (B, T, n_fft) windowed and added up where they overlap: (B, S).

        Args:
            begun: (B, K) sums of the frames before these, from the first one's start on; K is n_fft at most.
        """
        hop = self.spec.hop_length
        if kernels.fitting(frames, self.window):
            return kernels.overlapped(frames, self.window, hop, begun)
        frames = frames * self.window
        batch, count, length = frames.shape
        parts = -(-length // hop)
        if length < parts * hop:
            frames = nn.functional.pad(frames, (0, parts * hop - length))
        rows = frames.view(batch, count, parts, hop)
        out = frames.new_zeros(batch, count + parts - 1, hop)
        for part in range(parts):
            out[:, part : part + count].add_(rows[:, :, part])
        signal = out.flatten(1)[:, : self.samples(count)]
        if begun is not None:
            signal[:, : begun.shape[-1]] += begun
        return signal

    def overlap(self, frames: int) -> Tensor:
        """Sum of the squared windows (1, S) of so many frames, as :meth:`synthesise` divides by it."""
        windows = self.window.expand(1, frames, -1).contiguous()
        return self.added(windows).clamp(min=1e-8)

    def synthesise(self, spectrum: Tensor, overlap: Tensor) -> Tensor:
        """The signal (B, S) whose STFT is nearest to a spectrum (B, T, F) (Griffin and Lim, 1984, eq. 6)."""
        return self.added(torch.fft.irfft(spectrum, n=self.spec.n_fft)).div_(overlap)

    def adjoint(self, half: Tensor) -> Tensor:
        """Return the gradient for the signal (B, S) of a gradient for its STFT.

        Args:
            half: of that gradient (B, T, F); it is overwritten.
        """
        half[..., 0] *= 2  # irfft takes each of the others twice
        if self.spec.n_fft % 2 == 0:
            half[..., -1] *= 2
        return self.added(torch.fft.irfft(half, n=self.spec.n_fft, norm="forward"))

    def mel(self, power: Tensor) -> Tensor:
        """Mel power (B, T, M) of linear power (B, T, F)."""
        parts = [power[..., bins] @ self.get_buffer(f"band{number}").T for number, (_, bins) in enumerate(self.ranges)]
        return torch.cat(parts, dim=-1)

    def spread(self, mel: Tensor) -> Tensor:
        """The transposed filters: (B, T, M) to (B, T, F)."""
        rows = mel.reshape(-1, mel.shape[-1])
        out = rows.new_zeros(len(rows), self.bins)
        for number, (filters, bins) in enumerate(self.ranges):
            out[:, bins].addmm_(rows[:, filters], self.get_buffer(f"band{number}"))
        return out.view(*mel.shape[:-1], self.bins)

    def refitted(self, power: Tensor, wanted: Tensor) -> Tensor:
        """Linear power (B, T, F) brought nearer to a mel power (B, T, M), and still positive.

        One multiplicative update for the Kullback-Leibler divergence (Lee and Seung, 2001).
        """
        if kernels.fitting(power, wanted, self.of_bin):
            return kernels.refitted(power, wanted, self.filters, self.of_bin)
        return power * (self.spread(wanted / self.mel(power).clamp(min=SMALLEST)) / self.of_bin)

    def unmixed(self, wanted: Tensor, updates: int) -> Tensor:
        """A linear power (B, T, F) of a mel power (B, T, M): each filter's spread over its bins, and then refitted."""
        power = self.spread(wanted / self.of_filter)
        for _ in range(updates):
            power = self.refitted(power, wanted)
        return power


def power_of(spectrum: Tensor) -> Tensor:
    """Power of a complex spectrum, of the same shape."""
    if kernels.fitting(spectrum):
        return kernels.squared(spectrum)
    return spectrum.real.square().add_(spectrum.imag.square())
