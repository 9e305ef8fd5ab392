"""Recordings to converted recordings: same duration, sample rate, channels and level, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from melgan_vc.audio import io, methods
from melgan_vc.audio.layout import Layout
from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.synthesis import Synthesis
from melgan_vc.errors import FOR_ALL, UserError, explain_os_error
from melgan_vc.files import Originals
from melgan_vc.inference.background import background
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.jobs import Job
from melgan_vc.inference.recording import Conversion, Source, of_array, of_file
from melgan_vc.inference.sound import SoundState, SoundSteps
from melgan_vc.inference.translation import Translated, TranslationState, TranslationSteps

AHEAD = 2  # batches that are translated before they become sound
Advance = Callable[[float], object]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Outcome:
    """Result of a job.

    Attributes:
        job: it.
        gain: that kept the recording under full scale, 1 or less.
        error: why it could not be converted, if so.
    """

    job: Job
    gain: float = 1.0
    error: UserError | None = None


@dataclass
class Running(Generic[Key]):
    """A recording that is being converted, and what its streams' steps keep."""

    key: Key
    conversion: Conversion
    translations: list[TranslationState]
    sounds: list[SoundState]
    given: int = 0  # samples of each stream


@dataclass(frozen=True)
class Batch(Generic[Key]):
    """Result of one step of all running recordings.

    Attributes:
        failed: those that turned out to be damaged.
        going, ended: translations of each stream of those that go on, and of those that do not.
    """

    failed: Sequence[tuple[Key, UserError]]
    going: Sequence[tuple[Running[Key], list[Translated]]]
    ended: Sequence[tuple[Running[Key], list[Translated]]]


