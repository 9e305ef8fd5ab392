"""The distance between two sets of embeddings."""

import numpy as np

from melgan_vc.errors import UserError


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians that fit two sets of vectors (K, E) and (L, E): 0 for the same ones.

    |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^1/2) (Dowson and Landau, 1982; arXiv:1706.08500).

    Raises:
        UserError: a set has fewer than two vectors, or theirs are of other lengths.
    """
    if min(len(one), len(other)) < 2 or one.shape[1:] != other.shape[1:]:
        raise UserError(f"sets of vectors {one.shape} and {other.shape}: give two or more of one length each")
    apart = one.mean(axis=0) - other.mean(axis=0)
    # With centred data X and Y, tr (C1 C2)^1/2 is the sum of singular values of X Yᵀ: no root of a matrix is needed.
    # For X = Q R those of R Yᵀ are the same, and R has no more rows than a vector has values.
    halves = [(each - each.mean(axis=0)) / np.sqrt(len(each) - 1) for each in (one, other)]
    triangles = [np.asarray(np.linalg.qr(half, mode="r")) for half in halves]
    shared = np.linalg.svd(triangles[0] @ triangles[1].T, compute_uv=False).sum()
    spread = sum(np.square(half).sum() for half in halves)
    return float(max(0.0, apart @ apart + spread - 2 * shared))
