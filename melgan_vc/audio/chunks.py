"""Cut mels into chunks and join them again: pure functions of tensors."""

from torch import Tensor

SILENCE = -1.0


def split(window: Tensor, splits: int) -> Tensor:
    """A window (B, M, S·W) as its chunks (B, S, M, W)."""
    batch, bins, frames = window.shape
    return window.reshape(batch, bins, splits, frames // splits).transpose(1, 2)


def join(chunks: Tensor) -> Tensor:
    """Chunks (B, S, M, W) side by side (B, M, S·W)."""
    batch, splits, bins, width = chunks.shape
    return chunks.transpose(1, 2).reshape(batch, bins, splits * width)
