"""The pieces of recordings that shards hold: how many there are, and whether one is what it should be."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from melgan_vc.data.arrays import is_finite
from melgan_vc.data.manifest import Item
from melgan_vc.errors import FOR_ALL, UserError

PIECE = 2048  # frames of an item of the shards at most; a longer recording is several
ROLES = ("train", "validation")


@contextmanager
def explained_reading(place: str) -> Iterator[None]:
    """Tell in one line whatever litdata fails with on shards that are damaged, gone or behind a lost server."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # of litdata, obstore, botocore, or of any module that decodes damaged bytes
        if isinstance(error, OSError) and error.errno in FOR_ALL:  # such as a full disk, where shards are cached
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(
            f"{place}: cannot be read ({reason}); check the server or the disk, then add resume=auto; if the shards "
            "are damaged, write them again"
        ) from error


def checked_piece(item: Any, bins: int) -> np.ndarray:
    """Return the mel (T, M) of an item of the shards.

    Raises:
        ValueError: it is none.
    """
    mel = item.get("mel") if isinstance(item, dict) else None
    if not isinstance(mel, np.ndarray) or mel.dtype != np.float16 or mel.ndim != 2 or mel.shape[1] != bins:
        raise ValueError(f"a piece is not a float16 array (frames, {bins})")
    if not 0 < len(mel) <= PIECE or not is_finite(np.ascontiguousarray(mel)):
        raise ValueError("a piece is empty or too long, or holds NaN or infinite values")
    return mel


def piece_counts(items: Sequence[Item], roles: Sequence[str]) -> dict[str, int]:
    """Return how many pieces the shards of each role hold.

    Args:
        items: recordings.
        roles: what each is used for.

    Raises:
        ValueError: a recording has another role, or is not where those before it end.
    """
    counts = dict.fromkeys(ROLES, 0)
    for item, role in zip(items, roles, strict=True):
        if role not in ROLES or item.offset != counts[role]:
            raise ValueError(f"the line of {item.path[:80]!r} has a wrong role or offset")
        counts[role] += -(-item.frames // PIECE)
    if not counts[ROLES[0]]:
        raise ValueError("it names no recording for training")
    return counts
