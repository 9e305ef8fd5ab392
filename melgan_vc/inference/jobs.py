"""Which recordings are converted, and where each goes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from melgan_vc.audio.decode import SUFFIXES
from melgan_vc.audio.io import FORMATS, check_writable_format
from melgan_vc.errors import UserError


@dataclass(frozen=True)
class Job:
    """One recording to convert and where to."""

    path: Path
    output: Path


def plan(files: list[Path], folder: Path | None, output: Path) -> list[Job]:
    """Where each recording goes: under its own name, or as .wav where its format cannot be written.

    Args:
        files: recordings.
        folder: that they were found in, whose tree ``output`` then mirrors; None for a single file.
        output: a folder, or for a single file also a file name with the suffix of an audio format.

    Raises:
        UserError: a recording would be overwritten, or the output cannot be what it is named.
    """
    names_file = output.suffix.lower() in SUFFIXES and not output.is_dir()
    if folder is None:
        if names_file:
            check_writable_format(output)
        job = Job(files[0], output if names_file else output / written(Path(files[0].name)))
        if job.output.resolve() == files[0].resolve():
            raise UserError(f"{job.output}: is the recording itself; give another name for the output")
        return [job]
    if names_file or output.is_file():
        raise UserError(f"{output}: is named like a file, but the input is a folder; give a folder for the output")
    if output.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{output}: lies in the input folder, so it would be converted too; give a folder outside it")
    names = written_names([path.relative_to(folder) for path in files])
    return [Job(path, output / name) for path, name in zip(files, names, strict=True)]


def written(name: Path) -> Path:
    """A recording's name in a format that can be written."""
    return name if name.suffix.lower() in FORMATS else name.with_suffix(".wav")


def written_names(names: list[Path]) -> list[Path]:
    """A name for each recording; those that would share one keep their suffix before the new one: a.m4a.wav."""
    short = [written(name) for name in names]
    full = [name if name in short else name.with_name(f"{name.name}.wav") for name in names]
    counts = Counter(str(name).casefold() for name in short)
    chosen = [long if counts[str(one).casefold()] > 1 else one for one, long in zip(short, full, strict=True)]
    if len({str(name).casefold() for name in chosen}) < len(chosen):
        raise UserError("some recordings would get the same name, or differ in upper and lower case alone; rename them")
    return chosen
