"""Chunked conversion as one graph of tensors, to be exported: mels of any length in a batch, all at once."""

import torch
from torch import Tensor, nn

from melgan_vc.audio.chunks import SILENCE
from melgan_vc.inference.converter import Converter


class WholeMel(nn.Module):
    """Convert a batch as :meth:`melgan_vc.inference.converter.Converter.convert` does with the tail "context".

    Args:
        converter: whose generator, width and overlap are taken.
        spare: chunks more than are needed, which change nothing; with one, no size is ever 1 for a batch or mel of 1,
            as torch.export needs it.
    """

    window: Tensor

    def __init__(self, converter: Converter, spare: int = 0) -> None:
        super().__init__()
        self.generator = converter.generator
        self.width, self.hop = converter.bundle.chunk.width, converter.chunked.hop
        self.spare = spare
        self.register_buffer("window", converter.chunked.window.clone())

    def forward(self, mel: Tensor) -> Tensor:
        """Translate normalised mels (B, M, T), T >= 1, to the same shape."""
        batch, bins, frames = mel.shape
        over = frames - self.width  # a tensor where this is traced for TorchScript
        last = (
            over.clamp(min=0) if isinstance(over, Tensor) else torch.sym_max(over, 0)
        )  # start of the last chunk, which ends the mel
        count = (last + self.hop - 1) // self.hop + 1 + self.spare
        regular = (torch.arange(count, device=mel.device) * self.hop)[:, None]  # (K, 1)
        places = regular.clamp(max=last) + torch.arange(self.width, device=mel.device)  # (K, W)
        real = places < frames
        places = places.clamp(max=frames - 1)
        chunks = torch.where(real, mel[:, :, places], SILENCE)  # (B, M, K, W)
        out = self.generator(chunks.transpose(1, 2).reshape(batch * count, bins, self.width))
        out = out.reshape(batch, count, bins, self.width).transpose(1, 2)
        # The last chunk adds nothing to frames that were done before it: block by block, they have been given away.
        weights = self.window * (real & (places >= regular) & (regular < last + self.hop))
        index = places.reshape(1, 1, count * self.width)
        faded = (out * weights).reshape(batch, bins, count * self.width)
        sums = torch.zeros_like(mel).scatter_add(2, index.expand(batch, bins, -1), faded)
        total = torch.zeros_like(mel[:1, :1]).scatter_add(2, index, weights.reshape(1, 1, count * self.width))
        return sums / total
