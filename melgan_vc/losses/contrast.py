"""The contrastive loss: each translated frame is recognised among all frames of its window by its source."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import GeneratorStep


def info_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Mean cross entropy of telling each query's own key from those of the other places (arXiv:1807.03748, eq. 4).

    Args:
        queries, keys: vectors of length one (B, P, D) at the same P places.
        temperature: divides the cosines; the smaller, the more the most similar places count.
    """
    cosines = queries @ keys.transpose(1, 2)  # (B, P, P)
    own = torch.arange(cosines.shape[-1], device=cosines.device).expand(cosines.shape[:-1])
    return cross_entropy((cosines / temperature).flatten(0, 1), own.flatten())


class Contrast(nn.Module):
    """Frame-wise PatchNCE (arXiv:2007.15651; for voices arXiv:2011.00782), the mean over the encoder's layers.

    The features that the generator's encoder has of a translated frame must be more like those of the same source
    frame than like those of the window's other frames. A head a layer, two linear layers, projects them first; it
    trains with the generator. Source features are taken as they are, without gradient.

    Args:
        channels: of the generator's features (C).
        dimensions: of the projections (D).
        temperature: see :func:`info_nce`.
        layers: of the encoder, whose features are compared.
    """

    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = False
    needs_features: ClassVar[bool] = True

    def __init__(self, channels: int, dimensions: int = 64, temperature: float = 0.07, layers: int = 3) -> None:
        for name, value in (("channels", channels), ("dimensions", dimensions), ("layers", layers)):
            if type(value) is not int or value < 1:
                raise UserError(f"losses: the contrast's {name} is {value!r}: give a whole number above 0")
        if not temperature > 0:
            raise UserError(f"losses: the contrast's temperature is {temperature!r}: give a number above 0")
        super().__init__()
        self.temperature = temperature
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, dimensions), nn.ReLU(), nn.Linear(dimensions, dimensions))
            for _ in range(layers)
        )

    def forward(self, outputs: GeneratorStep) -> Tensor:
        if outputs.features is None:
            raise RuntimeError("the step has no features of the generator's encoder, though a loss needs them")
        if len(outputs.features) != len(self.heads):
            raise UserError(f"losses.contrast.layers is {len(self.heads)}: the generator has {len(outputs.features)}")
        terms = []
        with torch.autocast(outputs.source.device.type, enabled=False):
            for head, (source, translated) in zip(self.heads, outputs.features, strict=True):
                with torch.no_grad():
                    keys = self.projected(head, source)
                terms.append(info_nce(self.projected(head, translated), keys, self.temperature))
        return torch.stack(terms).mean()

    def projected(self, head: nn.Module, features: Tensor) -> Tensor:
        """Return the directions (B, S·W, D) of features (B, S, C, W)."""
        places = features.float().transpose(2, 3).flatten(1, 2)
        return normalize(head(places), dim=-1, eps=1e-6)
