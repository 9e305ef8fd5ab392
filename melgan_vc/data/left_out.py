"""Recordings that a preparation leaves out: told by name, and refused where they are too many."""

import logging
from collections.abc import Iterable

from melgan_vc.data.store import MelStore
from melgan_vc.errors import UserError
from melgan_vc.text import counted, printable

log = logging.getLogger(__name__)
DOUBLE = "the same recording as"
NAMED = 20  # recordings that are named one by one


class TooManyFailedError(UserError):
    """More recordings of a domain than ``prepare.max_failed`` allows cannot be used.

    Args:
        text: what a user reads.
        store: of those that can.
    """

    def __init__(self, text: str, store: MelStore) -> None:
        super().__init__(text)
        self.store = store


def report(made: MelStore, most: float) -> None:
    """Name the recordings that are not used, and why; refuse a store that too many are missing from.

    Args:
        made: the store.
        most: share of the recordings that may fail.
    """
    reasons = made.left_out
    failed = [reason for reason in reasons.values() if DOUBLE not in reason]
    count = len(made.items) + len(reasons)
    if reasons:
        log.warning("warning: %d of %d recordings are not used:%s", len(reasons), count, listed(reasons.values()))
    if not made.items or len(failed) > most * count:
        first = failed[0] if failed else next(iter(reasons.values()), "none was found")
        found = counted(count, "recording")
        if not made.items:
            raise TooManyFailedError(f"none of {found} can be used; the first: {first}", made)
        raise TooManyFailedError(
            f"{len(failed)} of {found} cannot be used, over the share of {most:g} that prepare.max_failed allows; "
            f"the first: {first}",
            made,
        )


def counts(made: MelStore) -> str:
    """Return how many recordings of a domain are used, and why how many others are not."""
    doubles = sum(DOUBLE in reason for reason in made.left_out.values())
    failed = len(made.left_out) - doubles
    others = [f"{failed} cannot be used"] if failed else []
    others += [counted(doubles, "is a duplicate", "are duplicates")] if doubles else []
    found = len(made.items) + len(made.left_out)
    if not others:
        return counted(found, "recording")
    return f"{len(made.items)} of {counted(found, 'recording')} ({', '.join(others)})"


def listed(reasons: Iterable[str]) -> str:
    """Each in a line of its own, but not hundreds of them."""
    lines = [f"\n  {on_a_line(reason)}" for reason in reasons]
    more = f"\n  and {len(lines) - NAMED} more; melgan_vc.prepare names them all" if len(lines) > NAMED else ""
    return "".join(lines[:NAMED]) + more


def on_a_line(text: str) -> str:
    """A text whose file names may hold line breaks and worse."""
    return printable(text)
