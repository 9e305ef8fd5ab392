"""Loops as machine code."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any], fastmath: bool = True) -> Callable[..., Any]:
    """Return a function as machine code, which is kept for the next time where there is a place that can be written.

    Args:
        function: of arrays and numbers.
        fastmath: let sums be computed in another order.
    """
    settings: dict[str, Any] = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}  # or divisions are checked
    try:
        return numba.njit(cache=True, **settings)(function)
    except RuntimeError:
        return numba.njit(**settings)(function)
