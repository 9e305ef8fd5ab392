"""Baselines that need no training: the source's voice moved towards the target's by a few statistics.

A model that is no better than these has not learned to convert.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from melgan_vc.errors import UserError
from melgan_vc.measures.cache import MeasureCache, identity
from melgan_vc.measures.world import Parts, apart, pitch_and_envelope, raised, together, world

log = logging.getLogger(__name__)
COEFFICIENTS = 40  # that an envelope is coded by
SCALES = np.linspace(0.75, 1.35, 61)  # of formants, that are tried
SMALLEST = 1e-16


@dataclass(frozen=True)
class Statistics:
    """Statistics of a speaker's recordings.

    Attributes:
        pitch: mean and standard deviation of the logarithm of F0 in Hz, over voiced frames.
        coded: means and standard deviations (2, COEFFICIENTS) of coded envelopes, over all frames.
        envelope: mean (F,) of log envelopes over voiced frames.
    """

    pitch: tuple[float, float]
    coded: np.ndarray
    envelope: np.ndarray

    def packed(self) -> np.ndarray:
        """All of it in one row (1, 2 + 2 · COEFFICIENTS + F)."""
        return np.concatenate([self.pitch, self.coded.ravel(), self.envelope])[None]

    @classmethod
    def unpacked(cls, row: np.ndarray) -> "Statistics":
        """Return what :meth:`packed` made a row of."""
        pitch, coded, envelope = np.split(row[0].astype(float), [2, 2 + 2 * COEFFICIENTS])
        return cls((float(pitch[0]), float(pitch[1])), coded.reshape(2, -1), envelope)


def remembered_statistics(cache: MeasureCache, recordings: Iterable[np.ndarray], sample_rate: int) -> Statistics:
    """Return :func:`statistics`, computed only where the cache does not hold them."""
    known = list(recordings)
    lengths = ",".join(str(len(one)) for one in known)
    recall = cache.arrays(
        lambda _, rate: statistics(known, rate).packed(),
        identity(f"statistics {lengths}", "pyworld-prebuilt", "pyworld"),
    )
    return Statistics.unpacked(recall(np.concatenate([*known, np.zeros(0, np.float32)]), sample_rate))


def statistics(recordings: Iterable[np.ndarray], sample_rate: int) -> Statistics:
    """Return the statistics of waveforms (N,) of one speaker; one that WORLD fails on is skipped with a warning.

    Raises:
        UserError: hardly anything in them is voiced.
    """
    pitches, coded, envelopes = [], [], []
    for waveform in recordings:
        try:
            raised_waveform, rate = raised(waveform, sample_rate)
            f0, envelope, _ = pitch_and_envelope(raised_waveform, rate)
            coded.append(code(envelope, rate))
        except (UserError, OSError, MemoryError):  # WORLD is not installed, or the machine is at its end
            raise
        except Exception as error:  # of WORLD, such as for a recording of a few samples
            log.warning("warning: a training recording cannot be taken apart: %s; skipped", error)
            continue
        voiced = f0 > 0
        pitches.append(np.log(f0[voiced]))
        envelopes.append(np.log(np.maximum(envelope[voiced], SMALLEST)))
    count = sum(map(len, pitches))
    if count < 2:
        raise UserError("the recordings for baselines hold no voice; give recordings of speech")
    pitch, codes = np.concatenate(pitches), np.concatenate(coded)
    return Statistics(
        (float(pitch.mean()), float(pitch.std())),
        np.stack([codes.mean(axis=0), codes.std(axis=0)]),
        np.concatenate(envelopes).mean(axis=0),
    )


def code(envelope: np.ndarray, sample_rate: int) -> np.ndarray:
    """Envelopes (T, F) as a few coefficients (T, COEFFICIENTS) each."""
    audible = np.ascontiguousarray(np.maximum(envelope, SMALLEST))
    return world().code_spectral_envelope(audible, sample_rate, COEFFICIENTS)


def decode(coded: np.ndarray, like: Parts) -> np.ndarray:
    """Envelopes (T, F) of coefficients (T, COEFFICIENTS)."""
    size = 2 * (like.envelope.shape[1] - 1)
    return world().decode_spectral_envelope(np.ascontiguousarray(coded), like.sample_rate, size)


def moved_pitch(f0: np.ndarray, source: Statistics, target: Statistics) -> np.ndarray:
    """F0 (T,) in Hz with the target's mean and spread of its logarithm; unvoiced frames stay so."""
    (middle, spread), (wanted, wanted_spread) = source.pitch, target.pitch
    scaled = (np.log(np.maximum(f0, 1.0)) - middle) / max(spread, 1e-6) * wanted_spread + wanted
    return np.where(f0 > 0, np.exp(scaled), 0.0)


def transferred(sample_rate: int, source: Statistics, target: Statistics, waveform: np.ndarray) -> np.ndarray:
    """A waveform (N,) whose log F0 and coded envelope have the target's means and variances."""
    parts = apart(waveform, sample_rate)
    coded = code(parts.envelope, parts.sample_rate)
    coded = (coded - source.coded[0]) / np.maximum(source.coded[1], 1e-6) * target.coded[1] + target.coded[0]
    moved = replace(parts, f0=moved_pitch(parts.f0, source, target), envelope=decode(coded, parts))
    return together(moved, len(waveform), sample_rate)


def shifted(sample_rate: int, source: Statistics, target: Statistics, waveform: np.ndarray) -> np.ndarray:
    """A waveform (N,) with the target's mean pitch, and formants scaled by one factor."""
    parts = apart(waveform, sample_rate)
    scale = formant_scale(source.envelope, target.envelope)
    places = np.arange(parts.envelope.shape[1])
    logs = np.log(np.maximum(parts.envelope, SMALLEST))
    envelope = np.exp(np.stack([np.interp(places / scale, places, one) for one in logs]))
    f0 = parts.f0 * np.exp(target.pitch[0] - source.pitch[0])
    return together(replace(parts, f0=f0, envelope=envelope), len(waveform), sample_rate)


def formant_scale(source: np.ndarray, target: np.ndarray) -> float:
    """The factor of frequencies that brings one mean log envelope (F,) nearest to another, whatever their levels."""
    places = np.arange(len(source))
    used = places < len(source) * min(1.0, SCALES.min())  # which every factor fills

    def off(scale: float) -> float:
        difference = (np.interp(places / scale, places, source) - target)[used]
        return float(difference.std())

    return float(min(SCALES, key=off))


def mel_statistics(mels: Iterable[np.ndarray]) -> np.ndarray:
    """Mean and standard deviation (2, M) of each bin of mels (M, T)."""
    whole = np.concatenate(list(mels), axis=1)
    return np.stack([whole.mean(axis=1), whole.std(axis=1)])


def mel_transferred(source: np.ndarray, target: np.ndarray, mel: np.ndarray) -> np.ndarray:
    """A mel (M, T) whose bins have the target's mean and spread (2, M): an equaliser, and no more."""
    scaled = (mel - source[0][:, None]) / np.maximum(source[1], 1e-6)[:, None]
    return np.clip(scaled * target[1][:, None] + target[0][:, None], -1, 1).astype(np.float32)


VOICES = {"WORLD transfer": transferred, "pitch and formants shifted": shifted}
