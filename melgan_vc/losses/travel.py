"""The TraVeL loss: translation keeps the vectors between items, and with them the content."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import normalize

from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.losses.pairs import check_pairs, paired


def travel(
    source: Tensor,
    source_out: Tensor,
    other: Tensor,
    other_out: Tensor,
    euclidean: float = 1.0,
    cosine: float = 1.0,
) -> Tensor:
    """How far translation bends the vector between two source items (TraVeLGAN, arXiv:1902.09631, eq. 2).

    Args:
        source, source_out, other, other_out: siamese vectors (B, V) of A1, G(A1), A2, G(A2).
        euclidean, cosine: what each of the two terms counts.

    Returns:
        Scalar: mean squared difference of the two vectors minus their mean cosine, so its minimum is -1.
    """
    before, after = source - other, source_out - other_out
    length = (before - after).square().mean()
    angle = (normalize(before, dim=-1, eps=1e-6) * normalize(after, dim=-1, eps=1e-6)).sum(-1).mean()
    return euclidean * length - cosine * angle


@dataclass(frozen=True)
class Travel:
    """:func:`travel` over the pairs of a step.

    Args:
        pairs: "window" or "batch", see :func:`melgan_vc.losses.pairs.paired`.
        euclidean, cosine: what each term counts inside the loss.
    """

    pairs: str = "window"
    euclidean: float = 1.0
    cosine: float = 1.0
    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_pairs(self.pairs)

    def __call__(self, outputs: GeneratorStep) -> Tensor:
        source, other = paired(outputs.source_vectors, self.pairs)
        source_out, other_out = paired(outputs.translated_vectors, self.pairs)
        return travel(source, source_out, other, other_out, self.euclidean, self.cosine)
