"""Mel-spectrogram back to waveform."""

from typing import Protocol

import torch
import torchaudio.functional
from torch import Tensor, nn

from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec


class Inverter(Protocol):
    """Any method that turns a normalised mel (B, M, T) into a waveform (B, samples)."""

    def __call__(self, mel: Tensor, samples: int | None = None) -> Tensor: ...


class GriffinLim(nn.Module):
    """Fast Griffin-Lim on a non-negative estimate of the linear spectrogram.

    The mel filters are undone on power, where they are linear, by multiplicative updates for the Kullback-Leibler
    divergence (Lee and Seung, 2001): they stay positive, and fit quiet bins as well as loud ones. The phase is found by
    Griffin-Lim with momentum (Perraudin et al., 2013).

    Args:
        spec: the front end to undo.
        iterations: of Griffin-Lim.
        momentum: of Griffin-Lim, in [0, 1).
        unmix_iterations: updates of the linear spectrogram.
        seed: of the first phase, so that the same mel gives the same waveform.
    """

    window: Tensor

    def __init__(
        self,
        spec: AudioSpec,
        iterations: int = 32,
        momentum: float = 0.99,
        unmix_iterations: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (("iterations", iterations), ("unmix_iterations", unmix_iterations)):
            if not isinstance(value, int) or value < 1:
                raise UserError(f"inversion.{name} is {value!r}: give a whole number above 0")
        if not isinstance(momentum, int | float) or not 0 <= momentum < 1:
            raise UserError(f"inversion.momentum is {momentum!r}: give a number from 0 up to, not including, 1")
        self.spec = spec
        self.iterations = iterations
        self.momentum = momentum
        self.unmix_iterations = unmix_iterations
        self.seed = seed
        self.front_end = MelTransform(spec)
        self.register_buffer("window", torch.hann_window(spec.n_fft))

    def linear(self, power: Tensor) -> Tensor:
        """Mel power (B, M, T) to linear magnitudes (B, F, T)."""
        smallest = 1e-12
        filters = self.front_end.mel_scale.fb  # (F, M)
        wanted = power.transpose(-1, -2)  # (B, T, M)
        of_filter, of_bin = filters.sum(0).clamp(min=smallest), filters.sum(1).clamp(min=smallest)
        estimate = (wanted / of_filter) @ filters.T  # (B, T, F): each filter's power, spread over its bins
        for _ in range(self.unmix_iterations):
            ratio = wanted / (estimate @ filters).clamp(min=smallest)
            estimate = estimate * ((ratio @ filters.T) / of_bin)
        return estimate.sqrt().transpose(-1, -2)

    @torch.no_grad()
    def forward(self, mel: Tensor, samples: int | None = None) -> Tensor:
        """Waveform (B, samples) of a normalised mel (B, M, T); by default (T - 1) · hop_length samples, at least 1."""
        frames = mel.shape[-1]
        length = max(1, (frames - 1) * self.spec.hop_length) if samples is None else samples
        # Griffin-Lim reflects half a window at each end, so a very short mel is continued in silence.
        shortest = self.spec.n_fft // 2 // self.spec.hop_length + 2
        if frames < shortest:
            mel = nn.functional.pad(mel, (0, shortest - frames), value=-1.0)
        magnitude = self.linear(self.front_end.denormalise(mel.float()))
        loudness = float(self.window.square().sum().sqrt())  # the front end divides the spectrum by it
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            waveform = torchaudio.functional.griffinlim(
                magnitude * loudness,
                window=self.window,
                n_fft=self.spec.n_fft,
                hop_length=self.spec.hop_length,
                win_length=self.spec.n_fft,
                power=1.0,
                n_iter=self.iterations,
                momentum=self.momentum,
                length=max(length, (shortest - 1) * self.spec.hop_length),
                rand_init=True,
            )
        return waveform[..., :length]
