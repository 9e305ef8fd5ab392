"""How high the voices of two domains are, measured once on their training recordings."""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from melgan_vc.audio import io
from melgan_vc.config.paths import expand_user
from melgan_vc.data.corpora import Corpus, Recording
from melgan_vc.data.corpus import LITDATA
from melgan_vc.data.digests import digests
from melgan_vc.data.faults import explained_recording
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.prepare import HASHES, writable
from melgan_vc.data.splits import LEAST_HELD_OUT, MANY, unit_hash
from melgan_vc.data.streamed import Written
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from melgan_vc.measures.cache import MeasureCache, default_folder, identity
from melgan_vc.measures.pitch import F0_RATE, tracker
from melgan_vc.spec import PitchSpec, formants_of
from melgan_vc.terminal import Bar

log = logging.getLogger(__name__)
MINUTES = 15.0  # that are measured of a domain, at most
FEWEST = 50  # voiced frames that a voice can be told from


def pitch_matcher(
    data: Mapping[str, Any], preparation: Preparation, work: Work
) -> Callable[[Mapping[str, Corpus]], PitchSpec]:
    """Return what measures the voices of both domains for data.pitch=match.

    Args:
        data: that group of a config.
        preparation, work: of the recordings.
    """
    return partial(
        match_pitch,
        root=expand_user(data["litdata"]["prepared"] if data["store"] == LITDATA else data["store"]),
        share=data["validation_share"],
        mono=preparation.mono,
        formants=data.get("formants"),
        progress=work.progress,
    )


def match_pitch(
    corpora: Mapping[str, Corpus],
    root: Path,
    share: float,
    mono: str = "mean",
    formants: float | None = None,
    progress: bool = True,
) -> PitchSpec:
    """Measure the voices of both domains; what was measured of the same files before is not measured again.

    Args:
        corpora: "source" and "target".
        root: folder of the stores, which keeps the hashes of files.
        share: of the recordings that is held out, which are not measured.
        mono: what becomes of several channels.
        formants: factor of their frequencies; None for :func:`melgan_vc.spec.formants_of` the ratio of both pitches.
        progress: show a bar.

    Raises:
        UserError: a domain has no voice, or its recordings are not at hand.
    """
    writable(root)
    cache = MeasureCache(default_folder())
    found = {name: voice_of(name, corpus, root, share, mono, cache, progress) for name, corpus in corpora.items()}
    (source, source_spread), (target, target_spread) = found["source"], found["target"]
    factor = round(formants_of(target / source), 4) if formants is None else formants
    return PitchSpec(source, source_spread, target, target_spread, factor)


def voice_of(
    domain: str, corpus: Corpus, root: Path, share: float, mono: str, cache: MeasureCache, progress: bool
) -> tuple[float, float]:
    """Return the median F0 of a domain in Hz, and the standard deviation of its logarithm.

    Raises:
        UserError: nothing in it is voiced, or its recordings are not at hand.
    """
    if isinstance(corpus, Written):
        raise UserError(f"data.pitch=match: data.{domain} is shards, without recordings to measure; give recordings")
    recordings = training_recordings(corpus.recordings(), share)
    hashes, _ = digests({name: one.path for name, one in recordings.items()}, root / HASHES, progress)
    usable = [(recordings[name], hashes[name].sha256) for name in recordings if name in hashes]
    content = hashlib.sha256(json.dumps([mono, [(one.stream, digest) for one, digest in usable]]).encode()).hexdigest()
    key = identity(f"voice {MINUTES} {content}", "swift-f0", "librosa")
    known = cache.read(key)
    if is_voice(known):
        return float(known[0]), float(known[1])
    track, left, pieces = tracker(), MINUTES * 60, []
    with Bar(desc=f"estimating the {domain}'s pitch", total=len(usable), disable=None if progress else True) as bar:
        for recording, _ in usable:
            if left <= 0:
                break
            try:
                waveform = np.concatenate([*start_of(recording, mono, left), np.zeros(0, np.float32)])
            except UserError:
                continue  # it is named when it is prepared
            left -= len(waveform) / F0_RATE
            pieces.append(track(waveform, F0_RATE).voiced)
            bar.update(1)
    voice = voice_in(np.concatenate([*pieces, np.zeros(0)]))
    if voice is None:
        raise UserError(
            f"data.pitch=match: hardly anything in the recordings of the {domain} is voiced, so it has no pitch; give "
            "recordings of one voice, or data.pitch=null"
        )
    cache.write(key, list(voice))
    return voice


def voice_in(f0: np.ndarray) -> tuple[float, float] | None:
    """Return median and spread of voiced frames (K,) in Hz; None where they are too few."""
    if len(f0) < FEWEST:
        return None
    return round(float(np.median(f0)), 2), round(float(np.log(f0).std()), 4)


def is_voice(value: object) -> bool:
    """Return whether a value of the cache is a median and a spread."""
    return isinstance(value, list) and len(value) == 2 and all(type(one) is float and 0 <= one < 1e4 for one in value)


def training_recordings(recordings: Mapping[str, Recording], share: float) -> dict[str, Recording]:
    """Return recordings that train, in an order that others do not change: not those that are held out.

    Which ones those are is known when mels are made; of a corpus that does not say, they are the first by a hash, see
    :mod:`melgan_vc.data.splits`, and a few more than those are not measured here.
    """
    ranked = sorted(recordings, key=lambda name: (unit_hash(recordings[name].group or name), name), reverse=True)
    free = [name for name in ranked if recordings[name].split is None]
    least = 0 if share <= 0 else LEAST_HELD_OUT if len(free) >= MANY else 1
    out = max(math.ceil(2 * share * len(free)), least)
    training = free[: max(1, len(free) - out)]
    fixed = [name for name in ranked if recordings[name].split == "train"]
    return {name: recordings[name] for name in [*fixed, *training]}


def start_of(recording: Recording, mono: str, seconds: float) -> Iterator[np.ndarray]:
    """Give the first seconds of a recording in blocks (N,) at the trackers' rate.

    Raises:
        UserError: it cannot be read.
    """
    left = round(seconds * F0_RATE)
    with explained_recording(recording.path):
        for block in io.mono_blocks(recording.path, F0_RATE, mono, recording.stream):
            yield block[:left]
            left -= len(block)
            if left <= 0:
                return
