"""What hostile files name: whoever calls it has let a file choose code."""

CALLED: list[str] = []


def call(*arguments: object, **named: object) -> dict[str, object]:
    """Note that it was called."""
    CALLED.append(f"called with {arguments!r:.100} {named!r:.100}")
    return {}
