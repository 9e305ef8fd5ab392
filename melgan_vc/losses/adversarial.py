"""Hinge losses (arXiv:1705.02894): the discriminator stops caring beyond a margin of one."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from melgan_vc.losses.outputs import DiscriminatorStep, GeneratorStep


def hinge_real(logits: Tensor) -> Tensor:
    """Mean of max(0, 1 - logit) over the logits (B,) of real windows."""
    return relu(1 - logits).mean()


def hinge_fake(logits: Tensor) -> Tensor:
    """Mean of max(0, 1 + logit) over the logits (B,) of translated windows."""
    return relu(1 + logits).mean()


@dataclass(frozen=True)
class Hinge:
    """The generator's side: raise the logits of what it translated, without a margin."""

    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = False

    def __call__(self, outputs: GeneratorStep) -> Tensor:
        return -outputs.fake_logits.mean()


@dataclass(frozen=True)
class HingeReal:
    """The discriminator's side for windows of the target domain."""

    group: ClassVar[str] = "discriminator"

    def __call__(self, outputs: DiscriminatorStep) -> Tensor:
        return hinge_real(outputs.real_logits)


@dataclass(frozen=True)
class HingeFake:
    """The discriminator's side for translated windows."""

    group: ClassVar[str] = "discriminator"

    def __call__(self, outputs: DiscriminatorStep) -> Tensor:
        return hinge_fake(outputs.fake_logits)
