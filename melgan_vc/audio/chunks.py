"""Cut mels into chunks and join them again: pure functions of tensors."""

import torch
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


def cover(mel: Tensor, width: int, tail: str = "context") -> Tensor:
    """A mel (M, T) of any length as chunks (K, M, W) that cover it, K = ceil(T / W).

    Args:
        mel: (M, T) with T >= 1.
        width: frames of a chunk.
        tail: what fills the last chunk: "context", the W frames that end the mel, so that it starts inside the chunk
            before (the authors' notebook), or "pad", silence (the article). A mel under W frames is always padded.
    """
    frames = mel.shape[-1]
    rest = frames % width
    pieces = list(mel[:, : frames - rest].split(width, dim=-1)) if frames >= width else []
    if rest and tail == "context" and frames > width:
        pieces.append(mel[:, -width:])
    elif rest:
        pieces.append(torch.nn.functional.pad(mel[:, frames - rest :], (0, width - rest), value=SILENCE))
    return torch.stack(pieces)


def uncover(chunks: Tensor, frames: int, tail: str = "context") -> Tensor:
    """Undo :func:`cover`: chunks (K, M, W) to a mel (M, frames), each frame from the first chunk that holds it."""
    count, bins, width = chunks.shape
    rest = frames % width
    if rest and tail == "context" and frames > width:
        whole = chunks[:-1].transpose(0, 1).reshape(bins, (count - 1) * width)
        return torch.cat([whole, chunks[-1][:, -rest:]], dim=-1)
    return chunks.transpose(0, 1).reshape(bins, count * width)[:, :frames]
