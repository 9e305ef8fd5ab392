"""What is measured of a generator in training, on recordings that it never sees."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from melgan_vc.audio import methods
from melgan_vc.audio.chunks import SILENCE
from melgan_vc.audio.inversion import Inversion
from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.pictures import mel_figure
from melgan_vc.audio.synthesis import Piece
from melgan_vc.bundle import Bundle
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.inference.converter import Converter
from melgan_vc.losses.travel import travel
from melgan_vc.measures import mels as of_mels
from melgan_vc.training.held_out import Clip, HeldOut
from melgan_vc.training.held_out_voices import VoiceMeasures, VoiceModels, preview_texts
from melgan_vc.training.loggers.base import KINDS
from melgan_vc.training.randomness import undisturbed

SILENT_CHUNKS = 8


class HeldOutProtocol:
    """Measures the generator of a training; what belongs to the recordings alone is computed once.

    A training has mels, not recordings: previews of source and target are inverted mels. Where conversions filter their
    source, these previews are what is filtered.

    Args:
        data: whose validation recordings are used.
        clips: recordings of each domain, at most.
        seconds: of each, at most.
        listen: how many of them become sound.
        models: that measure voices; None measures none, for music.
        preferred: the way back to sound, see :attr:`melgan_vc.bundle.Bundle.inversion`.
    """

    def __init__(
        self,
        data: ChunkDataModule,
        clips: int,
        seconds: float,
        listen: int,
        models: VoiceModels | None = None,
        preferred: Mapping[str, Any] | None = None,
    ) -> None:
        self.audio, self.chunk = data.audio, data.chunk
        self.front_end = MelTransform(self.audio)
        self.synthesis = methods.build(preferred, self.audio)
        alone = isinstance(self.synthesis, Inversion)
        self.inversion = self.synthesis if alone else methods.build(None, self.audio)
        seconds = max(seconds, self.audio.seconds(self.chunk.window + 1))
        self.mels = {domain: data.held_out(domain, clips, seconds) for domain in ("source", "target")}
        self.data, self.listen, self.models = data, listen, models

    @cached_property
    def waveforms(self) -> dict[str, list[np.ndarray]]:
        """The first clips of each domain as sound: inverted as conversions are, or as what these filter."""
        return {domain: [self.invert(mel) for mel in found[: self.listen]] for domain, found in self.mels.items()}

    @cached_property
    def target_statistics(self) -> Tensor:
        return of_mels.statistics(self.mels["target"], self.audio)

    @cached_property
    def voices(self) -> VoiceMeasures | None:
        """What measures voices; None where they are not to be measured, or nothing becomes sound."""
        if self.models is None or not self.listen:
            return None
        texts: dict[str, list[str | None]] = {domain: [None] * len(found) for domain, found in self.waveforms.items()}
        if self.models.recognise is not None:
            frames = {domain: [mel.shape[1] for mel in mels[: self.listen]] for domain, mels in self.mels.items()}
            texts = {domain: preview_texts(self.data, domain, found) for domain, found in frames.items()}
        return VoiceMeasures(self.models, self.audio.sample_rate, self.waveforms, texts)

    @torch.no_grad()
    def measure(self, generator: nn.Module, siamese: nn.Module, batch: int) -> HeldOut:
        """One validation; weights, statistics and random generators of the training stay as they are.

        Args:
            generator, siamese: of the training, whole.
            batch: its batch count.
        """
        device = next(generator.parameters()).device
        with undisturbed(), inference(generator, siamese):
            converter = Converter(
                Bundle(generator, {}, self.audio, self.chunk), str(device), overlap=0
            )  # seams are measured
            converted = [converter.convert(mel) for mel in self.mels["source"]]
            silence = converter.convert(torch.full((self.audio.n_mels, SILENT_CHUNKS * self.chunk.width), SILENCE))
            measures = self.of_mels(converted, silence) | self.of_content(siamese, converted)
            waveforms = [self.sound(number, mel) for number, mel in enumerate(converted[: self.listen])]
            if self.voices is not None:
                measures |= self.voices.measure(waveforms)
            pairs = zip(converted, waveforms, strict=False)  # only the first ones have a waveform
            clips = tuple(self.clip(number, *pair) for number, pair in enumerate(pairs))
        return HeldOut(batch, measures, clips, self.audio.sample_rate)

    def of_mels(self, converted: Sequence[Tensor], silence: Tensor) -> dict[str, float]:
        """Measures of conversions (M, T) and of converted silence (M, T)."""
        source, out = self.chunks(self.mels["source"]), self.chunks(converted)
        ratios = [of_mels.seam_ratio(mel, self.chunk.width) for mel in converted]
        seams = [ratio for ratio in ratios if not math.isnan(ratio)]
        measures = {
            "spread": of_mels.spread(source, out),
            "change": of_mels.change(source, out),
            "seam_ratio": float(np.mean(seams)) if seams else math.nan,
            "silence_level": of_mels.level([silence], self.front_end) - of_mels.level(converted, self.front_end),
        }
        if self.mels["target"]:
            statistics = of_mels.statistics(converted, self.audio)
            measures["mel_distance"] = of_mels.distance(statistics, self.target_statistics)
        return measures

    def of_content(self, siamese: nn.Module, converted: Sequence[Tensor]) -> dict[str, float]:
        """What the siamese network finds of the content of conversions (M, T)."""
        device = next(siamese.parameters()).device
        chunks = [self.chunks(mels).to(device) for mels in (self.mels["source"], converted)]
        before, after = (siamese(some).float().cpu() for some in chunks)  # (K, V)
        windows = [vectors.unflatten(0, (-1, self.chunk.splits)) for vectors in (before, after)]
        firsts, lasts = ([vectors[:, place] for vectors in windows] for place in (0, -1))
        return {
            "travel": float(travel(firsts[0], firsts[1], lasts[0], lasts[1])),
            "content_agreement": of_mels.content_agreement(before, after),
        }

    def chunks(self, mels: Sequence[Tensor]) -> Tensor:
        """All whole windows of mels (M, T) as chunks (K, M, W), those of one window in a row."""
        pieces = [mel[:, : mel.shape[1] // self.chunk.window * self.chunk.window] for mel in mels]
        return torch.cat([piece.unflatten(1, (-1, self.chunk.width)).transpose(0, 1) for piece in pieces])

    def clip(self, number: int, converted: Tensor, waveform: np.ndarray) -> Clip:
        """A conversion (M, T) beside its source and a recording of the target."""
        kinds = [domain for domain in ("source", "target") if number < len(self.mels[domain])]
        mels = {domain: self.mels[domain][number] for domain in kinds} | {"converted": converted}
        waveforms = {domain: self.waveforms[domain][number] for domain in kinds} | {"converted": waveform}
        shown = {kind: mels[kind].numpy() for kind in KINDS if kind in mels}
        return Clip(f"{number + 1:02d}", mels, waveforms, mel_figure(shown, self.audio))

    def invert(self, mel: Tensor) -> np.ndarray:
        """Return a mel (M, T) as sound (N,), by itself."""
        return self.inversion(mel[None])[0].numpy()

    def sound(self, number: int, converted: Tensor) -> np.ndarray:
        """Return the conversion (M, T) of a clip of the source as sound (N,)."""
        source = torch.from_numpy(self.waveforms["source"][number])
        return self.synthesis.synthesise(Piece(converted, self.mels["source"][number], source)).numpy()


@contextmanager
def inference(*networks: nn.Module) -> Iterator[None]:
    """Networks in inference mode, and back; not compiled, for each length of a recording would be compiled anew."""
    before = [(network.training, network._compiled_call_impl) for network in networks]
    for network in networks:
        network.eval()
        network._compiled_call_impl = None
    try:
        yield
    finally:
        for network, (training, compiled) in zip(networks, before, strict=True):
            network.train(training)
            network._compiled_call_impl = compiled
