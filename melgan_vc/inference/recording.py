"""One recording on its way through a conversion."""

import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from melgan_vc.audio import io
from melgan_vc.audio.cleaning import HIGHEST, MOST, clean
from melgan_vc.audio.decode import Stream, opened
from melgan_vc.audio.layout import Layout
from melgan_vc.audio.loudness import Meter
from melgan_vc.audio.pitch_shift.tracking import F0Meter
from melgan_vc.errors import UserError
from melgan_vc.files import check_output
from melgan_vc.inference.front_end import FrontEndSteps
from melgan_vc.text import counted, printable

log = logging.getLogger(__name__)
HELD = 32 << 20  # bytes of converted sound that are kept in memory; more goes to a file without a name
PIECE = 1 << 16  # samples of each stream that are read back at a time
LARGEST_GAIN = 30.0  # dB that a conversion's level is changed by, at most
Opener = Callable[[], AbstractContextManager[Stream]]


@dataclass(frozen=True)
class Source:
    """A recording to convert.

    Attributes:
        name: for messages.
        opened: opens it, as often as it is asked to.
        output: file to write, in whose folder what is kept meanwhile goes where it is much; None keeps that in the
            system's folder.
        version: tells whether what is opened is still the same.
    """

    name: str
    opened: Opener
    output: Path | None = None
    version: Callable[[], object] = lambda: None


def of_file(path: Path, output: Path) -> Source:
    """Return a file as what is converted."""

    def version() -> object:
        found = path.stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    return Source(printable(path), lambda: opened(path), output, version)


def of_array(waveform: np.ndarray, sample_rate: int) -> Source:
    """A waveform (C, N), as if it were a file."""
    step = 10 * sample_rate

    def blocks() -> Iterator[np.ndarray]:
        if waveform.ndim != 2 or not waveform.size:
            raise UserError(f"the waveform has shape {waveform.shape}; give (C, N) with a sample at least")
        if not np.isfinite(waveform).all():
            raise UserError("the waveform holds NaN or infinite samples: repair or re-export the recording")
        for start in range(0, waveform.shape[1], step):
            yield np.ascontiguousarray(waveform[:, start : start + step].T, np.float32)

    def stream() -> AbstractContextManager[Stream]:
        return nullcontext(Stream(sample_rate, len(waveform), "FLOAT", waveform.shape[-1] / sample_rate, {}, blocks()))

    return Source("the waveform", stream)


@dataclass(frozen=True)
class Survey:
    """Statistics that must be known of a recording before it is converted.

    Attributes:
        samples: (N) of each channel.
        loudest: of each stream, level in dB of its loudest mel bin.
        loudness: of each stream, in LUFS.
        f0: of each stream, its median in Hz, where that is matched and there is a voice; else None.
    """

    samples: int
    loudest: tuple[float, ...]
    loudness: tuple[float, ...]
    f0: tuple[float | None, ...]


