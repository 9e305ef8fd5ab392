"""The generator: a small U-Net over the frames of one chunk."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from melgan_vc.networks.layers import Block, Convolution, doubled


class UNetGenerator(nn.Module):
    """Translates chunks (arXiv:1910.03713, section 3; layers as in the authors' notebook).

    Args:
        n_mels: mel bins (M) in and out.
        channels: of every hidden layer; the notebook has 256.
        spectral: spectral norm on every kernel, as it is trained; False for folded weights.
        norm: see :func:`melgan_vc.networks.layers.normalisation`.
    """

    def __init__(self, n_mels: int, channels: int = 256, spectral: bool = True, norm: str = "batch") -> None:
        super().__init__()
        self.enter = Block(n_mels, channels, 3, spectral=spectral, norm=norm)
        self.down1 = Block(channels, channels, 9, stride=2, spectral=spectral, norm=norm)
        self.down2 = Block(channels, channels, 7, stride=2, spectral=spectral, norm=norm)
        self.up1 = Block(channels, channels, 7, spectral=spectral, norm=norm)
        self.up2 = Block(2 * channels, channels, 9, spectral=spectral, norm="none")
        leave = Convolution(2 * channels, n_mels, 1)
        self.leave = spectral_norm(leave) if spectral else leave
        self.bias = nn.Parameter(torch.zeros(1))  # one for all mel bins

    def forward(self, chunk: Tensor) -> Tensor:
        """Chunks (B, M, W), W a multiple of 4, to translated chunks (B, M, W) in [-1, 1]."""
        whole, half, quarter = self._encode(chunk)
        half = torch.cat([self.up1(doubled(quarter)), half], dim=1)  # (B, 2C, W/2)
        whole = torch.cat([self.up2(doubled(half)), whole], dim=1)  # (B, 2C, W)
        return torch.tanh(self.leave(whole) + self.bias)

    def encode(self, chunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Chunks (B, M, W) to the features of the encoder's layers: (B, C, W), (B, C, W/2) and (B, C, W/4)."""
        return self._encode(chunk)

    def _encode(self, chunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Apart from encode, around which FSDP2 gathers the weights and shards them again.
        whole = self.enter(chunk)  # (B, C, W)
        half = self.down1(whole)  # (B, C, W/2)
        return whole, half, self.down2(half)  # (B, C, W/4)
