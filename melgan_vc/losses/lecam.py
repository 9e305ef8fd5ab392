"""LeCam: logits of one kind of window stay near where those of the other kind were, which helps with little data."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import DiscriminatorStep


class LeCam(nn.Module):
    """Mean squared distance of each logit to the other kind's moving average (arXiv:2104.03310, eq. 3 and 4).

    The averages are buffers, so that a checkpoint holds them. They follow once a call in training mode, before the
    distances are taken (as in the authors' code), from the first call's logits on; logits that are not finite are
    left out.

    Args:
        decay: share of the old averages kept at each step, in [0, 1).
    """

    group: ClassVar[str] = "discriminator"
    real_average: Tensor
    fake_average: Tensor
    steps: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        if not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise UserError(f"losses: LeCam's decay is {decay!r}: give a number from 0 up to, not including, 1")
        super().__init__()
        self.decay = decay
        self.register_buffer("real_average", torch.zeros(()))
        self.register_buffer("fake_average", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, outputs: DiscriminatorStep) -> Tensor:
        if self.training:
            self.follow(outputs.real_logits, outputs.fake_logits)
        real = (outputs.real_logits - self.fake_average).square().mean()
        fake = (outputs.fake_logits - self.real_average).square().mean()
        return real + fake

    @torch.no_grad()
    def follow(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """Move the averages a step towards the means of these logits (B,), if all are finite; no wait for a GPU."""
        real, fake = real_logits.float().mean(), fake_logits.float().mean()
        finite = real.isfinite() & fake.isfinite()
        kept = torch.where(self.steps > 0, self.decay, 0.0)
        for average, mean in ((self.real_average, real), (self.fake_average, fake)):
            average.copy_(torch.where(finite, kept * average + (1 - kept) * mean, average))
        self.steps += finite
