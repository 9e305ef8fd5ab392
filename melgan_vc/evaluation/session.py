"""An evaluation from recordings to figures: convert, write what can be heard, measure."""

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from melgan_vc import files
from melgan_vc.audio import io
from melgan_vc.audio.chunks import SILENCE
from melgan_vc.audio.synthesis import Piece
from melgan_vc.errors import UserError, explain_os_error
from melgan_vc.evaluation.baselines import VOICES
from melgan_vc.evaluation.documents import shortened
from melgan_vc.evaluation.material import DOMAINS, Clip, Material
from melgan_vc.evaluation.protocol import Protocol, Waveforms
from melgan_vc.evaluation.report import RECORD
from melgan_vc.evaluation.runs import CHECKPOINTS, CONFIG, METRICS, OTHERS
from melgan_vc.evaluation.speakers import CONVERTED, TRAINED, Speaker
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.terminal import Bar

log = logging.getLogger(__name__)
Convert = Callable[[np.ndarray], np.ndarray]  # waveforms (N,)
NOBODY: Mapping[Speaker, Any] = {}
SILENT_CHUNKS = 8
RESYNTHESISED, SOURCE_RESYNTHESISED = "target resynthesised", "source resynthesised"
EQUALISED = "mels equalised"
ALL_KINDS = {
    "source": (*TRAINED.kinds, *VOICES, SOURCE_RESYNTHESISED, EQUALISED),
    "target": (RESYNTHESISED, "target"),
}


@dataclass(frozen=True)
class Speed:
    """Seconds of converting, and of sound; no two evaluations have the same."""

    converting: float
    sound: float

    @property
    def times_real_time(self) -> float:
        return self.sound / max(self.converting, 1e-9)


def resynthesis(offline: OfflineConverter) -> Convert:
    """Through mel and back: the best that the representation allows; by filtering, the recording itself."""
    return through_mels(offline, lambda mel: mel)


def through_mels(offline: OfflineConverter, change: Convert) -> Convert:
    """A change of mels (M, T) as one of waveforms."""

    @torch.no_grad()
    def convert(waveform: np.ndarray) -> np.ndarray:
        source = torch.from_numpy(waveform)
        mel = offline.front_end(source)
        piece = Piece(torch.from_numpy(change(mel.numpy())), mel, source)
        return offline.inverter.synthesise(piece.to(offline.converter.device)).cpu().numpy()

    return convert


def run(
    waveforms: Mapping[str, Waveforms],
    offline: OfflineConverter,
    others: Mapping[str, Convert],
    protocol: Protocol,
    output: Path,
    unseen: Mapping[Speaker, Waveforms] = NOBODY,
    matching: OfflineConverter | None = None,
) -> Speed:
    """Convert and measure all recordings; leaves a WAV file of each kind of each.

    Args:
        waveforms: by domain and name.
        offline: the model's conversion, as ``melgan_vc.convert`` does it.
        others: of the source, to compare with.
        protocol: that measures.
        output: folder.
        unseen: recordings of speakers that were not trained on, to convert as well.
        matching: converts theirs; None for ``offline``.
    """
    rate = offline.audio.sample_rate
    model = Timed(lambda waveform: offline.convert(waveform[None], rate)[0])
    matched = model if matching is None else Timed(lambda waveform: matching.convert(waveform[None], rate)[0])

    def of(speaker: Speaker) -> dict[str, Convert]:
        return {speaker.source: unchanged, speaker.converted: model if speaker is TRAINED else matched}

    wanted: list[tuple[Waveforms, dict[str, Convert]]] = [
        (waveforms["source"], {**of(TRAINED), **others}),
        *((recordings, of(speaker)) for speaker, recordings in unseen.items()),
        (waveforms["target"], {RESYNTHESISED: resynthesis(offline), "target": unchanged}),
    ]
    pairs = [(name, one, kinds) for recordings, kinds in wanted for name, one in recordings.items()]
    for name, waveform, kinds in Bar(pairs, desc="evaluating", unit="recording"):
        for kind, convert in kinds.items():
            found = attempt(convert, waveform, output, name, kind, rate)
            if found is not None:
                protocol.add(name, kind, found)
    if not any(row.kind == CONVERTED for row in protocol.rows):
        raise UserError("none of the held-out recordings could be converted; the warnings above say why")
    return Speed(model.spent, model.samples / rate)


def attempt(convert: Convert, waveform: np.ndarray, output: Path, name: str, kind: str, rate: int) -> np.ndarray | None:
    """Convert a recording and write it; None, with a warning, where that fails for this one alone."""
    try:
        found = convert(waveform)
    except (OSError, MemoryError):  # of the machine, not of this recording
        raise
    except Exception as error:  # of a network or WORLD, by whatever this recording is
        log.warning("warning: %s: %s: %s; skipped", name, kind, shortened(error))
        return None
    try:
        io.write(path_of(output, name, kind), found[None], rate)
    except UserError as error:  # of this name; a full disk is an OSError
        log.warning("warning: %s: %s: %s; skipped", name, kind, shortened(error))
        return None
    return found


