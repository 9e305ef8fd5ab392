"""What a domain's recordings are like, as far as it decides what a training makes of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from melgan_vc.audio.stream import FrontEnd
from melgan_vc.data.corpora import Corpus, Recording
from melgan_vc.data.dataset import RandomWindows
from melgan_vc.data.faults import explained_recording
from melgan_vc.data.manifest import Item
from melgan_vc.data.preparation import Preparation, RecordingMel
from melgan_vc.data.splits import Split, unit_hash
from melgan_vc.data.store import MelStore
from melgan_vc.errors import UserError
from melgan_vc.measures.pitch import tracker
from melgan_vc.measures.recordings import Sound, alike, measure
from melgan_vc.spec import AudioSpec
from melgan_vc.terminal import Bar

log = logging.getLogger(__name__)
PITCHED, PITCHED_SECONDS = 12, 15.0  # recordings whose F0 is measured, and how much of each
STREAM = 9  # of random numbers, for windows that no training draws


@dataclass(frozen=True)
class Window:
    """A window as a training sees it: mel (T, M), and the sound (N,) that it was made of."""

    path: str
    start: float
    mel: np.ndarray
    waveform: np.ndarray


@dataclass(frozen=True)
class Domain:
    """What was found of a domain.

    Attributes:
        name: source or target.
        place: where its recordings are.
        store: its mels.
        split: which of them train.
        examined: its recordings, or so many of them as were asked for.
        sounds: of those.
        f0: in Hz, of voiced frames (K,).
        windows: random ones.
    """

    name: str
    place: str
    store: MelStore
    split: Split
    examined: tuple[Item, ...]
    sounds: tuple[Sound, ...]
    f0: np.ndarray
    windows: tuple[Window, ...]

    @property
    def audio(self) -> AudioSpec:
        return self.store.audio

    @property
    def minutes(self) -> float:
        """Of mels, after silence was cut out."""
        return sum(self.audio.seconds(item.frames) for item in self.store.items) / 60

    @property
    def clipped(self) -> list[Item]:
        """Recordings with more than one sample of a thousand at full scale, the worst first."""
        found = [item for item in self.store.items if item.clipped > 1e-3]
        return sorted(found, key=lambda item: item.clipped, reverse=True)

    @cached_property
    def weights(self) -> np.ndarray:
        """Share of each examined recording in the time."""
        seconds = np.array([sound.seconds for sound in self.sounds])
        return seconds / max(seconds.sum(), 1e-9)

    def mean(self, name: str) -> float:
        """Of a measure over the examined recordings by their duration; NaN where none has it."""
        values = np.array([getattr(sound, name) for sound in self.sounds])
        known = np.isfinite(values)
        return float(np.average(values[known], weights=self.weights[known])) if known.any() else float("nan")

    @property
    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (M) of the mel over all frames."""
        means = np.stack([sound.mean for sound in self.sounds])
        deviations = np.stack([sound.deviation for sound in self.sounds])
        mean = self.weights @ means
        return mean, np.sqrt(np.maximum(self.weights @ (deviations**2 + means**2) - mean**2, 0))


def inspect(
    name: str,
    corpus: Corpus,
    split: Split,
    listening: "Listening",
    window: int,
    count: int,
    hours: float,
    seed: int,
    pitched: bool = True,
) -> Domain:
    """Measure a domain.

    Args:
        name: source or target.
        corpus: that it was prepared from.
        split: that a training divides it by.
        listening: to its recordings.
        window: frames of a window.
        count: of random windows to take out.
        hours: of recordings to examine; of more, some are chosen by a hash of their names.
        seed: of the windows.
        pitched: measure F0.
    """
    store = listening.store
    examined = chosen([item for item in store.items if item.path not in split.silent], hours)
    bar = Bar(examined, desc=f"measuring the {name}", unit="recording", delay=2)
    return Domain(
        name=name,
        place=corpus.place,
        store=store,
        split=split,
        examined=examined,
        sounds=tuple(measure(store.mel(item), store.audio) for item in bar),
        f0=pitches(listening, examined) if pitched else np.zeros(0),
        windows=tuple(random_windows(listening, split, window, count, seed)),
    )