class OfflineConverter:
    """Whole recordings through front end and generator, and back to sound.

    Recordings and their channels are converted side by side: their chunks go through the generator together, in one
    thread, and in another their mels become sound.

    Args:
        converter: mel to mel.
        inverter: the way back to sound; by default the bundle's, which is Griffin-Lim where it names none.
        tail: how the last chunk is filled, see :meth:`Converter.convert`.
        channels: see :class:`melgan_vc.audio.layout.Layout`.
        gate_db: where the source is under this level in dBFS (root mean square), silence is given; None: nowhere.
        level: "source" makes conversions as loud as their sources (BS.1770), a number so many LUFS; None leaves them.
        files_at_once: recordings side by side.
    """

    def __init__(
        self,
        converter: Converter,
        inverter: Synthesis | None = None,
        tail: str = "context",
        channels: str = "each",
        gate_db: float | None = -60.0,
        level: str | float | None = "source",
        files_at_once: int = 4,
    ) -> None:
        numeric = isinstance(level, int | float) and not isinstance(level, bool) and isfinite(level)
        if level not in ("source", None) and not numeric:
            raise UserError(f"level is {level!r}: give source, a number of LUFS such as -23, or null")
        if isinstance(files_at_once, bool) or not isinstance(files_at_once, int) or files_at_once < 1:
            raise UserError(f"files_at_once is {files_at_once!r}: give a whole number from 1")
        Layout(channels, 1)
        self.audio = converter.bundle.audio
        self.converter = converter
        self.front_end = MelTransform(self.audio)
        found = inverter if inverter is not None else methods.build(converter.bundle.inversion, self.audio)
        self.inverter = found.to(converter.device)
        self.tail = tail
        self.channels = channels
        self.level = level
        self.files_at_once = files_at_once
        self.translation = TranslationSteps(converter, tail)
        self.sound = SoundSteps(self.inverter, gate_db)

    def convert(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Translate a waveform (C, N) float32 at any sample rate to the same shape."""
        (_, done), *_ = self.run([(None, of_array(waveform, sample_rate))])
        if isinstance(done, UserError):
            raise done
        with closing(done):
            return np.ascontiguousarray(np.concatenate(list(done.converted(self.level))).T)

    def convert_file(self, path: Path, output: Path) -> float:
        """Convert one recording; returns the gain that kept it under full scale, 1 or less."""
        (outcome,) = self.convert_files([Job(path, output)])
        if outcome.error is not None:
            raise outcome.error
        return outcome.gain

    def convert_files(
        self,
        jobs: Iterable[Job],
        advance: Advance = lambda seconds: None,
        originals: Originals | None = None,
    ) -> Iterator[Outcome]:
        """Convert recordings, each under its final name when it is complete; what came of each, as they end.

        Args:
            jobs: recordings, and where they go.
            advance: told how many seconds of sound have been converted since it was told last.
            originals: that no output may replace; by default the recordings of these jobs.

        Raises:
            OSError: the system refused what it would also refuse for the next recording, such as on a full disk.
        """
        jobs = list(jobs)
        originals = Originals(job.path for job in jobs) if originals is None else originals
        for job, done in self.run(((job, of_file(job.path, job.output)) for job in jobs), advance):
            if isinstance(done, UserError):
                yield Outcome(job, error=done)
                continue
            with closing(done):
                yield self.written(job, done, originals)

    def written(self, job: Job, done: Conversion, originals: Originals) -> Outcome:
        """Write a converted recording."""
        blocks = partial(done.converted, self.level)
        channels = done.layout.channels
        try:
            job.check(originals)
            gain = io.write_blocks(job.output, blocks, channels, done.sample_rate, done.subtype, done.tags)
        except (UserError, OSError) as error:
            return Outcome(job, error=failure(error, job.output))
        return Outcome(job, gain)

    def run(
        self, sources: Iterable[tuple[Key, Source]], advance: Advance = lambda seconds: None
    ) -> Iterator[tuple[Key, Conversion | UserError]]:
        """Convert recordings; each by its key, converted or what is wrong with it, as they end."""
        with closing(background(self.translated(iter(sources)), AHEAD)) as batches:
            for batch in batches:
                yield from batch.failed
                self.make_sound(batch.going, advance)
                self.make_sound(batch.ended, advance)
                yield from self.finished(batch.ended, advance)

    def translated(self, sources: Iterator[tuple[Key, Source]]) -> Iterator[Batch[Key]]:
        """Translate recordings block by block, so many side by side."""
        running: list[Running[Key]] = []
        try:
            while True:
                failed: list[tuple[Key, UserError]] = []
                for key, source in islice(sources, self.files_at_once - len(running)):
                    try:
                        running.append(self.begun(key, Conversion(source, self.translation.front_end, self.channels)))
                    except (UserError, OSError) as error:
                        failed.append((key, failure(error, source.name)))
                if not running and not failed:
                    return
                going, ended = self.translate_step(running, failed)
                yield Batch(failed, going, ended)
                running = [one for one, _ in going]
        except GeneratorExit:  # not at an error of its own: batches that were given before are still being inverted
            for one in running:
                one.conversion.close()
            raise

    def begun(self, key: Key, conversion: Conversion) -> Running[Key]:
        survey = conversion.survey
        translations = [self.translation.start(*known) for known in zip(survey.loudest, survey.f0, strict=True)]
        return Running(key, conversion, translations, [self.sound.start() for _ in translations])

    def translate_step(
        self, running: Sequence[Running[Key]], failed: list[tuple[Key, UserError]]
    ) -> tuple[list[tuple[Running[Key], list[Translated]]], list[tuple[Running[Key], list[Translated]]]]:
        """The next block of each recording, all of them in one call of the generator, and the ends of others."""
        going, blocks, ended = [], [], []
        for one in running:
            try:
                block = next(one.conversion.blocks, None)
            except (UserError, OSError) as error:  # it was sound a moment ago; what came before is still being inverted
                failed.append((one.key, failure(error, one.conversion.source.name)))
                continue
            if block is None:
                ended.append(one)
            else:
                going.append(one)
                blocks += block
                one.given += len(block[0])
        states = [state for one in going for state in one.translations]
        states, pieces = self.translation.step(states, blocks)
        for one in going:
            count = len(one.translations)
            one.translations, states = states[:count], states[count:]
        last = self.translation.end([state for one in ended for state in one.translations])
        return shared(going, pieces), shared(ended, last)

    def make_sound(self, some: Sequence[tuple[Running[Key], list[Translated]]], advance: Advance) -> None:
        """Make sound of what was translated, and keep it."""
        states = [state for one, _ in some for state in one.sounds]
        states, sounds = self.sound.step(states, [piece for _, pieces in some for piece in pieces])
        for one, _ in some:
            count = len(one.sounds)
            one.sounds, states = states[:count], states[count:]
            one.conversion.take(sounds[:count])
            advance(len(sounds[0]) / self.audio.sample_rate)
            sounds = sounds[count:]

    def finished(
        self, ended: Sequence[tuple[Running[Key], list[Translated]]], advance: Advance
    ) -> Iterator[tuple[Key, Conversion]]:
        """Recordings with their last samples."""
        for one, _ in ended:
            sounds = self.sound.end(one.sounds, [one.given] * len(one.sounds))
            one.conversion.take(sounds)
            advance(len(sounds[0]) / self.audio.sample_rate)
            yield one.key, one.conversion


def failure(error: UserError | OSError, name: object) -> UserError:
    """Return an error of one recording in words.

    Args:
        error: that it met.
        name: of the recording, for errors of the system that name no file.

    Raises:
        OSError: the next recording would meet it as well.
    """
    if isinstance(error, UserError):
        return error
    if error.errno in FOR_ALL:
        raise error
    return UserError(explain_os_error(error, error.filename or name))


def shared(some: Sequence[Running[Key]], pieces: Sequence[Translated]) -> list[tuple[Running[Key], list[Translated]]]:
    """Each recording with those of the pieces that are of its streams."""
    left = iter(pieces)
    return [(one, list(islice(left, len(one.sounds)))) for one in some]
