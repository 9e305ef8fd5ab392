"""What is measured of recordings of each kind, and how the figures are summed up."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.evaluation.columns import MEANS
from melgan_vc.evaluation.documents import shortened
from melgan_vc.measures import mels as of_mels
from melgan_vc.measures.cepstra import Likeness, Voice, analysed, likeness
from melgan_vc.measures.frechet import frechet_distance
from melgan_vc.measures.intervals import Mean, mean
from melgan_vc.measures.modulation import modulation_distance
from melgan_vc.measures.music import GenreClassifier, chroma, chroma_similarity, timbre
from melgan_vc.measures.recordings import measure
from melgan_vc.measures.voice import Embed, centroid, cosine, voiced_f0
from melgan_vc.measures.words import SILENT, Recognise, error_rates

log = logging.getLogger(__name__)
Found = TypeVar("Found")
NAN = float("nan")
FEWEST_FRAMES = 20  # of WORLD: 0.1 s, in less there is no sentence to align
NOTHING = np.zeros((0, 1))  # vectors (K, E) of what has none
REFERENCE = "target"  # kind that the others are compared with


@dataclass(frozen=True)
class Row:
    """What was measured of one recording.

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
    """Over all recordings of a kind.

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

    def attempt(self, what: str, name: str, measured: Callable[[], Found], otherwise: Found) -> Found:
        """Return what a library measures of a recording; where it raises, something else, with a warning.

        Args:
            what: is measured, for the warning.
            name: of the recording and perhaps its kind.
            measured: calls the library.
            otherwise: stands for what cannot be measured.
        """
        try:
            return measured()
        except (OSError, MemoryError):  # of the machine, not of this recording
            raise
        except Exception as error:  # of resemblyzer, WORLD, pYIN, a recogniser: each fails in its own ways
            log.warning("warning: %s: %s cannot be measured: %s", name, what, shortened(error))
            return otherwise

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        """What this protocol measures of a waveform (N,); remembers vectors for a Frechet distance."""
        raise NotImplementedError

    def about(self) -> dict[str, object]:
        """What must be known of the figures."""
        return {}

    def remember(self, kind: str, vectors: np.ndarray) -> None:
        """Vectors (K, E) of a recording."""
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


class VoiceProtocol(Protocol):
    """Voices against those of source and target, and against the target's recording of the sentence where there is one.

    Args:
        front_end, stride: see :class:`Protocol`.
        source, target: held-out recordings.
        parallel: those of one name are of one sentence.
        embed: see :func:`melgan_vc.measures.voice.speaker_embedder`.
        recognise: see :mod:`melgan_vc.measures.words`; None leaves words out.
        voiced_only, power: of MCD, see :func:`melgan_vc.measures.cepstra.likeness`.
    """

    def __init__(
        self,
        front_end: MelTransform,
        stride: int,
        source: Waveforms,
        target: Waveforms,
        parallel: bool,
        embed: Embed,
        recognise: Recognise | None = None,
        voiced_only: bool = False,
        power: bool = False,
    ) -> None:
        super().__init__(front_end, stride)
        self.embed = embed
        self.recognise = recognise
        self.mcd = {"voiced_only": voiced_only, "power": power}
        self.speakers = {domain: self.speaker(one) for domain, one in (("source", source), ("target", target))}
        wanted = target if parallel else {}
        voices = {name: self.voice(f"{name} (target)", one) for name, one in wanted.items()}
        self.wanted: dict[str, Voice] = {name: one for name, one in voices.items() if one is not None}
        self.said = {"source": {name: self.words(f"{name} (source)", one) for name, one in source.items()}}
        same = self.said["source"]
        self.said["target"] = (
            same if parallel else {name: self.words(f"{name} (target)", one) for name, one in target.items()}
        )
        self.pitches: dict[str, list[np.ndarray]] = {}

    def about(self) -> dict[str, object]:
        return {"mcd": self.mcd, "recogniser": type(self.recognise).__name__ if self.recognise else None}

    def speaker(self, waveforms: Waveforms) -> np.ndarray:
        """The embedding (E,) of a domain's speaker over all held-out recordings that have a voice."""
        return centroid([centroid(self.pieces(name, one)) for name, one in waveforms.items()])

    def pieces(self, name: str, waveform: np.ndarray) -> np.ndarray:
        """Speaker embeddings (K, E) of a waveform (N,); none where it has no voice."""
        embed = partial(self.embed, waveform, self.sample_rate)
        return self.attempt("the speaker", name, embed, NOTHING) if is_audible(waveform) else NOTHING

    def voice(self, name: str, waveform: np.ndarray) -> Voice | None:
        """Cepstra and pitch of a waveform (N,), if it has any."""
        analyse = partial(analysed, waveform, self.sample_rate)
        found = self.attempt("MCD and F0", name, analyse, None) if is_audible(waveform) else None
        return found if found is not None and len(found.f0) >= FEWEST_FRAMES else None

    def words(self, name: str, waveform: np.ndarray) -> str | None:
        """What the recogniser hears in a waveform (N,); None where it fails."""
        recognise = self.recognise
        if recognise is None:
            return None
        return self.attempt("the words", name, lambda: recognise(waveform, self.sample_rate), None)

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        place = f"{name} ({kind})"
        pieces = self.pieces(place, waveform)
        self.remember(kind, pieces)
        embedding = centroid(pieces)
        values = {f"to_{domain}": cosine(embedding, one) for domain, one in self.speakers.items()}
        pitch = partial(voiced_f0, waveform, self.sample_rate)
        heard = is_audible(waveform)
        self.pitches.setdefault(kind, []).append(
            self.attempt("F0", place, pitch, NOTHING[:, 0]) if heard else NOTHING[:, 0]
        )
        if name in self.wanted:
            values |= self.likeness(place, waveform, self.wanted[name])
        if self.recognise:
            said = self.said["target" if kind.startswith(REFERENCE) else "source"].get(name)
            found = self.words(place, waveform) if said else None
            values["cer"], values["wer"] = (NAN, NAN) if not said or found is None else error_rates(said, found)
        return values

    def likeness(self, place: str, waveform: np.ndarray, wanted: Voice) -> dict[str, float]:
        """How like a waveform (N,) is to the target's recording of the sentence."""
        voice = self.voice(place, waveform)
        unknown = Likeness(NAN, NAN, NAN, NAN)
        if voice is None:
            return asdict(unknown) | {"modulation": NAN}
        found = self.attempt("MCD and F0", place, lambda: likeness(voice, wanted, **self.mcd), unknown)
        modulation = partial(modulation_distance, voice.cepstra, wanted.cepstra)
        return asdict(found) | {"modulation": self.attempt("the modulation", place, modulation, NAN)}

    def whole(self, kind: str) -> dict[str, float]:
        median, spread = self.pitch(kind)
        reference, _ = self.pitch(REFERENCE)
        more = {"median_f0": median, "f0_error": median / reference - 1, "f0_spread": spread}
        return super().whole(kind) | more

    def pitch(self, kind: str) -> tuple[float, float]:
        """Median F0 in Hz and the standard deviation of its logarithm in semitones, over all voiced frames."""
        f0 = np.concatenate(self.pitches.get(kind) or [NOTHING[:, 0]])
        spread = float(12 * np.log2(f0).std()) if len(f0) > 1 else NAN
        return float(np.median(f0)) if len(f0) else NAN, spread


class MusicProtocol(Protocol):
    """Music: whether it sounds like the target's genre, and whether the source's melody stays.

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
        """How often the classifier is right on real held-out recordings, both genres counting the same."""
        right = []
        for kind in ("source", REFERENCE):
            verdicts = [row.values["genre"] for row in self.rows if row.kind == kind]
            known = [(one > 0.5) == (kind == REFERENCE) for one in verdicts if not np.isnan(one)]
            right.append(float(np.mean(known)) if known else NAN)
        return {"classifier_accuracy": float(np.mean(right))}


def similarity(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """How alike two chromagrams (12, T) are; NaN where one is missing."""
    return NAN if one is None or other is None else chroma_similarity(one, other)


def is_audible(waveform: np.ndarray) -> bool:
    """Whether a waveform (N,) holds anything to measure."""
    return len(waveform) > 0 and bool(np.ptp(waveform) >= SILENT)  # a constant is as silent as zero
