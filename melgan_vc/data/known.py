"""Public corpora as their makers lay them out; none is downloaded."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from melgan_vc.config.paths import expand_user
from melgan_vc.data.corpora import Corpus, Recording
from melgan_vc.data.corpus import report_skipped
from melgan_vc.errors import UserError


class Known(Corpus):
    """A public corpus on this disk.

    Args:
        root: the folder that it was unpacked into.
        parts: its speakers or genres that make up the domain.
    """

    title: str
    home: str  # where to get it
    layout: str  # what must be in the root, for the error
    kind = "speaker"  # what the parts are

    def __init__(self, root: str, parts: str | Sequence[str]) -> None:
        self.root = expand_user(root)
        self.parts = [parts] if isinstance(parts, str) else [str(part) for part in parts]
        if not self.parts:
            raise UserError(f"{self.title}: no {self.kind} is given; give one of {', '.join(self.known()) or '...'}")
        self.place = f"{self.root} ({', '.join(self.parts)})"
        self.label = f"{type(self).__name__.lower()}-{'-'.join(self.parts)[:60]}"

    def recordings(self) -> dict[str, Recording]:
        found: dict[str, Recording] = {}
        for part in self.parts:
            of_part = dict(self.of_part(part))
            if not of_part:
                known = self.known()
                if not known:
                    raise UserError(
                        f"{self.root}: {self.title} is not there: get it from {self.home}, and place it so that "
                        f"{self.layout} is in data.root"
                    )
                raise UserError(
                    f"{self.root}: {self.title} has no {self.kind} {part!r} there; it has {', '.join(known)}"
                )
            found |= {name: replace(one, speaker=part) for name, one in of_part.items()}
        return found

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        """The recordings of a speaker or genre by name."""
        raise NotImplementedError

    def known(self) -> list[str]:
        """The speakers or genres that are on the disk."""
        raise NotImplementedError

    def under(
        self, folder: Path, pattern: str, group: Callable[[Path], str | None] = lambda path: None,
        split: str | None = None, stream: int = 0,
    ) -> Iterator[tuple[str, Recording]]:  # fmt: skip
        report_unreadable(folder, pattern.count("/"))
        for path in sorted(folder.glob(pattern)):
            if not path.name.startswith("."):
                yield path.relative_to(self.root).as_posix(), Recording(path, group(path), split, stream)


def report_unreadable(folder: Path, levels: int) -> None:
    """Tell folders that cannot be read, which a pattern passes over in silence, so many levels deep."""
    folders = [folder]
    for level in range(levels + 1):
        for one in folders:
            if one.is_dir() and not os.access(one, os.R_OK | os.X_OK):
                report_skipped(one, os.strerror(errno.EACCES))
        folders = [inside for one in folders for inside in one.glob("*/")] if level < levels else []


class CmuArctic(Known):
    """CMU ARCTIC (Kominek and Black, 2004): read English, one folder a speaker."""

    title = "CMU ARCTIC"
    home = "http://festvox.org/cmu_arctic (cmu_us_bdl_arctic-0.95-release.zip and so on)"
    layout = "cmu_us_bdl_arctic/wav/arctic_a0001.wav"

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        return self.under(self.root / f"cmu_us_{part}_arctic" / "wav", "*.wav")

    def known(self) -> list[str]:
        return sorted(path.name.split("_")[2] for path in self.root.glob("cmu_us_*_arctic"))


class Vctk(Known):
    """VCTK 0.92, or an older one (Yamagishi et al., 2019): read English, one folder a speaker.

    Args:
        root, parts: as for all.
        microphone: 1 or 2, where there are both.
    """

    title = "VCTK"
    home = "https://datashare.ed.ac.uk/handle/10283/3443"
    layout = "wav48_silence_trimmed/p225/p225_001_mic1.flac, or wav48/p225/p225_001.wav"

    def __init__(self, root: str, parts: str | Sequence[str], microphone: int = 1) -> None:
        super().__init__(root, parts)
        self.microphone = microphone

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        yield from self.under(self.root / "wav48_silence_trimmed" / part, f"{part}_*_mic{self.microphone}.flac")
        yield from self.under(self.root / "wav48" / part, f"{part}_*.wav")

    def known(self) -> list[str]:
        return sorted(
            {path.name for home in ("wav48_silence_trimmed", "wav48") for path in self.root.glob(f"{home}/*/")}
        )


class Vcc2018(Known):
    """Voice Conversion Challenge 2018 (Lorenzo-Trueba et al., 2018), with its split."""

    title = "VCC 2018"
    home = "https://datashare.ed.ac.uk/handle/10283/3061"
    layout = "vcc2018_training/VCC2SF1/10001.wav"
    homes = (("vcc2018_training", "train"), ("vcc2018_evaluation", "validation"), ("vcc2018_reference", "validation"))

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        for home, split in self.homes:
            yield from self.under(self.root / home / part, "*.wav", split=split)

    def known(self) -> list[str]:
        return sorted({path.name for home, _ in self.homes for path in self.root.glob(f"{home}/*/")})


class LibriTts(Known):
    """LibriTTS (Zen et al., 2019): audio books; a speaker's chapters stay together."""

    title = "LibriTTS"
    home = "https://www.openslr.org/60"
    layout = "train-clean-100/103/1240/103_1240_000000_000001.wav"

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        for subset in self.subsets():
            yield from self.under(subset / part, "*/*.wav", group=lambda path: f"{part}/{path.parent.name}")

    def known(self) -> list[str]:
        return sorted(
            {path.name for subset in self.subsets() for path in subset.glob("*/")}, key=lambda name: (len(name), name)
        )

    def subsets(self) -> list[Path]:
        return sorted(path for pattern in ("train-*", "dev-*", "test-*") for path in self.root.glob(f"{pattern}/"))


class Gtzan(Known):
    """GTZAN (Tzanetakis and Cook, 2002): thirty seconds each of ten genres."""

    title = "GTZAN"
    home = "http://marsyas.info/downloads/datasets.html, or a mirror of it"
    layout = "genres_original/blues/blues.00000.wav, or genres/blues/blues.00000.au"
    kind = "genre"

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        for home in ("genres_original", "genres"):
            for suffix in ("wav", "au"):
                yield from self.under(self.root / home / part, f"*.{suffix}")

    def known(self) -> list[str]:
        return sorted({path.name for home in ("genres_original", "genres") for path in self.root.glob(f"{home}/*/")})


class Musdb18(Known):
    """MUSDB18 or MUSDB18-HQ (Rafii et al., 2017 and 2019), with its split; the parts are stems."""

    title = "MUSDB18"
    home = "https://sigsep.github.io/datasets/musdb.html"
    layout = "train/NAME.stem.mp4, or train/NAME/mixture.wav"
    kind = "stem"
    stems = ("mixture", "drums", "bass", "other", "vocals")  # in the order of the streams in a .stem.mp4
    homes = (("train", "train"), ("test", "validation"))

    def of_part(self, part: str) -> Iterator[tuple[str, Recording]]:
        if part not in self.stems:
            return
        for home, split in self.homes:
            yield from self.under(self.root / home, f"*/{part}.wav", lambda path: path.parent.name, split)
            streams = self.under(self.root / home, "*.stem.mp4", lambda path: path.name, split, self.stems.index(part))
            yield from ((f"{name}#{part}", recording) for name, recording in streams)

    def known(self) -> list[str]:
        there = any(next(self.root.glob(pattern), None) for pattern in ("*/*.stem.mp4", "*/*/mixture.wav"))
        return list(self.stems) if there else []
