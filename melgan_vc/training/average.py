"""A moving average of the generator's weights: steadier than the generator of any one batch."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from melgan_vc.errors import UserError


class MovingAverage(nn.Module):
    """Exponential moving average (arXiv:1806.04498) of a network.

    Args:
        network: copied, with its weights, as the start.
        decay: share of the old average kept at each update, in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        if not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise UserError(f"optim.ema_decay is {decay!r}: give a number from 0 up to, not including, 1")
        super().__init__()
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)
        # The network that is averaged, and parameters and buffers of both: to find them takes longer than to use them.
        self.followed: tuple[nn.Module, list[list[Tensor]], list[list[Tensor]]] | None = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "MovingAverage":
        self.followed = None  # for this puts other tensors into the network
        return super()._apply(fn, recurse)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move a step towards the network's parameters; its buffers, averages themselves, are copied."""
        if self.followed is None or self.followed[0] is not network:
            both = (self.network, network)
            self.followed = network, [[*one.parameters()] for one in both], [[*one.buffers()] for one in both]
        _, parameters, buffers = self.followed
        torch._foreach_lerp_(parameters[0], parameters[1], 1 - self.decay)
        if buffers[0]:
            torch._foreach_copy_(buffers[0], buffers[1])


class RampedAverage(MovingAverage):
    """A moving average whose memory grows from nothing, so that the first weights are soon forgotten.

    After StyleGAN2-ADA (arXiv:2006.06676, the authors' code): the half-life is at most a share of the updates so far.

    Args:
        network, decay: as above; the decay that is reached in the end.
        rampup: the share, above 0 and up to 1.
    """

    def __init__(self, network: nn.Module, decay: float, rampup: float) -> None:
        if not isinstance(rampup, int | float) or not 0 < rampup <= 1:
            raise UserError(f"optim.ema_rampup is {rampup!r}: give a number above 0 and up to 1, or null for none")
        super().__init__(network, decay)
        self.final_decay = decay
        self.rampup = rampup
        self.updates = 0  # a plain number: a buffer would make every update wait for the GPU

    def update(self, network: nn.Module) -> None:
        self.decay = min(self.final_decay, 0.5 ** (1 / (self.rampup * self.updates))) if self.updates else 0.0
        super().update(network)
        self.updates += 1

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.updates)

    def set_extra_state(self, state: Tensor) -> None:
        self.updates = int(state)


def moving_average(network: nn.Module, decay: float | None, rampup: float | None) -> MovingAverage | None:
    """The average that the settings ask for, if any."""
    if decay is None:
        return None
    return MovingAverage(network, decay) if rampup is None else RampedAverage(network, decay, rampup)
