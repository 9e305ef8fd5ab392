"""Recordings to convert, and where each goes."""

import hashlib
import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from melgan_vc.audio.decode import SUFFIXES
from melgan_vc.audio.io import FORMATS, check_writable_format
from melgan_vc.errors import UserError
from melgan_vc.files import LONGEST, Originals, same_file
from melgan_vc.text import printable


@dataclass(frozen=True)
class Job:
    """One recording to convert and where to.

    Attributes:
        path: of the recording.
        output: of the conversion.
        folder: that the output must not leave, not even through links; None leaves that to the user.
    """

    path: Path
    output: Path
    folder: Path | None = None

    def check(self, originals: Originals) -> None:
        """Refuse an output that would replace a recording, or that a link leads out of its folder.

        Raises:
            UserError: it does.
        """
        originals.refuse(self.output)
        if self.folder is None:
            return
        place = Path(os.path.realpath(self.output.parent))
        if not place.is_relative_to(os.path.realpath(self.folder)):
            raise UserError(
                f"{printable(self.output)}: a link leads out of the output folder, to {printable(place)}; remove it, "
                "or give that folder as the output"
            )


def plan(files: list[Path], folder: Path | None, output: Path, overwrite: bool = False) -> list[Job]:
    """Return where each recording goes: under its own name, or as .wav where its format cannot be written.

    Args:
        files: recordings.
        folder: that they were found in, whose tree ``output`` then mirrors; None for a single file.
        output: a folder, or for a single file also a file name with the suffix of an audio format.
        overwrite: whether what is there already is replaced.

    Raises:
        UserError: a recording would be overwritten, or the output cannot be what it is named.
    """
    names_file = output.suffix.lower() in SUFFIXES and not output.is_dir()
    if folder is None:
        if names_file:
            check_writable_format(output)
        job = Job(files[0], output if names_file else output / written(Path(files[0].name)))
        if same_file(job.output, job.path):
            raise UserError(f"{printable(job.output)}: is the recording itself; give another name for the output")
        return [job]
    check_folders(folder, output, names_file, overwrite)
    names = written_names([path.relative_to(folder) for path in files])
    return [Job(path, output / name, output) for path, name in zip(files, names, strict=True)]


def check_folders(folder: Path, output: Path, names_file: bool, overwrite: bool) -> None:
    """Refuse an output folder that is mixed up with the input folder.

    Raises:
        UserError: one lies in the other, or the output is no folder.
    """
    if names_file or (output.exists() and not output.is_dir()):
        raise UserError(
            f"{printable(output)}: is named like a file, but the input is a folder; give a folder for the output"
        )
    inside, outside = Path(os.path.realpath(folder)), Path(os.path.realpath(output))
    if outside.is_relative_to(inside):
        raise UserError(
            f"{printable(output)}: lies in the input folder, so it would be converted too; give a folder outside it"
        )
    if overwrite and inside.is_relative_to(outside):
        raise UserError(
            f"{printable(output)}: holds the input folder, so overwrite=true could replace recordings beside it; give "
            "another folder for the output"
        )


def written(name: Path) -> Path:
    """Return a recording's name in a format that can be written."""
    return name if name.suffix.lower() in FORMATS else name.with_suffix(".wav")


def written_names(names: list[Path]) -> list[Path]:
    """Return a name for each recording; those that would share one keep their suffix before the new one: a.m4a.wav.

    Names that would still be the same (also where upper and lower case are), or too long, get a part of their hash.
    """
    short = [written(name) for name in names]
    counts = Counter(folded(name) for name in short)
    owners: dict[str, Path] = {}
    for name, one in zip(names, short, strict=True):
        if name == one:
            owners.setdefault(folded(one), name)
    chosen = []
    for name, one in zip(names, short, strict=True):
        wanted = one if name == one or counts[folded(one)] == 1 else name.with_name(f"{name.name}.wav")
        if owners.setdefault(folded(wanted), name) != name or len(os.fsencode(wanted.name)) > LONGEST:
            wanted = hashed(wanted, name)
        chosen.append(wanted)
    return chosen


def folded(name: Path) -> str:
    """Return what two names have in common that some file systems take for the same."""
    return unicodedata.normalize("NFC", str(name).casefold())


def hashed(name: Path, original: Path) -> Path:
    """Return a name that holds a part of the original's hash, and fits into a file system."""
    ending = f"~{hashlib.sha256(os.fsencode(original)).hexdigest()[:8]}{name.suffix}"
    stem = os.fsencode(name.stem)[: LONGEST - len(ending)]
    return name.with_name(stem.decode(errors="ignore") + ending)
