"""What can be measured of normalised mels: how far from the target, how varied, how much changed, how seamless."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from melgan_vc.audio.mel import MelTransform
from melgan_vc.spec import AudioSpec

STILL = 1e-6  # change of a mel that does not move
SAME = 1e-3  # between mels in [-1, 1]: no recordings but silent ones are so alike


def statistics(mels: Sequence[Tensor], audio: AudioSpec) -> Tensor:
    """Mean level, its spread, and the spread of its change from frame to frame, in dB, of each mel bin: (3, M).

    NaN for the change where no mel has two frames.

    Args:
        mels: (M, T) each, in [-1, 1]; all their frames count the same.
        audio: tells how many dB the range spans.
    """
    decibel = [mel * audio.range_db / 2 for mel in mels]
    level = torch.cat(decibel, dim=1)
    change = torch.cat([mel.diff(dim=1) for mel in decibel], dim=1)
    spread = change.std(1, unbiased=False) if change.shape[1] else level.new_full(level.shape[:1], math.nan)
    return torch.stack([level.mean(1), level.std(1, unbiased=False), spread])


def distance(one: Tensor, other: Tensor) -> float:
    """Distance of two domains in dB by their :func:`statistics` (3, M): the mean difference, the three added up."""
    return float((one - other).abs().mean(1).sum())


def chunk_distance(chunks: Tensor, others: Tensor) -> float:
    """Mean absolute difference of chunks (K, M, W), pair by pair."""
    return float((chunks - others).abs().mean())


def spread(source: Tensor, converted: Tensor) -> float:
    """How different conversions of different chunks are, against the chunks themselves: 0 is collapse, 1 as varied.

    NaN where the sources are all alike, as silence is.

    Args:
        source, converted: chunks (K, M, W) before and after translation, K of at least 2.
    """
    return chunk_distance(converted, converted.roll(len(source) // 2, 0)) / variety(source)


def change(source: Tensor, converted: Tensor) -> float:
    """How far conversion moves a chunk, against how far chunks are from one another: 0 returns the source.

    Args:
        source, converted: chunks (K, M, W) before and after translation, K of at least 2.
    """
    return chunk_distance(source, converted) / variety(source)


def variety(chunks: Tensor) -> float:
    """Mean absolute difference of chunks (K, M, W) of different places; NaN where they are all but the same."""
    found = chunk_distance(chunks, chunks.roll(len(chunks) // 2, 0))
    return found if found > SAME else float("nan")


def seam_ratio(mel: Tensor, width: int) -> float:
    """Change from frame to frame where chunks of ``width`` frames meet, against all other places: 1 is no seam.

    Args:
        mel: (M, T), converted chunk by chunk from its first frame on. NaN where T has no seam, or nothing changes.
    """
    steps = mel.diff(dim=1).abs().mean(0)  # (T - 1,): step t leads from frame t to t + 1
    at_seam = (torch.arange(1, len(steps) + 1) % width) == 0
    if not at_seam.any() or at_seam.all():
        return float("nan")
    elsewhere = float(steps[~at_seam].mean())
    return float(steps[at_seam].mean()) / elsewhere if elsewhere > STILL else float("nan")


def level(mels: Sequence[Tensor], front_end: MelTransform) -> float:
    """Mean power of mels (M, T) in dB."""
    power = torch.cat([front_end.denormalise(mel) for mel in mels], dim=1)
    return float(10 * torch.log10(power.mean().clamp(min=1e-12)))


def content_agreement(source_vectors: Tensor, translated_vectors: Tensor) -> float:
    """Share of chunks whose translation lies closest to its own source among all, by siamese vectors (K, V).

    Both sets are centred first: the TraVeL loss keeps differences of vectors, not their place. NaN for fewer than two
    chunks, whose share is always 1, and where all vectors are the same, as those of silence are.
    """
    spread = (source_vectors - source_vectors.mean(0)).abs().max() if len(source_vectors) > 1 else 0.0
    if not spread > 0:
        return float("nan")
    one, other = (vectors - vectors.mean(0) for vectors in (source_vectors, translated_vectors))
    closest = torch.cdist(other, one).argmin(1)
    return float((closest == torch.arange(len(one), device=closest.device)).float().mean())
