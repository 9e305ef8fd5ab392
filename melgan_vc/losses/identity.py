"""The identity loss: what is already in the target domain stays as it is, which keeps the words of a voice."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from melgan_vc.losses.outputs import GeneratorStep


@dataclass(frozen=True)
class Identity:
    """Mean absolute difference of target chunks and their translation (arXiv:1910.03713, section 3.4)."""

    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = True

    def __call__(self, outputs: GeneratorStep) -> Tensor:
        if outputs.target_out is None:
            raise RuntimeError("the step did not translate the target chunks, though a loss needs it")
        return (outputs.target_out - outputs.target).abs().mean()
