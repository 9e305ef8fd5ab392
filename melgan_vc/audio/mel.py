"""Waveform to normalised mel-spectrogram, as the authors' notebook computes it."""

import math
import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torchaudio.transforms import MelScale, Spectrogram

from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

SMALLEST_POWER = 1e-10


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
        decibel = in_decibel(power)
        if self.spec.top_db is not None:
            loudest = decibel.amax(dim=(-2, -1), keepdim=True)
            decibel = torch.maximum(decibel, loudest - self.spec.top_db)
        return self.scale(decibel)

    def scale(self, decibel: Tensor) -> Tensor:
        """Levels in dB to [-1, 1]."""
        above_floor = decibel - self.spec.reference_db + self.spec.range_db
        return (2 * above_floor / self.spec.range_db - 1).clamp(-1, 1)

    def denormalise(self, mel: Tensor) -> Tensor:
        """Normalised mel (..., M, T) back to power."""
        above_floor = (mel.clamp(-1, 1) + 1) / 2 * self.spec.range_db
        return 10 ** ((above_floor - self.spec.range_db + self.spec.reference_db) / 10)

    def forward(self, waveform: Tensor) -> Tensor:
        """Normalised mel (..., M, T) of a waveform (..., N)."""
        return self.normalise(self.power(waveform))


def in_decibel(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=SMALLEST_POWER))


class MelStream:
    """The front end over a waveform that comes block by block, in float16: what :class:`MelTransform` gives as a whole.

    What lies more than ``top_db`` under the loudest bin is known at the end only: raise all frames to ``floor`` then.

    Args:
        transform: the front end.

    Attributes:
        frames: so far (T).
    """

    def __init__(self, transform: MelTransform) -> None:
        self.transform = transform
        spec = transform.spec
        self.margin = spec.n_fft // 2  # samples that the first and the last frame reach over the ends
        self.frame_power = Spectrogram(n_fft=spec.n_fft, hop_length=spec.hop_length, normalized=True, center=False)
        self.held = np.zeros(0, np.float32)  # from the start of the next frame on
        self.started = False
        self.samples = 0
        self.frames = 0
        self.loudest = -math.inf

    @property
    def floor(self) -> np.float16:
        """The lowest value of a mel of what came so far."""
        if self.transform.spec.top_db is None or not self.frames:
            return np.float16(-1)
        lowest = torch.tensor(self.loudest) - self.transform.spec.top_db
        return np.float16(self.transform.scale(lowest).numpy())

    def push(self, block: np.ndarray) -> np.ndarray:
        """The frames (T, M) that samples (N,) complete."""
        self.samples += len(block)
        self.held = np.concatenate([self.held, block])
        if not self.started and len(self.held) > self.margin:
            self.start()
        return self.take(spare=self.margin + 1) if self.started else self.take(spare=0)

    def finish(self) -> np.ndarray:
        """The last frames (T, M).

        Raises:
            UserError: no sample came.
        """
        if self.samples == 0:
            raise UserError("the waveform is empty: give at least one sample")
        if not self.started:
            self.held = np.pad(self.held, (0, self.margin + 1 - len(self.held)))
            self.start()
        self.held = np.concatenate([self.held, self.held[-2 : -self.margin - 2 : -1]])
        return self.take(spare=0, most=self.transform.spec.frames(self.samples) - self.frames)

    def start(self) -> None:
        """Reflect the first samples, as the whole waveform's STFT does."""
        self.held = np.concatenate([self.held[self.margin : 0 : -1], self.held])
        self.started = True

    @torch.no_grad()
    def take(self, spare: int, most: int | None = None) -> np.ndarray:
        """All frames (T, M), ``most`` at most, that can be computed with so many samples left for the end."""
        spec = self.transform.spec
        whole = (len(self.held) - spec.n_fft) // spec.hop_length + 1
        count = max(0, min(whole, (len(self.held) - spare) // spec.hop_length)) if self.started else 0
        count = count if most is None else min(count, most)
        if not count:
            return np.zeros((0, spec.n_mels), np.float16)
        used = (count - 1) * spec.hop_length + spec.n_fft
        power = self.transform.mel_scale(self.frame_power(torch.from_numpy(self.held[:used])))
        decibel = in_decibel(power)
        self.loudest = max(self.loudest, float(decibel.max()))
        self.held = self.held[count * spec.hop_length :]
        self.frames += count
        return self.transform.scale(decibel).T.numpy().astype(np.float16)
