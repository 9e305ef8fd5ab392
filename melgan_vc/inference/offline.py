"""Recordings to converted recordings: same duration, sample rate and channels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from melgan_vc.audio import io
from melgan_vc.audio.inversion import GriffinLim, Inverter
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

    @torch.inference_mode()
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
    """Where each recording goes.

    Args:
        files: recordings.
        folder: that they were found in, whose tree ``output`` then mirrors; None for a single file.
        output: a folder, or for a single file also a file name with an audio suffix.
    """
    if folder is None:
        as_file = output.suffix.lower() in (".wav", ".flac", ".ogg") and not output.is_dir()
        return [Job(files[0], output if as_file else output / f"{files[0].stem}.wav")]
    if output.is_file():
        raise UserError(f"{output}: is a file, but the input is a folder; give a folder for the output")
    return list(named_apart([(path, output / path.relative_to(folder)) for path in files]))


def named_apart(pairs: list[tuple[Path, Path]]) -> Iterator[Job]:
    """Jobs with .wav names; recordings that differ in their suffix alone keep it: a.mp3.wav."""
    stems = [target.with_suffix("") for _, target in pairs]
    for (path, target), stem in zip(pairs, stems, strict=True):
        twins = stems.count(stem) > 1
        yield Job(path, target.with_name(f"{target.name if twins else target.stem}.wav"))
