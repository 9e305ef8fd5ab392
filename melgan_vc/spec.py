"""What audio is (AudioSpec), how it is cut (ChunkSpec), how high voices are (PitchSpec): the home of their rules."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, TypeVar

from melgan_vc.errors import UserError

# What a front end may ask for: more is a mistake, or a file that wants all memory.
LIMITS = {"sample_rate": (1_000, 768_000), "hop_length": (1, 1 << 15), "n_fft": (2, 1 << 16), "n_mels": (1, 1 << 10)}
SHIFT_LIMITS = {"ratio": (0.25, 4.0), "formants": (0.5, 2.0)}
PITCH_LIMITS = {"f0": (20.0, 2000.0), "spread": (0.0, 3.0)}
MOST_FILTER_CELLS = 1 << 22  # mel bins times FFT bins
MOST_OVERLAP = 128  # FFTs that one sample is part of
MOST_DECIBEL = 1_000.0
WIDEST, MOST_SPLITS = 4_096, 64  # of a chunk in frames, of a window in chunks
Levels = TypeVar("Levels", bound=Any)
Spec = TypeVar("Spec", "AudioSpec", "ChunkSpec", "PitchSpec")


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
        for name, (lowest, highest) in LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int or not lowest <= value <= highest:
                raise UserError(f"audio.{name} is {shortened(value)}: give a whole number from {lowest} to {highest}")
        self.check_sizes()
        self.check_frequencies()
        check_decibel("reference_db", self.reference_db, lowest=-MOST_DECIBEL)
        check_decibel("range_db", self.range_db, lowest=1)
        if self.top_db is not None:
            check_decibel("top_db", self.top_db, lowest=1)

    def check_sizes(self) -> None:
        """Refuse frames that do not overlap, and what would take all memory or time."""
        if 2 * self.hop_length > self.n_fft:
            raise UserError(
                f"audio.hop_length {self.hop_length} is over half of audio.n_fft {self.n_fft}: "
                "frames would not overlap; use a smaller hop or a larger FFT"
            )
        if self.n_fft > MOST_OVERLAP * self.hop_length:
            raise UserError(
                f"audio.n_fft {self.n_fft} is over {MOST_OVERLAP} times audio.hop_length {self.hop_length}: "
                "use a larger hop or a smaller FFT"
            )
        if self.n_mels * (self.n_fft // 2 + 1) > MOST_FILTER_CELLS:
            raise UserError(
                f"audio.n_mels {self.n_mels} with audio.n_fft {self.n_fft} makes a filter bank of over "
                f"{MOST_FILTER_CELLS} values: use fewer mel bins or a smaller FFT"
            )

    def check_frequencies(self) -> None:
        """Refuse mel filters that lie outside the spectrum."""
        low, top = self.min_frequency, self.max_frequency
        top = self.sample_rate / 2 if top is None else top
        if not (is_number(low) and is_number(top)) or not 0 <= low < top <= self.sample_rate / 2:
            raise UserError(
                f"audio frequencies {shortened(low)} to {shortened(top)} Hz do not fit a sample rate of "
                f"{self.sample_rate} Hz: keep 0 <= min_frequency < max_frequency <= {self.sample_rate / 2:g}"
            )

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
        if type(self.width) is not int or not 4 <= self.width <= WIDEST or self.width % 4:
            raise UserError(
                f"chunk.width is {shortened(self.width)}: give a multiple of 4 frames up to {WIDEST}, 8 or more is "
                "sensible"
            )
        if type(self.splits) is not int or not 2 <= self.splits <= MOST_SPLITS:
            raise UserError(
                f"chunk.splits is {shortened(self.splits)}: give 2 to {MOST_SPLITS}, for the losses compare chunks of "
                "a window"
            )

    @property
    def window(self) -> int:
        """Frames (S·W) of a window."""
        return self.width * self.splits


@dataclass(frozen=True)
class PitchShift:
    """How far a voice is moved.

    Attributes:
        ratio: that its fundamental frequency is multiplied by.
        formants: that the frequencies of its spectral envelope are multiplied by.
    """

    ratio: float
    formants: float = 1.0

    def __post_init__(self) -> None:
        for name, (lowest, highest) in SHIFT_LIMITS.items():
            value = getattr(self, name)
            if not is_number(value) or not lowest <= value <= highest:
                raise UserError(f"pitch: {name} is {shortened(value)}; give a factor from {lowest:g} to {highest:g}")

    def transposed(self, semitones: float) -> "PitchShift":
        """Return the same with the pitch so many semitones higher."""
        return PitchShift(self.ratio * 2 ** (semitones / 12), self.formants)


@dataclass(frozen=True)
class PitchSpec:
    """The voices of both domains as training measured them: how conversion moves a source before anything else.

    Attributes:
        source_f0, target_f0: median fundamental frequency (F0) of the training recordings, in Hz.
        source_spread, target_spread: standard deviation of the natural logarithm of F0.
        formants: factor of the formants' frequencies; see :func:`formants_of` for a sensible one.
    """

    source_f0: float
    source_spread: float
    target_f0: float
    target_spread: float
    formants: float

    def __post_init__(self) -> None:
        for name, (lowest, highest) in PITCH_LIMITS.items():
            for key in (f"source_{name}", f"target_{name}"):
                value = getattr(self, key)
                if not is_number(value) or not lowest <= value <= highest:
                    raise UserError(f"pitch.{key} is {shortened(value)}: give a number from {lowest:g} to {highest:g}")
        self.shift  # noqa: B018 (checks it)

    def __str__(self) -> str:
        """Return one line on how far a source is moved."""
        return (
            f"source {self.source_f0:.0f} Hz, target {self.target_f0:.0f} Hz (median F0); the source is shifted by "
            f"{12 * math.log2(self.shift.ratio):+.1f} semitones, its formants by a factor of {self.formants:.2f}"
        )

    @property
    def shift(self) -> PitchShift:
        """How far a source is moved: to the target's median F0."""
        return PitchShift(self.target_f0 / self.source_f0, self.formants)

    def shift_from(self, f0: float) -> PitchShift:
        """How far another speaker than the trained source is moved.

        Args:
            f0: the speaker's median F0 in Hz.
        """
        wanted = {"ratio": self.target_f0 / f0, "formants": self.formants * formants_of(self.source_f0 / f0)}
        limits = {name: SHIFT_LIMITS[name] for name in wanted}
        return PitchShift(**{name: min(max(wanted[name], low), high) for name, (low, high) in limits.items()})


