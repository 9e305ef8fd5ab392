"""Plain values (dicts, lists, texts, numbers) from a file that a stranger may have written."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

DEEPEST = 32
MOST = 1_000_000  # values in all
LARGEST_INTEGER = 1 << 64


def unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of a JSON text, for ``object_pairs_hook``: json itself takes the last of equal keys.

    Raises:
        ValueError: a key is there twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r:.60} is there twice")
        found[name] = value
    return found


def check_nesting(value: Any) -> None:
    """Refuse values that are nested without end, that unfold to very many, or whole numbers that no size needs.

    A pickle can hold one list in many places, or inside itself: each place counts.

    Raises:
        ValueError: it is so.
    """
    level, count = [value], 0
    for _ in range(DEEPEST):
        below: list[Any] = []
        for entry in level:
            if isinstance(entry, int) and abs(entry) > LARGEST_INTEGER:
                raise ValueError("a whole number of over 64 bits")
            inner = list(parts(entry))
            count += len(inner)
            if count > MOST:
                raise ValueError(f"more than {MOST} values")
            below += inner
        level = below
    if level:
        raise ValueError("nested too deeply")


def parts(value: Any) -> Iterator[Any]:
    """Yield what a dict or a list holds, keys too; nothing of any other value."""
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
