"""Tables to read in a terminal."""

import unicodedata
from collections.abc import Sequence

from melgan_vc.text import printable


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with columns of one width; what a terminal would obey in a cell is escaped."""
    cells = [[printable(cell).replace("|", "\\|") for cell in row] for row in (headings, *rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell + " " * (most - width(cell)) for cell, most in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * most for most in widths) + " |")
    return "\n".join(lines)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for wide letters, none for marks over others."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )
