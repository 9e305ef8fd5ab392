"""What audio is (AudioSpec) and how it is cut (ChunkSpec): the only home of their rules."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from melgan_vc.errors import UserError

LARGEST = 1_000_000  # of any size: more is a mistake, or a file that wants all memory
Levels = TypeVar("Levels", bound=Any)


@dataclass(frozen=True)
class AudioSpec:
    """How a waveform becomes a normalised mel-spectrogram.

    Attributes:
        sample_rate: in Hz.
        hop_length: samples from one frame to the next.
        n_fft: samples of the FFT and of the Hann window.
        n_mels: mel bins (M), HTK scale, filters of height one.
        min_frequency: of the lowest mel filter, in Hz.
        max_frequency: of the highest, in Hz; None is half the sample rate.
        reference_db: level in dB that is mapped to the top of the range.
        range_db: how many dB the range [-1, 1] spans.
        top_db: bins further than this under a clip's loudest bin are raised to it; None leaves them.
    """

    sample_rate: int
    hop_length: int
    n_fft: int
    n_mels: int
    min_frequency: float = 0.0
    max_frequency: float | None = None
    reference_db: float = 20.0
    range_db: float = 100.0
    top_db: float | None = 80.0

    def __post_init__(self) -> None:
        for name in ("sample_rate", "hop_length", "n_fft", "n_mels"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= LARGEST:
                raise UserError(f"audio.{name} is {value!r}: give a whole number from 1 to {LARGEST}")
        if 2 * self.hop_length > self.n_fft:
            raise UserError(
                f"audio.hop_length {self.hop_length} is over half of audio.n_fft {self.n_fft}: "
                "frames would not overlap; use a smaller hop or a larger FFT"
            )
        top = self.max_frequency if self.max_frequency is not None else self.sample_rate / 2
        if not 0 <= self.min_frequency < top <= self.sample_rate / 2:
            raise UserError(
                f"audio frequencies {self.min_frequency} to {top} Hz do not fit a sample rate of "
                f"{self.sample_rate} Hz: keep 0 <= min_frequency < max_frequency <= {self.sample_rate / 2:g}"
            )
        if self.range_db <= 0:
            raise UserError(f"audio.range_db is {self.range_db}: give a number of dB above 0")

    @property
    def signature(self) -> str:
        """12 hex digits that differ when any number of the front end differs."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def frames(self, samples: int) -> int:
        """Frames (T) of a waveform of that many samples."""
        return 1 + samples // self.hop_length

    def normalised(self, decibel: Levels) -> Levels:
        """Levels in dB, a tensor or an array, to [-1, 1]; what is out of the range is clipped to its ends."""
        above_floor = decibel - self.reference_db + self.range_db
        return (2 * above_floor / self.range_db - 1).clip(-1, 1)

    def seconds(self, frames: int) -> float:
        """Duration in seconds of that many frames."""
        return frames * self.hop_length / self.sample_rate


@dataclass(frozen=True)
class ChunkSpec:
    """How a window is cut: what the generator sees, and how many of them the discriminator sees.

    Attributes:
        width: frames (W) of a chunk; a multiple of 4, for the generator halves the frames twice.
        splits: chunks (S) of a window; the article has 2, the authors' notebook 3.
    """

    width: int
    splits: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.width, int) or not 4 <= self.width <= LARGEST or self.width % 4:
            raise UserError(f"chunk.width is {self.width!r}: give a multiple of 4 frames, 8 or more is sensible")
        if not isinstance(self.splits, int) or not 2 <= self.splits <= LARGEST:
            raise UserError(
                f"chunk.splits is {self.splits!r}: give 2 or more, for the losses compare chunks of a window"
            )

    @property
    def window(self) -> int:
        """Frames (S·W) of a window."""
        return self.width * self.splits
