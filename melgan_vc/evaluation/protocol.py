"""Which held-out recordings are measured, against what, and how the figures are summed up."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from melgan_vc.audio import io
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.measures.cepstra import Voice, analysed, likeness
from melgan_vc.measures.intervals import Mean, mean
from melgan_vc.measures.voice import Embed, centroid, cosine, voiced_f0

MEANS = ("to_target", "to_source", "mcd", "f0_cents", "f0_correlation", "voicing")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A sentence by both speakers: paths of recordings with the same name."""

    name: str
    source: Path
    target: Path


@dataclass(frozen=True)
class Row:
    """What was measured of one waveform.

    Attributes:
        name: of the sentence.
        kind: of waveform, such as "converted".
        to_target, to_source: cosines to both speakers.
        median_f0: in Hz.
        mcd, f0_cents, f0_correlation, voicing: likeness to the target's recording of the sentence, see
            :class:`melgan_vc.measures.cepstra.Likeness`.
    """

    name: str
    kind: str
    to_target: float
    to_source: float
    median_f0: float
    mcd: float
    f0_cents: float
    f0_correlation: float
    voicing: float


@dataclass(frozen=True)
class Summary:
    """Over all sentences of a kind.

    Attributes:
        kind: of waveform.
        means: of what ``MEANS`` names, with their intervals.
        median_f0: over all voiced frames, in Hz.
        f0_error: of that, relative to the target's.
    """

    kind: str
    means: Mapping[str, Mean]
    median_f0: float
    f0_error: float


def pairs(source: Path, target: Path) -> list[Pair]:
    """Recordings of two folders with the same path, but for the suffix; those without a partner are named in the log.

    Raises:
        UserError: none is in both, or two in one folder differ in their suffix alone.
    """
    sources, targets = (by_name(folder) for folder in (source, target))
    names = sorted(sources.keys() & targets.keys())
    if not names:
        raise UserError(f"{source} and {target} have no file name in common; name the same sentence the same in both")
    alone = sorted(sources.keys() ^ targets.keys())
    if alone:
        log.warning("warning: %d recordings have no partner and are not measured: %s", len(alone), ", ".join(alone))
    return [Pair(name, sources[name], targets[name]) for name in names]


def by_name(folder: Path) -> dict[str, Path]:
    """The recordings of a folder by their path in it without the suffix."""
    found = corpus.find(folder)
    named = {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}
    if len(named) < len(found):
        raise UserError(f"{folder}: two recordings differ in their suffix alone; rename one")
    return named


class SpeakerProtocol:
    """Measures waveforms against the two speakers of the held-out pairs.

    Args:
        held_out: the pairs.
        embed: see :func:`melgan_vc.measures.voice.speaker_embedder`.
        sample_rate: that all is measured at, in Hz.
        voiced_only, power: of MCD, see :func:`melgan_vc.measures.cepstra.likeness`.
    """

    def __init__(
        self, held_out: Sequence[Pair], embed: Embed, sample_rate: int, voiced_only: bool = False, power: bool = False
    ) -> None:
        self.likeness = partial(likeness, voiced_only=voiced_only, power=power)
        self.embed = embed
        self.sample_rate = sample_rate
        self.rows: list[Row] = []
        self.pitches: dict[str, list[np.ndarray]] = {}
        self.speakers = {domain: self.speaker(held_out, domain) for domain in ("source", "target")}

    def speaker(self, held_out: Sequence[Pair], domain: str) -> np.ndarray:
        """The embedding (E,) of a domain's speaker over all held-out recordings."""
        waveforms = (io.read_mono(getattr(pair, domain), self.sample_rate) for pair in held_out)
        return centroid([self.embed(waveform, self.sample_rate) for waveform in waveforms])

    def add(self, name: str, kind: str, waveform: np.ndarray, reference: Voice) -> Row:
        """Measure a waveform (N,) of a kind, such as "converted", against the target's voice in the same sentence."""
        embedding = self.embed(waveform, self.sample_rate)
        pitch = voiced_f0(waveform, self.sample_rate)
        self.pitches.setdefault(kind, []).append(pitch)
        row = Row(
            name,
            kind,
            cosine(embedding, self.speakers["target"]),
            cosine(embedding, self.speakers["source"]),
            float(np.median(pitch)) if len(pitch) else float("nan"),
            *astuple(self.likeness(analysed(waveform, self.sample_rate), reference)),
        )
        self.rows.append(row)
        return row

    def summary(self, target_kind: str = "target") -> list[Summary]:
        """One line a kind, in the order they were added; F0 errors are relative to ``target_kind``."""
        pitches = {kind: np.concatenate(found) for kind, found in self.pitches.items()}
        medians = {kind: float(np.median(found)) if len(found) else float("nan") for kind, found in pitches.items()}
        return [
            Summary(kind, self.means(kind), median, median / medians[target_kind] - 1)
            for kind, median in medians.items()
        ]

    def means(self, kind: str) -> dict[str, Mean]:
        """Of all that has one."""
        rows = [row for row in self.rows if row.kind == kind]
        return {name: mean([getattr(row, name) for row in rows]) for name in MEANS}
