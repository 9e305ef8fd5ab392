"""Measures of voices: speaker, words, naturalness, spectrum and pitch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np

from melgan_vc.audio.mel import MelTransform
from melgan_vc.evaluation.protocol import NAN, REFERENCE, Protocol, Waveforms, is_audible
from melgan_vc.evaluation.speakers import Speaker
from melgan_vc.measures.cepstra import Likeness, Voice, analysed, likeness
from melgan_vc.measures.modulation import modulation_distance
from melgan_vc.measures.naturalness import Rate
from melgan_vc.measures.pitch import Track, tracker
from melgan_vc.measures.voice import Embed, centroid, cosine
from melgan_vc.measures.words import Recognise, error_rates, plain

FEWEST_FRAMES = 20  # of WORLD: 0.1 s, in less there is no sentence to align
OF_WORLD = ("mcd", "modulation", "f0_cents", "f0_correlation", "voicing")  # columns that it fills, if sentences match
NOTHING = np.zeros((0, 1))  # vectors (K, E) of what has none


class VoiceProtocol(Protocol):
    """Voices against those of source and target, and against the target's recording of the sentence where there is one.

    Args:
        front_end, stride: see :class:`Protocol`.
        source, target: held-out recordings.
        parallel: those of one name are of one sentence.
        embed: see :func:`melgan_vc.measures.voice.speaker_embedder`.
        recognise: see :mod:`melgan_vc.measures.words`; None: words are not compared.
        recogniser: name of what recognises, for the record.
        raters: predictors of naturalness, by the names of their columns.
        absent: columns that were asked for and that nothing on this machine can fill: they hold dashes.
        track: F0 tracker of the median and the spread; None for the default.
        texts: transcripts by domain and name; where there is none, what is recognised in the recording stands for it.
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
        recogniser: str | None = None,
        raters: Mapping[str, Rate] | None = None,
        absent: Sequence[str] = (),
        track: Track | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
        voiced_only: bool = False,
        power: bool = False,
    ) -> None:
        super().__init__(front_end, stride)
        self.embed = embed
        self.recognise, self.recogniser = recognise, recogniser
        self.raters = dict(raters or {})
        self.absent = tuple(absent)
        self.track = track or tracker()
        self.mcd = {"voiced_only": voiced_only, "power": power}
        self.embeddings = {
            domain: {name: centroid(self.pieces(name, one)) for name, one in waveforms.items()}
            for domain, waveforms in (("source", source), ("target", target))
        }
        wanted = target if parallel and "mcd" not in self.absent else {}
        voices = {name: self.voice(f"{name} (target)", one) for name, one in wanted.items()}
        self.wanted: dict[str, Voice] = {name: one for name, one in voices.items() if one is not None}
        known = dict(texts or {})
        if parallel:  # what one says, the other says
            known["source"] = {**known.get("target", {}), **known.get("source", {})}
        both = (("source", source), ("target", target))
        self.texts = known.get("source", {})
        self.transcripts = {domain: len(known.get(domain, {}).keys() & one.keys()) for domain, one in both}
        self.said = {"source": self.sentences("source", source, known)}
        self.said["target"] = self.said["source"] if parallel else self.sentences("target", target, known)
        self.owners: dict[str, str] = {}  # of kinds of speakers that were not trained on, keys of the two above
        self.unpaired: set[str] = set()  # kinds whose recordings are of other sentences than the target's of that name
        self.pitches: dict[str, list[np.ndarray]] = {}

    def expect(self, speaker: Speaker, waveforms: Waveforms, texts: Mapping[str, str], paired: bool) -> None:
        own = speaker.source
        self.owners |= dict.fromkeys(speaker.kinds, own)
        self.unpaired |= set() if paired else set(speaker.kinds)
        self.embeddings[own] = {name: centroid(self.pieces(name, one)) for name, one in waveforms.items()}
        self.said[own] = self.sentences(own, waveforms, {own: {**(self.texts if paired else {}), **texts}})

    def owner(self, kind: str) -> str:
        """Return whose recordings a kind is made of."""
        return self.owners.get(kind, "target" if kind.startswith(REFERENCE) else "source")

    def about(self) -> dict[str, object]:
        return {
            "mcd": self.mcd,
            "recogniser": self.recogniser,
            "transcripts": self.transcripts,
            "naturalness": sorted(self.raters),
            "pitch": type(self.track).__name__,
        }

    def sentences(
        self, domain: str, waveforms: Waveforms, texts: Mapping[str, Mapping[str, str]]
    ) -> dict[str, str | None]:
        """Return the words of a domain's recordings: of their transcripts, else those recognised in them."""
        known = texts.get(domain, {})
        return {
            name: plain(known[name]) if name in known else self.words(f"{name} ({domain})", one)
            for name, one in waveforms.items()
        }

    def speaker(self, domain: str, without: str) -> np.ndarray:
        """Return the embedding (E,) of a domain's speaker over all held-out recordings that have a voice but one.

        A recording is nearer to a mean that it is part of, so it is left out where it is not the only one.
        """
        known = {name: one for name, one in self.embeddings[domain].items() if np.isfinite(one).all()}
        return centroid([one for name, one in known.items() if name != without] or list(known.values()))

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
        """Return the words that the recogniser hears in a waveform (N,); None where it fails."""
        recognise = self.recognise
        if recognise is None:
            return None
        return self.attempt("the words", name, lambda: recognise(waveform, self.sample_rate), None)

    def own(self, name: str, kind: str, waveform: np.ndarray) -> dict[str, float]:
        place = f"{name} ({kind})"
        pieces = self.pieces(place, waveform)
        self.remember(kind, pieces)
        embedding = centroid(pieces)
        values = dict.fromkeys(self.absent, NAN)
        target = self.speaker("target", "" if kind in self.unpaired else name)
        source = self.speaker(self.owners.get(kind, "source"), name)
        values |= {"to_target": cosine(embedding, target), "to_source": cosine(embedding, source)}
        heard = is_audible(waveform)
        pitch = partial(self.track, waveform, self.sample_rate)
        contour = self.attempt("F0", place, pitch, None) if heard else None
        self.pitches.setdefault(kind, []).append(NOTHING[:, 0] if contour is None else contour.voiced)
        for column, rate in self.raters.items():
            score = partial(rate, waveform, self.sample_rate)
            values[column] = self.attempt(column, place, score, NAN) if heard else NAN
        if name in self.wanted and kind not in self.unpaired:
            values |= self.likeness(place, waveform, self.wanted[name])
        if self.recognise:
            said = self.said[self.owner(kind)].get(name)
            found = self.words(place, waveform) if said else None
            values["cer"], values["wer"] = (NAN, NAN) if not said or found is None else error_rates(said, found)
        return values

    def likeness(self, place: str, waveform: np.ndarray, wanted: Voice) -> dict[str, float]:
        """Return the likeness of a waveform (N,) to the target's recording of the sentence."""
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
