"""A moving average of the generator's weights: steadier than the generator of any one batch."""

import copy

import torch
from torch import nn

from melgan_vc.errors import UserError


class MovingAverage(nn.Module):
    """Exponential moving average (arXiv:1806.04498) of a network.

    Args:
        network: copied, with its weights, as the start.
        decay: share of the old average kept at each update, in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise UserError(f"optim.ema_decay is {decay}: give a number from 0 up to, not including, 1")
        super().__init__()
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move a step towards the network's parameters; its buffers, averages themselves, are copied."""
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - self.decay)
        for mine, theirs in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(theirs)
