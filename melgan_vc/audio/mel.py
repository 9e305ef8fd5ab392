"""Waveform to normalised mel-spectrogram, as the authors' notebook computes it."""

import warnings

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelScale, Spectrogram

from melgan_vc.audio.stream import SMALLEST_POWER
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec


class MelTransform(nn.Module):
    """The front end: waveform (..., N) to mel (..., M, T) in [-1, 1], with T = 1 + N // hop_length."""

    def __init__(self, spec: AudioSpec) -> None:
        super().__init__()
        self.spec = spec
        self.spectrogram = Spectrogram(n_fft=spec.n_fft, hop_length=spec.hop_length, power=2, normalized=True)
        with warnings.catch_warnings():
            # 192 HTK bins over 577 FFT bins leave some low filters empty: the notebook's own choice.
            warnings.filterwarnings("ignore", message="At least one mel filterbank has all zero values")
            self.mel_scale = MelScale(
                n_mels=spec.n_mels,
                sample_rate=spec.sample_rate,
                f_min=spec.min_frequency,
                f_max=spec.max_frequency,
                n_stft=spec.n_fft // 2 + 1,
            )

    def power(self, waveform: Tensor) -> Tensor:
        """Power mel-spectrogram (..., M, T) of a waveform (..., N); a short one is padded with silence.

        Raises:
            UserError: the waveform is empty or holds NaN or infinite samples.
        """
        samples = waveform.shape[-1]
        if samples == 0:
            raise UserError("the waveform is empty: give at least one sample")
        if not torch.isfinite(waveform).all():
            raise UserError("the waveform holds NaN or infinite samples: repair or re-export the recording")
        # The STFT reflects half a window at each end, so it needs a little more than that.
        missing = self.spec.n_fft // 2 + 1 - samples
        if missing > 0:
            waveform = nn.functional.pad(waveform, (0, missing))
        return self.mel_scale(self.spectrogram(waveform))[..., : self.spec.frames(samples)]

    def normalise(self, power: Tensor) -> Tensor:
        """Power (..., M, T) to [-1, 1]; what is too loud or too quiet for the range is clipped to its ends."""
        decibel = 10 * torch.log10(power.clamp(min=SMALLEST_POWER))
        if self.spec.top_db is not None:
            loudest = decibel.amax(dim=(-2, -1), keepdim=True)
            decibel = torch.maximum(decibel, loudest - self.spec.top_db)
        return self.spec.normalised(decibel)

    def denormalise(self, mel: Tensor) -> Tensor:
        """Normalised mel (..., M, T) back to power."""
        above_floor = (mel.clamp(-1, 1) + 1) / 2 * self.spec.range_db
        return 10 ** ((above_floor - self.spec.range_db + self.spec.reference_db) / 10)

    def forward(self, waveform: Tensor) -> Tensor:
        """Normalised mel (..., M, T) of a waveform (..., N)."""
        return self.normalise(self.power(waveform))
