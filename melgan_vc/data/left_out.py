"""Recordings that a preparation leaves out: told by name, and refused where they are too many."""

import logging
from collections.abc import Iterable

from melgan_vc.data.store import MelStore
from melgan_vc.errors import UserError
from melgan_vc.text import printable

log = logging.getLogger(__name__)
DOUBLE = "the same recording as"
NAMED = 20  # recordings that are named one by one


def report(made: MelStore, count: int, most: float) -> None:
    """Name the recordings that are not used, and why; refuse a store that too many are missing from.

    Args:
        count: recordings that were found.
    """
    reasons = made.left_out
    doubles = [name for name, reason in reasons.items() if DOUBLE in reason]
    if reasons:
        log.warning("warning: %d of %d recordings are not used:%s", len(reasons), count, listed(reasons.values()))
    failed = len(reasons) - len(doubles)
    if not made.items or failed > most * count:
        raise UserError(
            f"{failed} of {count} recordings cannot be used, over the share of {most:g} that prepare.max_failed "
            f"allows; the first: {next(iter(reasons.values()), 'none was found')}"
        )


def listed(reasons: Iterable[str]) -> str:
    """Each in a line of its own, but not hundreds of them."""
    lines = [f"\n  {on_a_line(reason)}" for reason in reasons]
    more = f"\n  and {len(lines) - NAMED} more; melgan_vc.prepare names them all" if len(lines) > NAMED else ""
    return "".join(lines[:NAMED]) + more


def on_a_line(text: str) -> str:
    """A text whose file names may hold line breaks and worse."""
    return printable(text)
