"""What is said in recordings, where their corpus or a text file beside them says it."""

import csv
import logging
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from melgan_vc.data.corpora import Recording
from melgan_vc.text import printable

log = logging.getLogger(__name__)
SUFFIXES = (".normalized.txt", ".txt", ".lab")  # of LibriTTS, many, and the Montreal Forced Aligner
MICROPHONE = re.compile(r"_mic\d$")  # that VCTK's names of recordings end with, and those of its texts do not
TIMED = re.compile(r"\s*(#|[\d.]+\s+[\d.]+\s)")  # how labels of phones begin, with their times
FESTIVAL_LIST, LIBRISPEECH_LISTS = "txt.done.data", "*.trans.txt"
LJSPEECH_LIST, TABLE = "metadata.csv", "sentences.csv"
FESTIVAL = re.compile(r'^\(\s*(\S+)\s+"(.*)"\s*\)$')
LARGEST_TEXT, LARGEST_LIST = 20_000, 20_000_000  # bytes


def transcripts(paths: Mapping[str, Path]) -> dict[str, str]:
    """Return the transcripts of the recordings that have one, by name.

    Args:
        paths: of recordings, by name. The transcript of ``a.wav`` is ``a.txt``, ``a.normalized.txt`` or ``a.lab``
            beside it, or ``txt/SPEAKER/a.txt`` as VCTK has it, else its line in Festival's ``txt.done.data`` in its
            folder or the neighbouring folder ``etc``, in a file ``*.trans.txt`` of its folder (LibriSpeech), in
            ``metadata.csv`` there or one folder up (LJSpeech), or its row in ``sentences.csv`` with the columns file
            and text up to two folders up. Labels with times are no transcript.
    """
    found = {name: beside(path) or listed(path.parent).get(path.stem) for name, path in paths.items()}
    return {name: text for name, text in found.items() if text}


def transcript_of(recording: Recording) -> str | None:
    """Return what is said in a recording, as its corpus or a file beside it has it; None where neither has."""
    return recording.text or transcripts({"": recording.path}).get("")


def beside(path: Path) -> str | None:
    """Return the text of the file beside a recording, or where VCTK has it, on one line."""
    speaker = path.parent
    vctk = speaker.parent.parent / "txt" / speaker.name / f"{MICROPHONE.sub('', path.stem)}.txt"
    for place in (*(path.with_name(path.stem + suffix) for suffix in SUFFIXES), vctk):
        text = read(place, LARGEST_TEXT)
        if text is not None and not TIMED.match(text):
            return " ".join(text.split()) or None
    return None


@lru_cache(maxsize=64)
def listed(folder: Path) -> dict[str, str]:
    """Return the transcripts that the lists of a folder hold, by the stems of their recordings."""
    found: dict[str, str] = {}
    beside_it = folder.parent / "etc"  # as CMU ARCTIC has it
    for path in (folder / FESTIVAL_LIST, beside_it / FESTIVAL_LIST, *sorted(folder.glob(LIBRISPEECH_LISTS))):
        for line in (read(path, LARGEST_LIST) or "").splitlines():
            match = FESTIVAL.match(line.strip())
            stem, text = match.groups() if match else line.partition(" ")[::2]
            if text.strip():
                found.setdefault(stem, text.strip())
    for stem, text in (*ljspeech(folder), *sentences(folder)):
        found.setdefault(stem, text)
    return found


def ljspeech(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield stems and texts of LJSpeech's list: name, text, and perhaps the text with its numbers in words."""
    for place in (folder, folder.parent):
        for line in (read(place / LJSPEECH_LIST, LARGEST_LIST) or "").splitlines():
            stem, *texts = line.split("|")
            if len(texts) in (1, 2) and texts[-1].strip():
                yield stem, texts[-1].strip()


def sentences(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield stems and texts of a table with the columns file and text, as the bundled voices have one."""
    for place in (folder, *folder.parents[:2]):
        try:
            rows = list(csv.DictReader((read(place / TABLE, LARGEST_LIST) or "").splitlines()))
        except csv.Error as error:
            log.warning("warning: %s: is no table (%s); skipped", printable(place / TABLE), error)
            continue
        for row in rows:
            if not {"file", "text"} <= row.keys():
                break
            file, text = place / (row["file"] or ""), (row["text"] or "").strip()
            if file.parent == folder and text:
                yield file.stem, text


def read(path: Path, largest: int) -> str | None:
    """Return the text of a file; None, with a warning if there is one, where it cannot be read or is too large."""
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > largest:
            log.warning("warning: %s: over %d bytes, too large for transcripts; skipped", printable(path), largest)
            return None
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        log.warning("warning: %s: cannot be read as UTF-8 text (%s); skipped", printable(path), error)
        return None