def check_output(
    output: Path, material: Material, folders: Iterable[Path], unseen: Mapping[Speaker, Sequence[Clip]] = NOBODY
) -> None:
    """Refuse an output folder in which an evaluation would replace or litter what it reads.

    Args:
        output: folder for the evaluation.
        material: that it listens to.
        folders: of recordings.
        unseen: recordings of speakers that were not trained on, which are converted as well.

    Raises:
        UserError: it would.
    """
    real = Path(os.path.realpath(output))
    if output.exists() and not output.is_dir():
        raise UserError(f"{output}: is a file; give a folder for the evaluation")
    there = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if CHECKPOINTS in there or (there & {CONFIG, METRICS} and not there & OTHERS):
        raise UserError(f"{output}: holds a run, whose files an evaluation would replace; give another output")
    for folder in folders:
        if folder.is_dir() and real.is_relative_to(os.path.realpath(folder)):
            raise UserError(
                f"{output}: lies in {folder}, so its files would be taken for recordings; give an output elsewhere"
            )
    known = (*material.held_out.values(), *material.training.values(), *unseen.values())
    every = [clip.file for clips in known for clip in clips]
    recordings = [file for file in every if file is not None]
    if real in {Path(os.path.realpath(file.parent)) for file in recordings}:
        raise UserError(f"{output}: holds recordings; give an output elsewhere")
    made = [(material.held_out[domain], ALL_KINDS[domain]) for domain in DOMAINS]
    made += [(clips, speaker.kinds) for speaker, clips in unseen.items()]
    written = [path_of(output, clip.name, kind) for clips, kinds in made for clip in clips for kind in kinds]
    replaced = files.inputs_among(written, recordings)
    if replaced:
        raise UserError(f"{replaced[0]}: is one of the recordings, which it would replace; give another output")


def check_writable(output: Path) -> None:
    """Make the folder for an evaluation, and see that it can be written, before the work is done for it.

    Raises:
        UserError: it cannot.
    """
    try:
        files.check_output(output / RECORD)
    except OSError as error:
        raise UserError(explain_os_error(error, output)) from error


def unchanged(waveform: np.ndarray) -> np.ndarray:
    return waveform


class Timed:
    """A conversion, and how many seconds it took in all."""

    def __init__(self, convert: Convert) -> None:
        self.convert = convert
        self.spent, self.samples = 0.0, 0

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        begun = time.perf_counter()
        found = self.convert(waveform)
        self.spent += time.perf_counter() - begun
        self.samples += len(waveform)
        return found


def path_of(folder: Path, name: str, kind: str) -> Path:
    """Return where the waveform of a kind of a recording is, always inside the folder of an evaluation.

    Args:
        folder: of the evaluation.
        name: of the recording, which may be from a table or a stranger's file.
        kind: of the waveform.

    Raises:
        UserError: a link leads out of the folder.
    """
    return files.output_path(folder, file_of(name, kind))


def file_of(name: str, kind: str) -> str:
    """Return what :func:`path_of` makes a path of; evaluations of version 1 have it as it is."""
    return f"{name}_{re.sub(r'[^a-z0-9]+', '-', kind.lower())}.wav"


def content(waveforms: Mapping[str, Waveforms]) -> dict[str, str]:
    """Return a hash of the held-out recordings of each domain."""
    return {domain: digest(waveforms[domain]) for domain in DOMAINS}


def digest(waveforms: Waveforms) -> str:
    """Return a hash of recordings, their names and samples."""
    found = hashlib.sha256()
    for name, waveform in sorted(waveforms.items()):
        found.update(f"{name}\0{len(waveform)}\0".encode(errors="backslashreplace"))
        found.update(np.ascontiguousarray(waveform, np.float32).tobytes())
    return found.hexdigest()[:16]


@torch.no_grad()
def silence_level(offline: OfflineConverter) -> float:
    """Loudness in dBFS (root mean square) of converted digital silence, without the gate that ``convert`` has."""
    frames = SILENT_CHUNKS * offline.converter.bundle.chunk.width
    silence = torch.full((offline.audio.n_mels, frames), SILENCE)
    source = torch.zeros((frames - 1) * offline.audio.hop_length)
    piece = Piece(offline.converter.convert(silence), silence, source)
    sound = offline.inverter.synthesise(piece.to(offline.converter.device))
    return float(10 * torch.log10(sound.square().mean().clamp(min=1e-20)))