def chosen(items: Sequence[Item], hours: float) -> tuple[Item, ...]:
    """Recordings of so many hours in all, in their order."""
    names: set[str] = set()
    seconds = 0.0
    for item in sorted(items, key=lambda one: unit_hash(one.path)):
        if names and seconds > 3600 * hours:
            break
        names.add(item.path)
        seconds += item.seconds
    return tuple(item for item in items if item.path in names)


class Listening:
    """The sound that mels were made of.

    Args:
        store: of the mels.
        recordings: by the names that the store has them under.
        front_end, preparation: that they were made with.
    """

    def __init__(
        self, store: MelStore, recordings: dict[str, Recording], front_end: FrontEnd, preparation: Preparation
    ) -> None:
        self.store = store
        self.recordings = recordings
        self.front_end = front_end
        self.preparation = preparation

    def piece(self, item: Item, start: int, frames: int) -> np.ndarray:
        """Return the samples (N,) under frames [start, start + frames) of a recording's mel.

        Raises:
            UserError: the recording cannot be read any more.
        """
        found = self.recordings.get(item.path)
        if found is None:
            raise UserError(f"{item.path}: is not there any more; start again")
        hop = self.front_end.spec.hop_length
        recording = RecordingMel(found.path, self.front_end, self.preparation, item.stream)
        first, left = start * hop, frames * hop
        held = []
        with explained_recording(found.path):
            for block in recording.sound():
                inside = block[first : first + left]
                first = max(0, first - len(block))
                left -= len(inside)
                held.append(inside)
                if left <= 0:
                    break
        if not sum(map(len, held)):
            raise UserError(f"{found.path}: is shorter than it was; start again when nothing writes to it")
        return np.concatenate(held) * np.float32(item.gain)

    def piece_or_none(self, item: Item, start: int, frames: int) -> np.ndarray | None:
        """Return the same; None, with a warning, where the recording cannot be read any more."""
        try:
            return self.piece(item, start, frames)
        except UserError as error:
            log.warning("warning: %s", error)
            return None


def pitches(listening: Listening, items: Sequence[Item]) -> np.ndarray:
    """Fundamental frequencies in Hz of voiced frames (K,) of some of the recordings."""
    audio = listening.front_end.spec
    frames = int(PITCHED_SECONDS * audio.sample_rate / audio.hop_length)
    some = sorted(items, key=lambda one: unit_hash(one.path))[:PITCHED]
    found = []
    for item in Bar(some, desc="estimating pitch", unit="recording", delay=2):
        start = max(0, (item.frames - frames) // 2)
        piece = listening.piece_or_none(item, start, frames)
        if piece is not None:
            found.append(tracker()(piece, audio.sample_rate).voiced)
    return np.concatenate(found) if found else np.zeros(0)


def random_windows(listening: Listening, split: Split, window: int, count: int, seed: int) -> list[Window]:
    """Windows that are drawn as a training draws them."""
    if not split.train:
        return []
    store = listening.store
    shards, starts = RandomWindows(store.arrays, split.train, window, seed, STREAM).places(
        np.arange(count, dtype=np.uint64)
    )
    found = []
    for shard, start in zip(shards.tolist(), starts.tolist(), strict=True):
        item = next(one for one in store.items if one.shard == shard and 0 <= start - one.offset < one.frames)
        frame = start - item.offset
        mel = np.asarray(store.mel(item)[frame : frame + window], np.float32)
        sound = listening.piece_or_none(item, frame, window)
        if sound is not None:
            found.append(Window(item.path, store.audio.seconds(frame), mel, sound))
    return found


@dataclass(frozen=True)
class Double:
    """Two recordings that are nearly the same, or the same: domain and name of each."""

    one: tuple[str, str]
    other: tuple[str, str]

    @property
    def across(self) -> bool:
        """Whether one is in the source and the other in the target."""
        return self.one[0] != self.other[0]


def doubles(domains: Sequence[Domain]) -> list[Double]:
    """Recordings that are nearly the same, in one domain or in both."""
    names = [(domain.name, item.path) for domain in domains for item in domain.examined]
    sounds = [sound for domain in domains for sound in domain.sounds]
    found = {Double(names[one], names[other]): None for one, other in alike(sounds)}
    first: dict[tuple[str, int], tuple[str, str]] = {}
    for domain in domains:
        for item in domain.store.items:
            key, name = (item.sha256, item.stream), (domain.name, item.path)
            if first.setdefault(key, name) != name:
                found[Double(first[key], name)] = None
    return list(found)
