"""What is measured of recordings of each kind, and how the figures are summed up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.evaluation.columns import MEANS
from melgan_vc.measures import mels as of_mels
from melgan_vc.measures.cepstra import Voice, analysed, likeness
from melgan_vc.measures.frechet import frechet_distance
from melgan_vc.measures.intervals import Mean, mean
from melgan_vc.measures.modulation import modulation_distance
from melgan_vc.measures.music import GenreClassifier, chroma, chroma_similarity, timbre
from melgan_vc.measures.recordings import measure
from melgan_vc.measures.voice import Embed, centroid, cosine, voiced_f0
from melgan_vc.measures.words import Recognise, error_rates

NAN = float("nan")
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
        self.vectors: dict[str, list[np.ndarray]] = {}
        self.mels: dict[str, list[torch.Tensor]] = {}

    def add(self, name: str, kind: str, waveform: np.ndarray) -> Row:
        """Measure a waveform (N,)."""
        mel = self.front_end(torch.from_numpy(waveform))
        self.mels.setdefault(kind, []).append(mel)
        found = measure(mel.T.numpy(), self.front_end.spec)
        values = {"seams": of_mels.seam_ratio(mel, self.stride), "pauses": found.quiet - found.loud}
        row = Row(name, kind, self.own(name, kind, waveform) | values)
        self.rows.append(row)
        return row

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
        return [Summary(kind, self.means(kind), self.whole(kind)) for kind in self.vectors]

    def means(self, kind: str) -> dict[str, Mean]:
        rows = [row.values for row in self.rows if row.kind == kind]
        known = [name for name in MEANS if any(name in one for one in rows)]
        return {name: mean([one.get(name, NAN) for one in rows]) for name in known}

    def whole(self, kind: str) -> dict[str, float]:
        """Figures of all recordings of a kind together."""
        vectors = {one: np.concatenate(self.vectors[one]) for one in (kind, REFERENCE)}
        enough = min(map(len, vectors.values())) > 1
        statistics = {one: of_mels.statistics(self.mels[one], self.front_end.spec) for one in (kind, REFERENCE)}
        return {
            "frechet": frechet_distance(vectors[kind], vectors[REFERENCE]) if enough else NAN,
            "mel_distance": of_mels.distance(statistics[kind], statistics[REFERENCE]),
        }


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
        self.wanted: dict[str, Voice] = {name: analysed(one, self.sample_rate) for name, one in wanted.items()}
        self.said = {"source": {name: self.words(one) for name, one in source.items()}}
        same = self.said["source"]
        self.said["target"] = same if parallel else {name: self.words(one) for name, one in target.items()}
        self.pitches: dict[str, list[np.ndarray]] = {}

    def about(self) -> dict[str, object]:
        return {"mcd": self.mcd, "recogniser": type(self.recognise).__name__ if self.recognise else None}

    def speaker(self, waveforms: Waveforms) -> np.ndarray:
        """The embedding (E,) of a domain's speaker over all held-out recordings."""
        return centroid([centroid(self.embed(one, self.sample_rate)) for one in waveforms.values()])

    def words(self, waveform: np.ndarray) -> str:
        return self.recognise(waveform, self.sample_rate) if self.recognise else ""

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        pieces = self.embed(waveform, self.sample_rate)
        self.remember(kind, pieces)
        embedding = centroid(pieces)
        values = {f"to_{domain}": cosine(embedding, one) for domain, one in self.speakers.items()}
        self.pitches.setdefault(kind, []).append(voiced_f0(waveform, self.sample_rate))
        if name in self.wanted:
            voice, wanted = analysed(waveform, self.sample_rate), self.wanted[name]
            values |= asdict(likeness(voice, wanted, **self.mcd))
            values["modulation"] = modulation_distance(voice.cepstra, wanted.cepstra)
        if self.recognise:
            said = self.said["target" if kind.startswith(REFERENCE) else "source"][name]
            values["cer"], values["wer"] = error_rates(said, self.words(waveform))
        return values

    def whole(self, kind: str) -> dict[str, float]:
        median, spread = self.pitch(kind)
        reference, _ = self.pitch(REFERENCE)
        more = {"median_f0": median, "f0_error": median / reference - 1, "f0_spread": spread}
        return super().whole(kind) | more

    def pitch(self, kind: str) -> tuple[float, float]:
        """Median F0 in Hz and the standard deviation of its logarithm in semitones, over all voiced frames."""
        f0 = np.concatenate(self.pitches[kind])
        return (float(np.median(f0)), float(12 * np.log2(f0).std())) if len(f0) else (NAN, NAN)


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
        self.melodies = {name: chroma(one, self.sample_rate) for name, one in source.items()}

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        vectors = timbre(waveform, self.sample_rate)
        self.remember(kind, self.classifier.scaled(vectors))
        share = self.classifier.target_share(vectors)
        values = {"genre": float(share > 0.5), "genre_share": share}
        if not kind.startswith(REFERENCE):  # which has melodies of its own
            melody = chroma(waveform, self.sample_rate)
            values["chroma"] = chroma_similarity(melody, self.melodies[name])
            others = [chroma_similarity(melody, one) for other, one in self.melodies.items() if other != name]
            values["chroma_other"] = float(np.mean(others)) if others else NAN
        return values

    def about(self) -> dict[str, object]:
        """How often the classifier is right on real held-out recordings, both genres counting the same."""
        right = [
            np.mean([(row.values["genre"] > 0.5) == (kind == REFERENCE) for row in self.rows if row.kind == kind])
            for kind in ("source", REFERENCE)
        ]
        return {"classifier_accuracy": float(np.mean(right))}
