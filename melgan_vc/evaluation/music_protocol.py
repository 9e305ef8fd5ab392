"""Measures of music: likeness to the target's genre, and preservation of the melody."""

from functools import partial

import numpy as np

from melgan_vc.audio.mel import MelTransform
from melgan_vc.evaluation.protocol import NAN, REFERENCE, Protocol, Waveforms, is_audible
from melgan_vc.measures.music import GenreClassifier, chroma, chroma_similarity, timbre


class MusicProtocol(Protocol):
    """Measures the likeness of music to the target's genre, and whether the source's melody is kept.

    Args:
        front_end, stride: see :class:`Protocol`.
        source: held-out recordings.
        classifier: of the two genres.
    """

    def __init__(self, front_end: MelTransform, stride: int, source: Waveforms, classifier: GenreClassifier) -> None:
        super().__init__(front_end, stride)
        self.classifier = classifier
        self.melodies = {name: self.melody(f"{name} (source)", one) for name, one in source.items()}

    def melody(self, name: str, waveform: np.ndarray) -> np.ndarray | None:
        """The chromagram (12, T) of a waveform (N,), if it has any."""
        found = partial(chroma, waveform, self.sample_rate)
        return self.attempt("the melody", name, found, None) if is_audible(waveform) else None

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        place = f"{name} ({kind})"
        describe = partial(timbre, waveform, self.sample_rate)
        vectors = self.attempt("the genre", place, describe, None) if is_audible(waveform) else None
        share = NAN
        if vectors is not None:
            self.remember(kind, self.classifier.scaled(vectors))
            share = self.classifier.target_share(vectors)
        values = {"genre": NAN if np.isnan(share) else float(share > 0.5), "genre_share": share}
        if not kind.startswith(REFERENCE):  # which has melodies of its own
            melody = self.melody(place, waveform)
            alike = {other: similarity(melody, one) for other, one in self.melodies.items()}
            others = [value for other, value in alike.items() if other != name and not np.isnan(value)]
            values["chroma"] = alike.get(name, NAN)
            values["chroma_other"] = float(np.mean(others)) if others else NAN
        return values

    def about(self) -> dict[str, object]:
        """Return the classifier's accuracy on real held-out recordings, both genres counting the same."""
        right = []
        for kind in ("source", REFERENCE):
            verdicts = [row.values["genre"] for row in self.rows if row.kind == kind]
            known = [(one > 0.5) == (kind == REFERENCE) for one in verdicts if not np.isnan(one)]
            right.append(float(np.mean(known)) if known else NAN)
        return {"classifier_accuracy": float(np.mean(right))}


def similarity(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """Return the similarity of two chromagrams (12, T); NaN where one is missing."""
    return NAN if one is None or other is None else chroma_similarity(one, other)
