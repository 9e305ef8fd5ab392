"""Names as labels of charts: nothing in them is mathematics, hidden, or wider than the chart."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from melgan_vc.text import printable

LONGEST = 40  # characters


def plain(name: object) -> str:
    """Return a name as matplotlib shows it unchanged, shortened in its middle where it is long.

    Two dollar signs would enclose mathematics, and a first underscore hide it from legends.

    Args:
        name: of a recording, a run, a setting or an evaluation.
    """
    text = printable(name)
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    return f"{' ' if text.startswith('_') else ''}{text}".replace("$", r"\$")


@contextmanager
def no_missing_glyphs() -> Iterator[None]:
    """Draw without a warning for each letter that matplotlib's font lacks; it shows a box in its place."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r".*constrained_layout not applied")
        yield
