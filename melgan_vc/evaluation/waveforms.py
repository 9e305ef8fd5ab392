"""The waveforms and the transcripts of recordings that an evaluation measures; damaged and silent ones are left out."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from melgan_vc.errors import UserError
from melgan_vc.evaluation.documents import shortened
from melgan_vc.evaluation.material import DOMAINS, Clip, Material
from melgan_vc.measures.words import SILENT

log = logging.getLogger(__name__)


def first_minutes(clips: Sequence[Clip], minutes: float, sample_rate: int) -> Iterator[np.ndarray]:
    """Waveforms (N,) of recordings, from the first on, until there are so many minutes; the last one is cut."""
    left = round(minutes * 60 * sample_rate)
    for clip in clips:
        if left <= 0:
            return
        waveform = read_clip(clip)
        if waveform is None:
            continue
        waveform = waveform[:left]
        yield waveform
        left -= len(waveform)


def heard(material: Material, sample_rate: int, seconds: float) -> dict[str, dict[str, np.ndarray]]:
    """The held-out waveforms (N,) by domain and name, so many seconds of each at most; silent and damaged ones are not.

    Raises:
        UserError: nothing is left of a domain.
    """
    found = {domain: audible(material.held_out[domain], sample_rate, seconds, domain) for domain in DOMAINS}
    if material.parallel:
        both = set.intersection(*(set(one) for one in found.values()))
        found = {domain: {name: one[name] for name in one if name in both} for domain, one in found.items()}
    for domain in DOMAINS:
        refuse_silence(found[domain], material.places.get(domain, domain), domain)
    return found


def audible(clips: Sequence[Clip], sample_rate: int, seconds: float, whose: str) -> dict[str, np.ndarray]:
    """Return waveforms (N,) by name; silent and damaged ones are not among them, and named in the log.

    Args:
        clips: to read.
        sample_rate: of theirs, in Hz.
        seconds: of each, at most.
        whose: they are.
    """
    longest = round(seconds * sample_rate)
    read = {clip.name: read_clip(clip) for clip in clips}
    found = {name: one[:longest] for name, one in read.items() if one is not None}
    silent = [name for name, one in found.items() if np.abs(one).max(initial=0.0) < SILENT]
    if silent:
        log.warning("warning: silent recordings of the %s are not measured: %s", whose, ", ".join(silent))
    return {name: one for name, one in found.items() if name not in silent}


def texts_of(clips: Sequence[Clip], waveforms: Mapping[str, np.ndarray], longest: int) -> dict[str, str]:
    """Return the transcripts of held-out recordings by name; none of those that were cut.

    Args:
        clips: the recordings.
        waveforms: (N,) by name.
        longest: samples that a recording is cut to.
    """
    return {
        one.name: one.text for one in clips if one.text and one.name in waveforms and len(waveforms[one.name]) < longest
    }


def refuse_silence(found: Mapping[str, np.ndarray], place: str, whose: str) -> None:
    """Refuse recordings of which none is left."""
    if not found:
        raise UserError(f"{place}: all held-out recordings of the {whose} are silent or cannot be read; give others")


def read_clip(clip: Clip) -> np.ndarray | None:
    """Return the waveform (N,) of a recording; None, with a warning, where it cannot be read or holds no numbers."""
    try:
        waveform = clip.read()
    except (UserError, OSError) as error:
        log.warning("warning: %s: %s; skipped", clip.name, shortened(error, 300))
        return None
    if not np.isfinite(waveform).all():
        log.warning("warning: %s: holds NaN or infinite samples; skipped", clip.name)
        return None
    return waveform
