"""What the mel of a recording tells of its sound: level, noise, silence, bandwidth, and which others are like it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import librosa
import numpy as np

from melgan_vc.spec import AudioSpec

AT_ONCE = 8192  # frames that are measured at a time
LOUD, QUIET = 90, 5  # percentiles of the frames' levels: those of the sound itself, and of its pauses
SILENCE_DB = 40.0  # under the loudest frame, as prepare.silence=energy has it
BAND_DB = 55.0  # under the strongest bin: speech and music have more than that up to the top, resampled ones nothing
SEEN_DB = 45.0  # between the strongest bin and the mel's floor, that a bandwidth can be told from
SHAPE = (16, 32)  # bands and times that recordings are compared by
TELEPHONE = 3500.0  # Hz; what every format keeps
HEARD_DB = 30.0  # under the loudest frame; where a recording starts and ends must not depend on its format
ALIKE = 0.9  # cosine of the shapes of one recording in two formats, which come to 0.96; different ones come to 0.64
SAME_LENGTH = 0.05  # relative difference in duration
SHORTEST = 1.0  # seconds; shorter recordings are too much alike


@dataclass(frozen=True)
class Sound:
    """What was measured of a recording.

    Attributes:
        seconds: of its mel.
        heard: those from its first loud frame to its last.
        loud, quiet: levels of the loudest tenth of the frames and of the quietest twentieth, in dB under full scale.
        silent: share of frames more than 40 dB under the loudest.
        bandwidth: highest frequency with sound in it, in Hz; NaN where the recording is too quiet to tell.
        mean, deviation: of the mel over frames (M).
        shape: (16·32) of length one, the same for the same recording in another format, level or rate.
    """

    seconds: float
    heard: float
    loud: float
    quiet: float
    silent: float
    bandwidth: float
    mean: np.ndarray
    deviation: np.ndarray
    shape: np.ndarray

    @property
    def range(self) -> float:
        """How far its pauses are under its sound, in dB."""
        return self.loud - self.quiet


def bin_frequencies(audio: AudioSpec) -> np.ndarray:
    """Centres of the mel filters (M) in Hz."""
    top = audio.max_frequency or audio.sample_rate / 2
    return librosa.mel_frequencies(audio.n_mels + 2, fmin=audio.min_frequency, fmax=top, htk=True)[1:-1]


def measure(mel: np.ndarray, audio: AudioSpec) -> Sound:
    """Measure a normalised mel (T, M), which may be longer than the memory."""
    frames = len(mel)
    levels, telephone = np.empty(frames), np.empty(frames)
    low = max(1, int(np.searchsorted(bin_frequencies(audio), TELEPHONE)))
    power, total, squares = np.zeros(audio.n_mels), np.zeros(audio.n_mels), np.zeros(audio.n_mels)
    floor = 1.0
    for start, block in blocks(mel):
        linear = 10 ** (decibel(block, audio) / 10)
        levels[start : start + len(block)] = 10 * np.log10(2 * linear.sum(axis=1) / audio.n_fft)
        telephone[start : start + len(block)] = 10 * np.log10(linear[:, :low].sum(axis=1))
        power += linear.sum(axis=0)
        total += block.sum(axis=0)
        squares += np.square(block).sum(axis=0)
        floor = min(floor, float(block.min()))
    mean = total / frames
    heard = np.flatnonzero(telephone > telephone.max() - HEARD_DB)
    first, last = int(heard[0]), int(heard[-1]) + 1
    loud, quiet = np.percentile(levels, (LOUD, QUIET))
    return Sound(
        seconds=audio.seconds(frames),
        heard=audio.seconds(last - first),
        loud=float(loud),
        quiet=float(quiet),
        silent=float(np.mean(levels <= levels.max() - SILENCE_DB)),
        bandwidth=bandwidth(10 * np.log10(power / frames), float(decibel(np.array(floor), audio)), audio),
        mean=mean,
        deviation=np.sqrt(np.maximum(squares / frames - mean**2, 0)),
        shape=shape(mel[first:last, :low], 2 * HEARD_DB / audio.range_db),
    )


def blocks(mel: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Starts and float32 copies (T, M) of parts of a mel."""
    for start in range(0, len(mel), AT_ONCE):
        yield start, np.asarray(mel[start : start + AT_ONCE], np.float32)


def decibel(mel: np.ndarray, audio: AudioSpec) -> np.ndarray:
    """Levels in dB of normalised ones."""
    return (mel + 1) / 2 * audio.range_db + audio.reference_db - audio.range_db


def bandwidth(spectrum: np.ndarray, floor: float, audio: AudioSpec) -> float:
    """Highest frequency in Hz that a mean spectrum (M) in dB reaches up to; NaN where its floor hides that."""
    strongest = float(spectrum.max())
    if strongest - floor < SEEN_DB:
        return float("nan")
    reached = np.flatnonzero(spectrum > max(strongest - BAND_DB, floor + 3))
    return float(bin_frequencies(audio)[reached[-1]])


def shape(mel: np.ndarray, depth: float) -> np.ndarray:
    """A mel (T, M) as levels of 16 bands at 32 times, down to so far under the highest, as a vector of length one."""
    bands, times = SHAPE
    edges = np.linspace(0, len(mel), times + 1).astype(int)
    pieces = [mel[start : max(end, start + 1)] for start, end in pairwise(edges)]
    steps = np.stack([np.mean([block.mean(axis=0) for _, block in blocks(piece)], axis=0) for piece in pieces])
    coarse = np.stack([part.mean(axis=1) for part in np.array_split(steps, bands, axis=1)])
    audible = np.maximum(coarse, coarse.max() - depth)
    centred = (audible - audible.mean(axis=1, keepdims=True)).ravel()
    return (centred / max(float(np.linalg.norm(centred)), 1e-9)).astype(np.float32)


def alike(sounds: Sequence[Sound]) -> list[tuple[int, int]]:
    """Pairs of recordings that are nearly the same: of one duration, and with the same course of sound."""
    order = sorted(
        (number for number, one in enumerate(sounds) if one.heard >= SHORTEST), key=lambda number: sounds[number].heard
    )
    lengths = np.array([sounds[number].heard for number in order])
    shapes = np.array([sounds[number].shape for number in order])
    found = []
    for place, number in enumerate(order):
        end = int(np.searchsorted(lengths, lengths[place] * (1 + SAME_LENGTH), side="right"))
        cosines = shapes[place + 1 : end] @ shapes[place]
        others = (order[place + 1 + int(other)] for other in np.flatnonzero(cosines > ALIKE))
        found += [(min(number, other), max(number, other)) for other in others]
    return sorted(found)
