"""A generator that changes its input instead of drawing it anew."""

from typing import Any

import torch
from torch import Tensor, nn

from melgan_vc.errors import UserError
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.networks.layers import smooth_bins

FIRST_GAIN = 0.1  # of the change, before training


class Clamp(torch.autograd.Function):
    """Clamp to [-1, 1], with a gradient that also leads back from beyond the ends.

    The gradient of ``torch.clamp`` is zero there, and most of a recording's quiet frames start at an end. Here only
    what would lead further out is zero.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient.masked_fill(((x < -1) & (gradient > 0)) | ((x > 1) & (gradient < 0)), 0)


class ResidualUNetGenerator(UNetGenerator):
    """A :class:`UNetGenerator` whose output, times a learned gain, is added to its input.

    So what passes unchanged needs no channels: harmonics, of which few channels cannot carry 192 mel bins. The sum is
    clamped to [-1, 1], which silence (-1) can stay at exactly. The gain starts small (as in arXiv:2003.04887, where it
    starts at 0), so an untrained generator hardly changes anything.

    Args:
        n_mels: mel bins (M) in and out.
        channels: of every hidden layer.
        smooth: mel bins that the change is smoothed over; 0 or 1 leaves it as it is. A smooth change is a filter: it
            moves no harmonics.
        spectral: spectral norm on every kernel, as it is trained; False for folded weights.
        norm: see :func:`melgan_vc.networks.layers.normalisation`.
    """

    def __init__(
        self, n_mels: int, channels: int = 256, smooth: int = 0, spectral: bool = True, norm: str = "batch"
    ) -> None:
        if type(smooth) is not int or not 0 <= smooth <= n_mels:
            raise UserError(f"networks.generator.smooth is {smooth!r}: give a number of mel bins from 0 to {n_mels}")
        super().__init__(n_mels, channels, spectral, norm)
        self.smooth = smooth
        self.gain = nn.Parameter(torch.full((1,), FIRST_GAIN))

    def forward(self, chunk: Tensor) -> Tensor:
        """Chunks (B, M, W), W a multiple of 4, to translated chunks (B, M, W) in [-1, 1]."""
        changed = chunk + self.gain * smooth_bins(super().forward(chunk), max(1, self.smooth))
        return Clamp.apply(changed) if self.training else changed.clamp(-1, 1)
