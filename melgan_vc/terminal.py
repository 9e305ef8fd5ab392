"""Standard streams, log lines and progress bars, as terminals, pipes, notebooks and closed descriptors need them."""

import io
import logging
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tqdm import tqdm

from melgan_vc.text import printable

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


class Bar(tqdm):
    """A progress bar on a terminal, and nothing elsewhere unless ``disable=False`` asks for it.

    A total that turns out too low is raised. What nobody can read any more ends no work.
    """

    total: float | None

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings = {"disable": None, "file": sys.stderr, "delay": 1, "dynamic_ncols": True} | settings
        settings["desc"] = printable(settings.get("desc") or "")
        super().__init__(*args, **settings)

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