class Pass:
    """One reading of a recording: its samples are counted, and what is no sound in it is replaced by silence."""

    def __init__(self) -> None:
        self.samples = self.replaced = 0

    def cleaned(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Give blocks (N, C) of sound."""
        for block in blocks:
            found, replaced = clean(block)
            self.samples += len(block)
            self.replaced += replaced
            yield found


class Conversion:
    """A recording's streams at the model's rate, and what they were converted to.

    Args:
        source: the recording.
        front_end: of the model.
        policy: see :class:`melgan_vc.audio.layout.Layout`.

    Raises:
        UserError: the recording is damaged or of no use, or its output cannot be written.
    """

    def __init__(self, source: Source, front_end: FrontEndSteps, policy: str) -> None:
        self.source = source
        self.front_end = front_end
        self.rate = front_end.spec.sample_rate
        self.version = source.version()
        with source.opened() as stream:
            self.sample_rate, self.subtype, self.tags = stream.sample_rate, stream.subtype, dict(stream.tags)
            self.layout = Layout(policy, stream.channels, source.name)
        self.streams = self.layout.streams
        self.survey = self.surveyed()
        if source.output is not None:
            check_output(source.output)
        self.blocks = self.blocks_again()
        scratch = None if source.output is None else str(source.output.parent)
        self.sound = tempfile.SpooledTemporaryFile(HELD, dir=scratch)  # noqa: SIM115  (N, S) float32, until close
        self.meters = [Meter(self.rate) for _ in range(self.streams)]

    def surveyed(self) -> Survey:
        """Read the recording once; what is wrong with it is found before anything is converted."""
        reading = Pass()
        meters = [Meter(self.rate) for _ in range(self.streams)]
        f0 = self.measured_f0()
        states = [self.front_end.start(f0=one) for one in f0]
        for block in self.model_blocks(reading):
            for at, (meter, one) in enumerate(zip(meters, block, strict=True)):
                meter.push(one.numpy())
                states[at], _ = self.front_end.step(states[at], one)
        self.tell_replaced(reading)
        ends = [self.front_end.end(state)[0] for state in states]
        loudness = tuple(meter.loudness for meter in meters)
        return Survey(reading.samples, tuple(end.loudest for end in ends), loudness, f0)

    def measured_f0(self) -> tuple[float | None, ...]:
        """Read the recording for the median F0 of each stream, where that is matched."""
        if self.front_end.match is None:
            return (None,) * self.streams
        meters = [F0Meter(self.rate) for _ in range(self.streams)]
        for block in self.model_blocks(Pass()):
            for meter, one in zip(meters, block, strict=True):
                meter.push(one.numpy())
        return tuple(meter.median for meter in meters)

    def tell_replaced(self, reading: Pass) -> None:
        """Warn of samples that are no sound, and refuse a recording that has many.

        Raises:
            UserError: it has.
        """
        if not reading.replaced:
            return
        found = (
            f"{counted(reading.replaced, 'sample is', 'samples are')} more than {HIGHEST:g} times as loud as full scale"
        )
        if reading.replaced > MOST * reading.samples * self.layout.channels:
            raise UserError(f"{self.source.name}: {found}; export the recording again, with samples from -1 to 1")
        log.warning("warning: %s: %s; they are replaced by silence", self.source.name, found)

    def blocks_again(self) -> Iterator[list[Tensor]]:
        """Give the streams (S of (N,)) at the model's rate, for the conversion.

        Raises:
            UserError: the recording is another one by now.
        """
        reading = Pass()
        yield from self.model_blocks(reading)
        if reading.samples != self.survey.samples:
            raise UserError(self.changed)

    def model_blocks(self, reading: Pass) -> Iterator[list[Tensor]]:
        """Give the streams (S of (N,)) at the model's rate.

        Args:
            reading: that counts them.

        Raises:
            UserError: the recording is another one by now.
        """
        if self.source.version() != self.version:
            raise UserError(self.changed)
        with self.source.opened() as stream:
            if (stream.channels, stream.sample_rate) != (self.layout.channels, self.sample_rate):
                raise UserError(self.changed)
            apart = (self.layout.apart(block) for block in reading.cleaned(stream.blocks))
            for block in io.resampled(apart, self.streams, stream.sample_rate, self.rate):
                yield list(torch.from_numpy(np.ascontiguousarray(block.T)))

    @property
    def changed(self) -> str:
        """Message about a recording that is written while it is read."""
        return f"{self.source.name}: was changed while it was converted; convert it again"

    def take(self, sounds: list[Tensor]) -> None:
        """Keep converted samples (N,) of each stream."""
        for meter, sound in zip(self.meters, sounds, strict=True):
            meter.push(sound.numpy())
        self.sound.write(np.ascontiguousarray(torch.stack(sounds, dim=1).numpy()).tobytes())

    def gains(self, level: str | float | None) -> np.ndarray:
        """Return the factor of each stream (S,).

        Args:
            level: "source" makes each as loud as it was; a number, so many LUFS; None changes nothing.
        """
        changes = []
        for before, meter in zip(self.survey.loudness, self.meters, strict=True):
            wanted = before if level == "source" else level
            known = isinstance(wanted, int | float) and math.isfinite(wanted) and math.isfinite(meter.loudness)
            change = wanted - meter.loudness if known else 0.0  # type: ignore[operator]
            changes.append(min(max(change, -LARGEST_GAIN), LARGEST_GAIN))
        return np.asarray(10 ** (np.asarray(changes) / 20), np.float32)

    def converted(self, level: str | float | None) -> Iterator[np.ndarray]:
        """Give the converted recording, in blocks (N, C) at its own rate, as many samples as it has."""
        gains = self.gains(level)
        left = self.survey.samples
        found = io.resampled((one * gains for one in self.kept()), self.streams, self.rate, self.sample_rate)
        for block in found:
            yield self.layout.together(block[:left])
            left -= min(left, len(block))
        if left:
            yield np.zeros((left, self.layout.channels), np.float32)

    def kept(self) -> Iterator[np.ndarray]:
        """The converted streams in blocks (N, S)."""
        self.sound.seek(0)
        while data := self.sound.read(PIECE * self.streams * 4):
            yield np.frombuffer(data, np.float32).reshape(-1, self.streams)

    def close(self) -> None:
        """Let go of the recording and of what was kept."""
        self.blocks.close()  # type: ignore[attr-defined]
        self.sound.close()
