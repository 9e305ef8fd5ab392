"""Nested settings as flat ones."""

from collections.abc import Mapping
from typing import Any


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted keys; an empty one stays as it is."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: value}
    parts = (flat(inner, f"{prefix}.{name}".strip(".")) for name, inner in value.items())
    return {key: one for part in parts for key, one in part.items()}
