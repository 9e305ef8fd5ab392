"""Gradients between the backward pass and the optimizer's step."""

import math
from collections.abc import Iterable, Mapping

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from melgan_vc.errors import UserError
from melgan_vc.training.shards import whole_tensor

NETWORKS = ("generator", "siamese", "discriminator")


def check_clip(clip: Mapping[str, float | None]) -> None:
    """Refuse what are not largest gradient norms by network."""
    wanted = f"give {', '.join(NETWORKS)} a number above 0 each, or null for no limit"
    if not isinstance(clip, Mapping):
        raise UserError(f"optim.clip is {clip!r}: {wanted}")
    for name, norm in clip.items():
        if name not in NETWORKS:
            raise UserError(f"optim.clip.{name}: no such network; {wanted}")
        if norm is not None and not (isinstance(norm, int | float) and 0 < norm < math.inf):
            raise UserError(f"optim.clip.{name} is {norm!r}: {wanted}")


def clip_gradients(network: nn.Module, norm: float, scale: float = 1.0) -> None:
    """Shorten the gradient of all weights of a network to a norm, where it is longer (arXiv:1211.5063).

    Args:
        network: weights without a gradient are left alone.
        norm: the largest allowed.
        scale: what the gradients are multiplied by at present, see :func:`gradient_scale`.
    """
    nn.utils.clip_grad_norm_(network.parameters(), norm * scale)


def gradient_scale(trainer: L.Trainer, optimizer: Optimizer) -> float:
    """What the gradients are multiplied by just before an optimizer's step: 1 but for fused ones in 16-mixed.

    Those divide by the loss scale themselves, inside their step; for all others Lightning has done so before.
    """
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    unscales_itself = getattr(optimizer, "_step_supports_amp_scaling", False)
    return float(scaler.get_scale()) if scaler is not None and unscales_itself else 1.0


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Norm of all gradients together, a scalar; 0 where there is none. NaN or infinite if any of them is."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    # As torch's get_total_norm does it, without sorting them by device first: they are all on one.
    return whole_tensor(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))
