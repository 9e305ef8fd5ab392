"""Standard streams, log lines and progress bars, as terminals, pipes, notebooks and closed descriptors need them."""

import io
import logging
import math
import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tqdm import tqdm

from melgan_vc.text import printable

LAYOUT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{left}, {rate_fmt}{postfix}]"  # of a bar, as tqdm's
LONGEST_IN_HOURS = 100 * 3600  # seconds
BROKEN_PIPE = 141  # exit code of a program whose reader went away: 128 and the number of SIGPIPE


def open_standard_streams() -> None:
    """Make standard input, output and error usable, whatever the program was started with.

    A closed descriptor (``>&-``) becomes the null device: else the next file that is opened would get its number, and
    what is printed would be written into that file. Names that are not Unicode are escaped instead of raising.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115  (a descriptor, for the whole program)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook's is something else
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what was printed; raises OSError where standard output or error cannot take it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def is_reader_gone() -> bool:
    """Tell whether the program that reads what this one prints has ended, such as ``head``."""
    ends = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a notebook's has no descriptor
            ends.register(stream.fileno(), select.POLLERR)
    return any(state & select.POLLERR for _, state in ends.poll(0))


def discard_output() -> None:
    """Let what cannot be printed go nowhere, so that Python says nothing of it when the program ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            with suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def say(text: str, error: bool = False) -> None:
    """Print lines; what a name in them holds beside letters is escaped.

    Args:
        text: one line or several.
        error: to standard error, at once.
    """
    print(printable(text, keep="\n\t"), file=sys.stderr if error else sys.stdout, flush=error)


class LogHandler(logging.Handler):
    """Log lines on standard error: progress bars are cleared for them, and names cannot send escape codes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a reader that went away is no reason to end a training."""
        try:
            tqdm.write(printable(self.format(record), keep="\n\t"), file=sys.stderr)
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            pass
        except Exception:  # a message that does not fit its arguments, as logging itself tells it
            self.handleError(record)


def duration(seconds: float) -> str:
    """Return a duration as a person reads it: minutes and seconds, with hours where there are any, or days."""
    if seconds < LONGEST_IN_HOURS:
        return str(tqdm.format_interval(seconds))
    return f"{seconds / 86400:,.0f} days"


class Bar(tqdm):
    """A progress bar on a terminal, and nothing elsewhere unless ``disable=False`` asks for it.

    A total that turns out too low is raised. What nobody can read any more ends no work.

    Attributes:
        total: of what is counted.
        end: when the work ends at the latest, by time.monotonic; None where nothing limits it.
    """

    total: float | None
    end: float | None = None

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings = {"disable": None, "file": sys.stderr, "delay": 1, "dynamic_ncols": True} | settings
        settings["desc"] = printable(settings.get("desc") or "")
        super().__init__(*args, **settings)

    @property
    def format_dict(self) -> dict[str, Any]:
        """Return what a line shows, with the time left: to the end of the work, or of the time that it may take."""
        shown: dict[str, Any] = super().format_dict
        elapsed, rate = shown["elapsed"], shown["rate"]
        rate = (shown["n"] - shown["initial"]) / elapsed if rate is None and elapsed else rate
        left = (self.total - shown["n"]) / rate if rate and self.total else None
        if self.end is not None:
            left = min(math.inf if left is None else left, max(0.0, self.end - time.monotonic()))
        if self.total and shown["bar_format"] is None:
            shown["bar_format"] = LAYOUT
        return shown | {"left": "?" if left is None else duration(left)}

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """Return a function that draws the bar's line; where it cannot be written, it is not drawn."""
        draw = tqdm.status_printer(file)

        def draw_if_possible(line: str) -> None:
            with suppress(OSError, ValueError):
                draw(line)

        return draw_if_possible

    def update(self, n: float | None = 1) -> bool | None:
        """Count what was done."""
        if self.total is not None and self.n + (n or 0) > self.total:
            self.total = self.n + (n or 0)
        return super().update(n)
