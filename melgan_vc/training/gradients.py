"""Gradients between the backward pass and the optimizer's step."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Norm of all gradients together, a scalar; 0 where there is none. NaN or infinite if any of them is."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None], foreach=True)
