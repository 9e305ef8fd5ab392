"""The one place where weights multiply losses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import DiscriminatorLoss, DiscriminatorStep, GeneratorLoss, GeneratorStep

GROUPS = ("generator", "discriminator")


@dataclass(frozen=True)
class Weighted:
    """A loss and what it counts; weight 0 is logged but not trained on."""

    loss: GeneratorLoss | DiscriminatorLoss
    weight: float


class WeightedLosses:
    """The losses of one group: outputs of a step to their weighted total and each plain value by name."""

    def __init__(self, losses: Mapping[str, Weighted]) -> None:
        self.losses = dict(losses)

    @property
    def needs_identity(self) -> bool:
        """Whether any loss here reads the translated target chunks."""
        return any(getattr(entry.loss, "needs_identity", False) for entry in self.losses.values())

    @property
    def needs_features(self) -> bool:
        """Whether any loss here reads features of the generator's encoder."""
        return any(getattr(entry.loss, "needs_features", False) for entry in self.losses.values())

    @property
    def needs_real_gradient(self) -> bool:
        """Whether any loss here reads the logits' gradient with respect to the real windows."""
        return any(getattr(entry.loss, "needs_real_gradient", False) for entry in self.losses.values())

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The losses that keep state or have weights, by name."""
        return {name: entry.loss for name, entry in self.losses.items() if isinstance(entry.loss, nn.Module)}

    def __call__(self, outputs: GeneratorStep | DiscriminatorStep) -> tuple[Tensor, dict[str, Tensor]]:
        values: dict[str, Tensor] = {}
        terms: list[Tensor] = []
        for name, entry in self.losses.items():
            loss: Any = entry.loss
            with torch.set_grad_enabled(entry.weight != 0):
                value = loss(outputs)
            values[name] = value.detach()
            if entry.weight != 0:
                terms.append(entry.weight * value)
        return torch.stack(terms).sum(), values


def grouped(losses: Mapping[str, Weighted]) -> dict[str, WeightedLosses]:
    """Losses by the group that they train.

    Raises:
        UserError: a group has no loss of weight other than 0, so its networks would not learn.
    """
    groups = {}
    for group in GROUPS:
        members = {name: entry for name, entry in losses.items() if entry.loss.group == group}
        if not any(entry.weight for entry in members.values()):
            raise UserError(f"no loss trains the {group}: give at least one of its losses a weight other than 0")
        groups[group] = WeightedLosses(members)
    return groups
