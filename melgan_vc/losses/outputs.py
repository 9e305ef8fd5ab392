"""What a training step hands to the losses, and what a loss is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class GeneratorStep:
    """All that the generator and the siamese network did in one step.

    Attributes:
        source, translated: chunks (B, S, M, W) before and after the generator.
        target, target_out: chunks (B, S, M, W) of the target domain before and after the generator;
            target_out is None where no loss with ``needs_identity`` is in use.
        source_vectors, translated_vectors: siamese vectors (2, B, V) of the first and the last chunk of each window.
        fake_logits: (B,), the discriminator's verdict on the joined translated chunks.
        features: what each layer of the generator's encoder has of the source chunks, without gradient, and of the
            translated chunks, (B, S, C, W / stride) each; None where no loss with ``needs_features`` is in use.
    """

    source: Tensor
    translated: Tensor
    target: Tensor
    target_out: Tensor | None
    source_vectors: Tensor
    translated_vectors: Tensor
    fake_logits: Tensor
    features: Sequence[tuple[Tensor, Tensor]] | None = None


@dataclass(frozen=True)
class DiscriminatorStep:
    """What the discriminator did in one step.

    Attributes:
        real_logits, fake_logits: (B,), for windows of the target domain and for joined translated chunks.
        real: the windows (B, M, S·W) of the target domain; they require grad where a loss with
            ``needs_real_gradient`` is in use.
    """

    real_logits: Tensor
    fake_logits: Tensor
    real: Tensor | None = None


class GeneratorLoss(Protocol):
    """A loss that trains generator and siamese network.

    One that compares features of the generator's encoder says so by ``needs_features = True``; one with weights of its
    own is an nn.Module, and they train with the generator.
    """

    group: str  # "generator"
    needs_identity: bool  # the generator must also translate the target chunks

    def __call__(self, outputs: GeneratorStep) -> Tensor: ...


class DiscriminatorLoss(Protocol):
    """A loss that trains the discriminator.

    One that needs the logits' gradient with respect to the real windows says so by ``needs_real_gradient = True``; one
    that keeps state between steps is an nn.Module, and its buffers are in the checkpoint.
    """

    group: str  # "discriminator"

    def __call__(self, outputs: DiscriminatorStep) -> Tensor: ...
