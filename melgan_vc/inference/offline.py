"""Recordings to converted recordings: same duration, sample rate and channels."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from melgan_vc.audio import io
from melgan_vc.audio.decode import SUFFIXES
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.inversion import Inverter
from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter


class OfflineConverter:
    """Whole recordings through front end, generator and inversion.

    Args:
        converter: mel to mel.
        inverter: mel to waveform; Griffin-Lim by default.
        tail: how the last chunk is filled, see :meth:`Converter.convert`.
    """

    def __init__(self, converter: Converter, inverter: Inverter | None = None, tail: str = "context") -> None:
        self.audio = converter.bundle.audio
        self.converter = converter
        self.front_end = MelTransform(self.audio)
        self.inverter = inverter if inverter is not None else GriffinLim(self.audio)
        self.tail = tail

    @torch.no_grad()
    def convert(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Translate a waveform (C, N) float32 at any sample rate, each channel on its own, to the same shape."""
        ours = io.resample(waveform, sample_rate, self.audio.sample_rate)
        channels = []
        for channel in torch.from_numpy(np.ascontiguousarray(ours)):
            mel = self.converter.convert(self.front_end(channel), self.tail)
            channels.append(self.inverter(mel[None], samples=len(channel))[0].numpy())
        return io.resample(np.stack(channels), self.audio.sample_rate, sample_rate, samples=waveform.shape[-1])

    def convert_file(self, path: Path, output: Path) -> float:
        """Convert one recording; returns the gain that kept it under full scale, 1 or less."""
        recording = io.read(path)
        converted = self.convert(recording.waveform, recording.sample_rate)
        return io.write(output, converted, recording.sample_rate, recording.subtype)


@dataclass(frozen=True)
class Job:
    """One recording to convert and where to."""

    path: Path
    output: Path


def plan(files: list[Path], folder: Path | None, output: Path) -> list[Job]:
    """Where each recording goes, as .wav unless a single file's name says otherwise.

    Args:
        files: recordings.
        folder: that they were found in, whose tree ``output`` then mirrors; None for a single file.
        output: a folder, or for a single file also a file name with an audio suffix.

    Raises:
        UserError: a recording would be overwritten, or the output cannot be what it is named.
    """
    names_file = output.suffix.lower() in SUFFIXES and not output.is_dir()
    if folder is None:
        job = Job(files[0], output if names_file else output / f"{files[0].stem}.wav")
        if job.output.resolve() == files[0].resolve():
            raise UserError(f"{job.output}: is the recording itself; give another name for the output")
        if names_file:
            io.check_writable_format(output)
        return [job]
    if names_file or output.is_file():
        raise UserError(f"{output}: is named like a file, but the input is a folder; give a folder for the output")
    if output.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{output}: lies in the input folder, so it would be converted too; give a folder outside it")
    return [
        Job(path, output / name)
        for path, name in zip(files, wav_names([f.relative_to(folder) for f in files]), strict=True)
    ]


def wav_names(names: list[Path]) -> list[Path]:
    """A .wav name for each recording; those that would share one keep their suffix: a.mp3.wav."""
    plain = [name.with_name(f"{name.stem}.wav") for name in names]
    full = [name.with_name(f"{name.name}.wav") for name in names]
    counts = Counter(str(name).casefold() for name in plain + full)
    chosen = [whole if counts[str(short).casefold()] > 1 else short for short, whole in zip(plain, full, strict=True)]
    if len({str(name).casefold() for name in chosen}) < len(chosen):
        raise UserError("some recordings differ in upper and lower case alone; rename them")
    return chosen