def formants_of(ratio: float) -> float:
    """Return by how much formants usually differ between voices whose F0 differs by a ratio: its cube root.

    Of the men and women of Peterson and Barney (1952), F0 differs by 1.69 and formants by 1.19 or so, which is its cube
    root; Nearey (1989) finds the same relation between speakers.
    """
    return ratio ** (1 / 3)


def spec_of(kind: type[Spec], values: object) -> Spec:
    """Return the spec that a file holds.

    Args:
        kind: AudioSpec, ChunkSpec or PitchSpec.
        values: a mapping of its attributes.

    Raises:
        UserError: a key is unknown or missing, or a value cannot be.
    """
    name = kind.__name__.removesuffix("Spec").lower()
    if not isinstance(values, Mapping):
        raise UserError(f"{name} is {shortened(values)}, not a mapping of settings")
    known = {one.name: one.default is MISSING for one in fields(kind)}
    if unknown := [key for key in values if key not in known]:
        raise UserError(f"{name}.{str(unknown[0])[:60]} is unknown; {name} has {', '.join(known)}")
    if missing := [key for key, is_needed in known.items() if is_needed and key not in values]:
        raise UserError(f"{name}.{missing[0]} is missing")
    return kind(**values)


def is_number(value: object) -> bool:
    """Whether a value is a finite number; True and False are none."""
    return type(value) in (int, float) and abs(value) < math.inf  # type: ignore[arg-type]


def check_decibel(name: str, value: object, lowest: float) -> None:
    """Refuse a level or a range that is no plausible number of dB."""
    if not is_number(value) or not lowest <= value <= MOST_DECIBEL:  # type: ignore[operator]
        raise UserError(f"audio.{name} is {shortened(value)}: give a number of dB from {lowest:g} to {MOST_DECIBEL:g}")


def shortened(value: object, most: int = 60) -> str:
    """A value as a message shows it, of which a stranger's file may make a text without end."""
    if isinstance(value, int) and abs(value) >= 10**most:
        return f"a number of over {most} digits"
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
