"""Which chunks are compared by the losses on siamese vectors."""

import torch
from torch import Tensor

from melgan_vc.errors import UserError

PAIRS = ("window", "batch")


def check_pairs(pairs: str) -> None:
    """Refuse what is not a way of pairing."""
    if pairs not in PAIRS:
        raise UserError(f"losses: pairs is {pairs!r}: give one of {', '.join(PAIRS)}")


def paired(vectors: Tensor, pairs: str) -> tuple[Tensor, Tensor]:
    """Both sides (P, V) of all pairs among siamese vectors (2, B, V) of the windows' first and last chunks.

    Args:
        vectors: (2, B, V).
        pairs: "window", the first and last chunk of one window, so P = B (the authors' notebook), or "batch", all
            pairs of different chunks among the 2B, so P = B · (2B - 1) (TraVeLGAN, arXiv:1902.09631).
    """
    if pairs == "window":
        return vectors[0], vectors[1]
    items = vectors.flatten(0, 1)  # (2B, V)
    one, other = torch.triu_indices(len(items), len(items), offset=1, device=items.device)
    return items[one], items[other]
