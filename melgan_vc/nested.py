"""Nested settings: flat, and as JSON knows them."""

import math
from collections.abc import Mapping
from typing import Any


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted keys; an empty one stays as it is."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: value}
    parts = (flat(inner, f"{prefix}.{name}".strip(".")) for name, inner in value.items())
    return {key: one for part in parts for key, one in part.items()}


def jsonable(value: Any) -> Any:
    """Return values as JSON knows them: null for NaN and infinity, and other objects as texts."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
