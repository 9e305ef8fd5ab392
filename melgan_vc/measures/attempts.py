"""Measuring by libraries that may fail on a single recording."""

import logging
from collections.abc import Callable
from typing import TypeVar

from melgan_vc.text import shortened

log = logging.getLogger(__name__)
Found = TypeVar("Found")


def attempt(what: str, name: str, measured: Callable[[], Found], otherwise: Found) -> Found:
    """Return what a library measures of a recording; where it raises, something else, with a warning.

    Args:
        what: is measured, for the warning.
        name: of the recording and perhaps its kind.
        measured: calls the library.
        otherwise: stands for what cannot be measured.
    """
    try:
        return measured()
    except (OSError, MemoryError):  # of the machine, not of this recording
        raise
    except Exception as error:  # of resemblyzer, WORLD, pYIN, a recogniser: each fails in its own ways
        log.warning("warning: %s: %s cannot be measured: %s", name, what, shortened(error))
        return otherwise
