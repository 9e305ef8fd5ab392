"""A domain's mels, prepared once: one memory-mapped array and a manifest in a folder named by its content."""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from melgan_vc.audio.io import read_mono
from melgan_vc.audio.mel import MelTransform
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.files import alone
from melgan_vc.spec import AudioSpec

log = logging.getLogger(__name__)
VERSION = 2
MELS = "mels.npy"
MANIFEST = "manifest.json"
LOCK = ".lock"


@dataclass(frozen=True)
class Item:
    """One recording in the store: frames [offset, offset + frames) of the array.

    Attributes:
        path: relative to the domain's folder.
        sha256: of the file.
        offset, frames: in frames.
        seconds: duration of the recording.
        clipped: share of samples at full scale.
        peak: largest sample, full scale at 1.
    """

    path: str
    sha256: str
    offset: int
    frames: int
    seconds: float
    clipped: float
    peak: float


@dataclass(frozen=True)
class MelStore:
    """The mels of a domain: array (T, M) float16, time-major so that a window is one contiguous piece."""

    folder: Path
    origin: str
    content: str
    audio: AudioSpec
    items: tuple[Item, ...]
    mels: np.ndarray

    @property
    def seconds(self) -> float:
        return sum(item.seconds for item in self.items)


def prepare(folder: Path, audio: AudioSpec, root: Path, progress: bool = True) -> MelStore:
    """The store of a folder's recordings under ``root``, made now unless it is there already.

    The store is found by the names and the content of the files and by the AudioSpec: a changed, added or renamed
    file, or another spec, makes a new one; a touched file or a moved folder does not.

    Raises:
        UserError: a recording cannot be read, none is there, or ``root`` cannot be written.
    """
    files = {path.relative_to(folder).as_posix(): path for path in corpus.find(folder)}
    hashes = {name: corpus.digest(path) for name, path in files.items()}
    content = hashlib.sha256(json.dumps([VERSION, audio.signature, sorted(hashes.items())]).encode()).hexdigest()
    home = root / f"{folder.resolve().name}-{content[:16]}"
    if (home / MANIFEST).is_file():
        return load(home)
    with alone(lock_file(root)):  # jobs of a sweep start together: the first one prepares for all
        if not (home / MANIFEST).is_file():
            with fresh_folder(home) as temporary:
                items = write_mels(files, hashes, audio, temporary / MELS, progress)
                manifest = {
                    "content": content,
                    "origin": str(folder),
                    "audio": asdict(audio),
                    "items": [asdict(item) for item in items],
                }
                (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            log.info("prepared %d recordings: %s", len(items), home)
    return load(home)


def lock_file(root: Path) -> Path:
    """The lock of a folder for stores, once it is sure that it can be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / LOCK).touch()
    except OSError as error:
        raise UserError(f"{root}: cannot be written ({error.strerror}); choose another with data.store=") from error
    return root / LOCK


def load(folder: Path) -> MelStore:
    """Open a prepared store without reading its mels into memory."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        mels = np.load(folder / MELS, mmap_mode="r")
        items = tuple(Item(**item) for item in manifest["items"])
        store = MelStore(folder, manifest["origin"], manifest["content"], AudioSpec(**manifest["audio"]), items, mels)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder}: the prepared mels are damaged ({error}); delete this folder and start again"
        ) from error
    wanted = sum(item.frames for item in items)
    if mels.shape != (wanted, store.audio.n_mels):
        raise UserError(
            f"{folder}: {mels.shape} mels found, {wanted} frames expected; delete this folder and start again"
        )
    return store


@contextmanager
def fresh_folder(home: Path) -> Iterator[Path]:
    """A temporary folder beside ``home`` that takes its name when the body ends well, and is gone otherwise."""
    temporary = home.parent / f".{home.name}.{uuid.uuid4().hex[:8]}.part"
    temporary.mkdir(parents=True)
    try:
        yield temporary
        try:
            os.replace(temporary, home)
        except OSError:
            if not (home / MANIFEST).is_file():  # else another process was first, and made the same
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_mels(
    files: dict[str, Path], hashes: dict[str, str], audio: AudioSpec, path: Path, progress: bool
) -> list[Item]:
    """Append the mels of each file to one .npy array (T, M), one recording in memory at a time."""
    front_end = MelTransform(audio)
    items: list[Item] = []
    failures: list[str] = []
    offset = 0
    with path.open("wb") as out:
        start = write_header(out, 0, audio.n_mels)
        for name, file in tqdm(files.items(), desc="preparing", unit="file", disable=not progress, delay=1):
            try:
                waveform = read_mono(file, audio.sample_rate)
            except UserError as error:
                failures.append(str(error))
                continue
            mel = front_end(torch.from_numpy(waveform)).T.numpy().astype(np.float16)  # (T, M)
            out.write(np.ascontiguousarray(mel).tobytes())
            level = np.abs(waveform)
            clipped, peak = float(np.mean(level >= 0.999)), float(level.max())
            items.append(Item(name, hashes[name], offset, len(mel), len(waveform) / audio.sample_rate, clipped, peak))
            offset += len(mel)
        out.seek(0)
        if write_header(out, offset, audio.n_mels) != start:
            raise RuntimeError("the .npy header changed its length")
    if failures:
        raise UserError(f"{len(failures)} of {len(files)} recordings cannot be used: {'; '.join(failures)}")
    return items


def write_header(out, frames: int, bins: int) -> int:  # type: ignore[no-untyped-def]
    """Write the .npy header of a float16 array (frames, bins) and tell where its data starts."""
    shape = {"descr": "<f2", "fortran_order": False, "shape": (frames, bins)}
    np.lib.format.write_array_header_2_0(out, shape)
    return out.tell()
