"""The chroma loss: translation keeps how strong each pitch class is, and with it the melody and the harmony."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from melgan_vc.audio.stream import filter_edges
from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.networks.layers import smooth_bins
from melgan_vc.spec import AudioSpec

CLASSES = 12  # from C on
A4 = 440.0  # Hz, MIDI note 69
SPREAD = 0.35  # semitones, standard deviation of a bin's share in the classes around it
SMALLEST = 1e-2  # length of a chroma vector that has a direction


def pitch_classes(frequencies: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return how much each frequency belongs to each pitch class (12, M).

    Args:
        frequencies: (M,), in Hz.
        low, high: frequencies in Hz outside of which a frequency belongs to none.
    """
    inside = (frequencies >= low) & (frequencies <= high)
    notes = 69 + 12 * np.log2(np.where(inside, frequencies, A4) / A4)
    distances = (notes - np.arange(CLASSES)[:, None] + CLASSES / 2) % CLASSES - CLASSES / 2
    return inside * np.exp(-0.5 * (distances / SPREAD) ** 2)


class Chroma:
    """Mean of 1 - cosine of the chroma of source chunks and their translation, frame by frame.

    The chroma (12) of a frame is what each mel bin rises above its neighbourhood, added up by pitch class, less the
    mean over the classes: an equaliser or another level hardly changes it, other notes do. A frame counts as much as
    its source's chroma is long, so that silence and noise hardly do.

    Args:
        audio: of the mels.
        low, high: frequencies in Hz of the bins that are listened to.
        smooth: mel bins of the neighbourhood.
    """

    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = False

    def __init__(self, audio: AudioSpec, low: float = 80.0, high: float = 2000.0, smooth: int = 25) -> None:
        top = audio.sample_rate / 2 if audio.max_frequency is None else audio.max_frequency
        if not 0 < low < high <= top:
            raise UserError(f"losses: the chroma's range is {low} to {high} Hz: give 0 < low < high <= {top:g}")
        if type(smooth) is not int or smooth < 2:
            raise UserError(f"losses: the chroma's smooth is {smooth!r}: give a whole number of mel bins from 2")
        matrix = pitch_classes(filter_edges(audio)[1:-1], low, high)
        if not matrix.any():
            raise UserError(f"losses: no mel bin lies between {low} and {high} Hz: widen the chroma's range")
        self.matrix = torch.from_numpy(matrix - matrix.mean(axis=0)).float()  # and so chroma without their mean
        self.smooth = smooth

    def chroma(self, mel: Tensor) -> Tensor:
        """Return the chroma (B, 12, T) of mels (B, M, T)."""
        if self.matrix.device != mel.device:
            self.matrix = self.matrix.to(mel.device)
        with torch.autocast(mel.device.type, enabled=False):
            return self.matrix @ relu(mel - smooth_bins(mel, self.smooth))

    def __call__(self, outputs: GeneratorStep) -> Tensor:
        before = self.chroma(outputs.source.detach().flatten(0, 1))
        after = self.chroma(outputs.translated.flatten(0, 1))
        lengths = before.norm(dim=1)
        cosine = (normalize(before, dim=1, eps=SMALLEST) * normalize(after, dim=1, eps=SMALLEST)).sum(dim=1)
        return (lengths * (1 - cosine)).sum() / lengths.sum().clamp(min=SMALLEST)
