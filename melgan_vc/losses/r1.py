"""R1: a discriminator that is flat around real windows cannot push the generator about."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from melgan_vc.losses.outputs import DiscriminatorStep


def r1(logits: Tensor, windows: Tensor) -> Tensor:
    """Half the mean squared length of the logits' gradient (R1, arXiv:1801.04406, eq. 9, without its weight γ).

    Args:
        logits: (B,) of real windows.
        windows: (B, M, S·W), which require grad and which the logits were computed from.

    Returns:
        Scalar; it can be trained on unless gradients are switched off, as for a loss of weight 0.
    """
    # Each logit depends on its own window alone, so one backward pass gives all gradients.
    (gradient,) = torch.autograd.grad(
        logits, windows, torch.ones_like(logits), retain_graph=True, create_graph=torch.is_grad_enabled()
    )
    return gradient.float().square().flatten(1).sum(1).mean() / 2


@dataclass(frozen=True)
class R1:
    """:func:`r1` over the real windows of a step."""

    group: ClassVar[str] = "discriminator"
    needs_real_gradient: ClassVar[bool] = True

    def __call__(self, outputs: DiscriminatorStep) -> Tensor:
        if outputs.real is None or not outputs.real.requires_grad:
            raise RuntimeError("the step's real windows carry no gradient, though a loss needs it")
        return r1(outputs.real_logits, outputs.real)
