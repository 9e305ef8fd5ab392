"""The siamese margin loss: different chunks keep a distance, or all vectors would collapse into one."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.losses.pairs import check_pairs, paired


def margin(source: Tensor, other: Tensor, delta: float) -> Tensor:
    """Mean of max(0, delta - distance)² over pairs of siamese vectors (B, V) (TraVeLGAN, arXiv:1902.09631, eq. 3)."""
    # A tiny constant under the root: its gradient at distance zero would be infinite.
    distance = ((source - other).square().sum(-1) + 1e-12).sqrt()
    return relu(delta - distance).square().mean()


@dataclass(frozen=True)
class Margin:
    """:func:`margin` over the pairs of a step.

    Args:
        delta: the distance to keep.
        pairs: "window" or "batch", see :func:`melgan_vc.losses.pairs.paired`.
    """

    delta: float = 2.0
    pairs: str = "window"
    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_pairs(self.pairs)

    def __call__(self, outputs: GeneratorStep) -> Tensor:
        return margin(*paired(outputs.source_vectors, self.pairs), self.delta)
