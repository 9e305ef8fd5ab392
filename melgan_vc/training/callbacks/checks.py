"""Settings that a callback was given, refused in one line if they are none."""

import math
from typing import Any

from melgan_vc.errors import UserError


def check_whole(name: str, value: Any, lowest: int = 1) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise UserError(f"{name} is {value!r}: give a whole number from {lowest}")
    return value


def check_number(name: str, value: Any, above: float = -math.inf, most: float = math.inf) -> float:
    """A number in (above, most]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
        bounds = [f"above {above:g}"] * (above > -math.inf) + [f"at most {most:g}"] * (most < math.inf)
        raise UserError(f"{name} is {value!r}: give a number {', '.join(bounds)}".rstrip())
    return float(value)
