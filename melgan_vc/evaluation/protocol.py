"""Measures of every recording, and their summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.evaluation.columns import MEANS
from melgan_vc.evaluation.speakers import Speaker
from melgan_vc.measures import mels as of_mels
from melgan_vc.measures.attempts import attempt
from melgan_vc.measures.frechet import frechet_distance
from melgan_vc.measures.intervals import Mean, mean
from melgan_vc.measures.recordings import measure
from melgan_vc.measures.words import SILENT

NAN = float("nan")
REFERENCE = "target"  # kind that the others are compared with


@dataclass(frozen=True)
class Row:
    """The measures of one recording.

    Attributes:
        name: of the recording.
        kind: source, converted and so on.
        values: by the names in :mod:`melgan_vc.evaluation.columns`; NaN where there is none.
    """

    name: str
    kind: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Summary:
    """The measures of all recordings of a kind.

    Attributes:
        kind: of recording.
        means: with their intervals.
        whole: figures of all recordings together.
    """

    kind: str
    means: Mapping[str, Mean]
    whole: Mapping[str, float]


Waveforms = Mapping[str, np.ndarray]  # (N,) by name of the recording


class Protocol:
    """Measures recordings of every kind alike.

    Args:
        front_end: of the bundle; all waveforms have its sample rate.
        stride: frames from one chunk to the next, where there could be a seam.
    """

    attempt = staticmethod(attempt)

    def __init__(self, front_end: MelTransform, stride: int) -> None:
        self.front_end = front_end
        self.sample_rate = front_end.spec.sample_rate
        self.stride = stride
        self.rows: list[Row] = []
        self.kinds: dict[str, None] = {}
        self.vectors: dict[str, list[np.ndarray]] = {}
        self.mels: dict[str, list[torch.Tensor]] = {}

    def add(self, name: str, kind: str, waveform: np.ndarray) -> Row:
        """Measure a waveform (N,); what cannot be measured of it is NaN."""
        self.kinds.setdefault(kind, None)
        values: dict[str, float] = {}
        if is_audible(waveform):
            mel = self.front_end(torch.from_numpy(waveform))
            self.mels.setdefault(kind, []).append(mel)
            found = measure(mel.T.numpy(), self.front_end.spec)
            values = {"seams": of_mels.seam_ratio(mel, self.stride), "pauses": found.quiet - found.loud}
        row = Row(name, kind, self.own(name, kind, waveform) | values)
        self.rows.append(row)
        return row

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        """Return the measures of a waveform (N,) that this protocol adds; keep its vectors for a Frechet distance."""
        raise NotImplementedError

    def expect(self, speaker: Speaker, waveforms: Waveforms, texts: Mapping[str, str], paired: bool) -> None:
        """Get to know a source speaker that was not trained on, before the recordings are added.

        Args:
            speaker: whose kinds will be added.
            waveforms: the recordings.
            texts: transcripts by name.
            paired: each is of the same sentence as the target's recording of its name.
        """
        raise NotImplementedError

    def about(self) -> dict[str, object]:
        """Return what a reader of the figures must know."""
        return {}

    def remember(self, kind: str, vectors: np.ndarray) -> None:
        """Keep the vectors (K, E) of a recording."""
        self.vectors.setdefault(kind, []).append(vectors)

    def summary(self) -> list[Summary]:
        """One line a kind, in the order they were added."""
        return [Summary(kind, self.means(kind), self.whole(kind)) for kind in self.kinds]

    def means(self, kind: str) -> dict[str, Mean]:
        rows = [row.values for row in self.rows if row.kind == kind]
        known = [name for name in MEANS if any(name in one for one in rows)]
        return {name: mean([one.get(name, NAN) for one in rows]) for name in known}

    def whole(self, kind: str) -> dict[str, float]:
        """Figures of all recordings of a kind together."""
        vectors = [self.known_vectors(one) for one in (kind, REFERENCE)]
        distance = partial(frechet_distance, *vectors)
        enough = min(map(len, vectors)) > 1
        frechet = self.attempt("the Frechet distance", kind, distance, NAN) if enough else NAN
        mels = [self.mels.get(one, []) for one in (kind, REFERENCE)]
        if not all(mels):
            return {"frechet": frechet, "mel_distance": NAN}
        statistics = [of_mels.statistics(one, self.front_end.spec) for one in mels]
        return {"frechet": frechet, "mel_distance": of_mels.distance(*statistics)}

    def known_vectors(self, kind: str) -> np.ndarray:
        """The vectors (K, E) of all recordings of a kind that are numbers."""
        found = [one for one in self.vectors.get(kind, []) if len(one)]
        vectors = np.concatenate(found) if found else np.zeros((0, 1))
        return vectors[np.isfinite(vectors).all(axis=1)]


def is_audible(waveform: np.ndarray) -> bool:
    """Tell whether a waveform (N,) holds anything to measure."""
    return len(waveform) > 0 and bool(np.ptp(waveform) >= SILENT)  # a constant is as silent as zero
