"""What a validation measures of voices: F0, speakers, naturalness, words, and their quality as one number."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.data.streamed import Written
from melgan_vc.data.transcripts import transcript_of
from melgan_vc.measures.attempts import attempt
from melgan_vc.measures.intervals import mean
from melgan_vc.measures.naturalness import Rate, installed
from melgan_vc.measures.pitch import Track, tracker
from melgan_vc.measures.quality import NAN, Scores, quality_of
from melgan_vc.measures.voice import Embed, centroid, cosine, usable_embedder
from melgan_vc.measures.words import Recognise, best_installed, error_rates, plain

log = logging.getLogger(__name__)
Waveforms = Sequence[np.ndarray]  # (N,) each
QUALITY_RATER = "distillmos"  # whose score is the naturalness of the quality


@dataclass(frozen=True)
class VoiceModels:
    """What voices are measured with.

    Attributes:
        track: the F0 tracker.
        embed: the speaker embedder; None where resemblyzer is not installed.
        raters: predictors of naturalness, by the names of their measures.
        recognise: the speech recogniser; None: words are not compared.
    """

    track: Track
    embed: Embed | None
    raters: Mapping[str, Rate]
    recognise: Recognise | None

    @classmethod
    def load(cls, pitch: str = "swift_f0", naturalness: Sequence[str] = (), words: bool = False) -> "VoiceModels":
        """Load them; the speaker embedder and predictors of naturalness are named in the log where not installed.

        Args:
            pitch: name of the F0 tracker.
            naturalness: names of the predictors.
            words: load a recogniser.

        Raises:
            UserError: there is no recogniser.
        """
        recognise = best_installed() if words else None
        return cls(tracker(pitch), usable_embedder(), installed(naturalness), recognise)


class VoiceMeasures:
    """Measures conversions against the previews of source and target; what these alone decide is computed once.

    Args:
        models: that measure.
        sample_rate: in Hz.
        previews: waveforms (N,) by domain; conversions are of those of the source, in their order.
        texts: transcripts of the previews by domain, None for those that have none.
    """

    def __init__(
        self,
        models: VoiceModels,
        sample_rate: int,
        previews: Mapping[str, Waveforms],
        texts: Mapping[str, Sequence[str | None]],
    ) -> None:
        self.models, self.sample_rate = models, sample_rate
        self.previews, self.texts = previews, texts

    def measure(self, converted: Waveforms) -> dict[str, float]:
        """Return the measures of conversions (N,)."""
        measures = {}
        if self.previews["target"]:
            measures["f0_ratio"] = self.median_f0(converted) / self.target_f0
        embeddings = self.embeddings(converted)
        if embeddings is not None:
            ours = centroid(embeddings)
            measures |= {f"to_{domain}": cosine(ours, speaker) for domain, speaker in self.speakers.items()}
        measures |= {name: self.rating(name, converted) for name in self.preview_ratings}
        if self.models.recognise is not None:
            measures |= self.error_rates(converted, self.sentences)
        if self.limits is not None:
            found = Scores(measures["cer"], self.likeness(embeddings), measures[QUALITY_RATER])
            measures["quality"] = quality_of(found, *self.limits).total
        return measures

    @cached_property
    def target_f0(self) -> float:
        return self.median_f0(self.previews["target"])

    @cached_property
    def preview_embeddings(self) -> dict[str, list[np.ndarray]]:
        """The speaker embeddings (E,) of the previews by domain; none where there is no embedder."""
        found = {domain: self.embeddings(previews) for domain, previews in self.previews.items() if previews}
        return {domain: embeddings for domain, embeddings in found.items() if embeddings is not None}

    @cached_property
    def speakers(self) -> dict[str, np.ndarray]:
        """The speaker embedding (E,) of each domain."""
        return {domain: centroid(embeddings) for domain, embeddings in self.preview_embeddings.items()}

    @cached_property
    def preview_ratings(self) -> dict[str, dict[str, float]]:
        """The mean score of each domain's previews by predictor, the most that conversions can reach; logged once."""
        found = {
            name: {domain: self.rating(name, previews) for domain, previews in self.previews.items() if previews}
            for name in self.models.raters
        }
        for name, scores in found.items():
            told = ", ".join(f"{domain} {score:.2f}" for domain, score in scores.items())
            log.info("%s of the held-out clips before conversion: %s", name, told)
        return found

    @cached_property
    def sentences(self) -> list[str]:
        """What is said in the source's previews: their transcripts, else what is recognised in them."""
        pairs = zip(self.texts["source"], self.previews["source"], strict=True)
        return [plain(text) if text else self.words(preview) or "" for text, preview in pairs]

    @cached_property
    def limits(self) -> tuple[Scores, Scores] | None:
        """The scores of the source's and the target's own previews, floor and ceiling of the quality.

        None where a part of the quality is not measured. A target preview without a transcript cannot have errors.
        """
        models = self.models
        if models.recognise is None or QUALITY_RATER not in models.raters or len(self.speakers) < 2:
            return None
        source, target = (Scores(to_target=self.likeness(self.preview_embeddings[one])) for one in ("source", "target"))
        errors = self.error_rates(self.previews["target"], [plain(text or "") for text in self.texts["target"]])
        cer = 0.0 if np.isnan(errors["cer"]) else errors["cer"]
        target = Scores(cer, target.to_target, self.preview_ratings[QUALITY_RATER]["target"])
        return None if np.isnan(quality_of(target, source, target).total) else (source, target)

    def median_f0(self, waveforms: Waveforms) -> float:
        """Return the median F0 over all voiced frames, in Hz; NaN if none is."""
        voiced = np.concatenate([self.models.track(waveform, self.sample_rate).voiced for waveform in waveforms])
        return float(np.median(voiced)) if len(voiced) else NAN

    def embeddings(self, waveforms: Waveforms) -> list[np.ndarray] | None:
        """Return the speaker embedding (E,) of each waveform (N,); None where there is no embedder."""
        embed = self.models.embed
        return None if embed is None else [centroid(embed(one, self.sample_rate)) for one in waveforms]

    def likeness(self, embeddings: Sequence[np.ndarray] | None) -> float:
        """Return the mean cosine of embeddings (E,) to the target's speaker, as an evaluation has it.

        A target preview is nearer to a mean that it is part of, so the speaker for the nth one, of whatever kind, is
        that of all target previews but the nth, where that is not the only one.
        """
        known = self.preview_embeddings["target"]
        rest = [centroid([*known[:place], *known[place + 1 :]] or known) for place in range(len(known))]
        return mean([cosine(one, rest[place % len(rest)]) for place, one in enumerate(embeddings or ())]).value

    def rating(self, name: str, waveforms: Waveforms) -> float:
        """Return the mean score that a predictor gives waveforms (N,)."""
        rate = self.models.raters[name]
        scores = [attempt(name, "a preview", partial(rate, one, self.sample_rate), NAN) for one in waveforms]
        return mean(scores).value

    def error_rates(self, waveforms: Waveforms, sentences: Sequence[str]) -> dict[str, float]:
        """Return the mean error rates of the words in waveforms (N,); one without a sentence does not count."""
        heard = [
            (sentence, self.words(waveform))
            for sentence, waveform in zip(sentences, waveforms, strict=True)
            if sentence
        ]
        rates = [error_rates(sentence, found) for sentence, found in heard if found is not None]
        return {name: mean([one[place] for one in rates]).value for place, name in enumerate(("cer", "wer"))}

    def words(self, waveform: np.ndarray) -> str | None:
        """Return what is recognised in a waveform (N,); None where the recogniser fails."""
        recognise = self.models.recognise
        assert recognise is not None
        return attempt("the words", "a preview", lambda: recognise(waveform, self.sample_rate), None)


def preview_texts(data: ChunkDataModule, domain: str, frames: Sequence[int]) -> list[str | None]:
    """Return the transcripts of the first held-out recordings of a domain; None for one that has none, or is cut.

    Args:
        data: of the training, set up.
        domain: source or target.
        frames: that each recording's preview has.
    """
    corpus = data.corpora[domain]
    if isinstance(corpus, Written):  # whose recordings may not be at hand
        return [None for _ in frames]
    recordings = corpus.recordings()
    items = {item.path: item for item in data.stores[domain].items}
    found: list[str | None] = []
    for segment, count in zip(data.splits[domain].validation, frames, strict=False):
        item, recording = items[segment.path], recordings.get(segment.path)
        is_complete = (segment.offset, count) == (item.offset, item.frames)
        found.append(transcript_of(recording) if is_complete and recording is not None else None)
    return found
