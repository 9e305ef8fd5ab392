"""One recording from its file to its mel, a block at a time."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from melgan_vc.audio import activity, io
from melgan_vc.audio.loudness import loudness
from melgan_vc.audio.stream import FrontEnd, MelStream
from melgan_vc.errors import UserError
from melgan_vc.spec import PitchShift, PitchSpec

FULL_SCALE = 0.999
REVISION = 1  # of what shifts pitch: another one makes other mels
SILENCE = ("none", "energy", "vad")


@dataclass(frozen=True)
class Preparation:
    """What is done to a recording before its mel is made.

    Attributes:
        mono: what becomes of several channels: "mean", "left" or "right".
        loudness: in LUFS (ITU-R BS.1770), that each recording is brought to; None leaves it as it is.
        silence: what is cut out: "none", "energy" (what is ``silence_db`` under the loudest frame) or "vad" (all but
            speech).
        silence_db: see there.
        shift: how far pitch and formants are moved, last of all; None leaves them.
    """

    mono: str = "mean"
    loudness: float | None = None
    silence: str = "none"
    silence_db: float = 40.0
    shift: PitchShift | None = None

    def __post_init__(self) -> None:
        if self.mono not in io.MONO:
            raise UserError(f"prepare.mono is {self.mono!r}: give one of {', '.join(io.MONO)}")
        if self.silence not in SILENCE:
            raise UserError(f"prepare.silence is {self.silence!r}: give one of {', '.join(SILENCE)}")
        for name, value in (("loudness", self.loudness), ("silence_db", self.silence_db)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise UserError(f"prepare.{name} is {value!r}: give a number")
        if self.loudness is not None and not -60 <= self.loudness <= 0:
            raise UserError(f"prepare.loudness is {self.loudness}: give LUFS from -60 to 0, such as -23, or null")
        if self.silence_db is None or self.silence_db <= 0:
            raise UserError(f"prepare.silence_db is {self.silence_db}: give a number of dB above 0")

    @property
    def described(self) -> dict[str, Any]:
        """The settings as plain values; stores of versions that knew no shift are still those without one."""
        settings = asdict(self)
        if self.shift is None:
            del settings["shift"]
        else:
            settings["shift"]["revision"] = REVISION
        return settings

    @property
    def signature(self) -> str:
        """12 hex digits that differ when anything is done differently."""
        return hashlib.sha256(json.dumps(self.described, sort_keys=True).encode()).hexdigest()[:12]


def preparation_of(domain: str, preparation: Preparation, pitch: PitchSpec | None) -> Preparation:
    """Return what is done to the recordings of a domain: those of the source alone are moved in pitch."""
    return preparation if domain == "target" or pitch is None else replace(preparation, shift=pitch.shift)


@dataclass
class Level:
    """What is known of a recording's samples, before its loudness is changed.

    Attributes:
        samples: so far, at the mel's rate.
        clipped: of them, at full scale.
        peak: largest, full scale at 1.
        energy: sum of squares.
    """

    samples: int = 0
    clipped: int = 0
    peak: float = 0.0
    energy: float = 0.0

    def add(self, block: np.ndarray) -> None:
        size = np.abs(block)
        self.samples += len(block)
        self.clipped += int(np.count_nonzero(size >= FULL_SCALE))
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        self.energy += float(np.dot(block, block))

    @property
    def decibel(self) -> float:
        """Root mean square in dB under full scale."""
        return 10 * math.log10(max(self.energy / max(1, self.samples), 1e-12))


class RecordingMel:
    """The mel of a recording in blocks, and what was found on the way.

    Args:
        path, stream: of the recording.
        front_end: what mels are made with.
        preparation: what is done before.

    Attributes:
        whole, level: of all samples.
        used: samples that are left after silence was cut out.
        gain: that brought it to the loudness asked for.
    """

    def __init__(self, path: Path, front_end: FrontEnd, preparation: Preparation, stream: int = 0) -> None:
        self.path = path
        self.number = stream
        self.preparation = preparation
        self.rate = front_end.spec.sample_rate
        self.stream = MelStream(front_end)
        self.level = Level()
        self.used = 0
        self.gain = 1.0

    def blocks(self) -> Iterator[np.ndarray]:
        """Frames (T, M) float16, to be raised to :attr:`floor` when all are there.

        Raises:
            UserError: the recording cannot be read, or nothing of it is left.
        """
        if self.preparation.loudness is not None:
            self.gain = self.wanted_gain(self.preparation.loudness)
        for block in self.adjusted():
            yield self.stream.push(block)
        if not self.used:
            raise UserError(f"{self.path}: nothing is left of it by prepare.silence={self.preparation.silence}")
        yield self.stream.finish()

    @property
    def floor(self) -> np.float16:
        return self.stream.floor

    def adjusted(self) -> Iterator[np.ndarray]:
        """Give what is used of the recording (N,), which is measured, as loud and at the pitch that are asked for."""
        blocks = self.louder(self.sound(self.level))
        if self.preparation.shift is None:
            return blocks
        from melgan_vc.audio.pitch_shift.steps import PitchShifter  # here, for its compiler takes memory

        return PitchShifter(self.preparation.shift, self.rate).blocks(blocks)

    def louder(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.used += len(block)
            yield block * np.float32(self.gain) if self.gain != 1 else block

    def sound(self, level: Level | None = None) -> Iterator[np.ndarray]:
        """What is used of the recording, in blocks (N,); all of it is measured by ``level``."""
        silence = self.preparation.silence
        if silence == "none":
            yield from self.decoded(level)
            return
        if silence == "energy":
            loudest = activity.loudest_frame(self.decoded(None))
            judge = activity.loud(self.rate, loudest, self.preparation.silence_db)
        else:
            judge = activity.speech(self.rate)
        yield from activity.kept(self.decoded(level), judge, self.rate)

    def decoded(self, level: Level | None) -> Iterator[np.ndarray]:
        for block in io.mono_blocks(self.path, self.rate, self.preparation.mono, self.number):
            if level is not None:
                level.add(block)
            yield block

    def wanted_gain(self, target: float) -> float:
        """What brings the recording to a loudness, as far as that does not clip it."""
        level = Level()
        found = loudness(self.measured(level), self.rate)
        if not math.isfinite(found):
            return 1.0
        return min(10 ** ((target - found) / 20), FULL_SCALE / max(level.peak, 1e-9))

    def measured(self, level: Level) -> Iterator[np.ndarray]:
        for block in self.sound():
            level.add(block)
            yield block
