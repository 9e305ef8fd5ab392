"""Intervals in batches."""

from melgan_vc.errors import UserError


def check_every(owner: str, every_batches: int) -> int:
    """An interval that was given, if it is one."""
    if not isinstance(every_batches, int) or every_batches < 1:
        raise UserError(f"{owner}.every_batches is {every_batches!r}: give a whole number above 0")
    return every_batches
