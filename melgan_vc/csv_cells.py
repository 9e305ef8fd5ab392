"""Texts in CSV files that people open in a spreadsheet, which would run those that look like formulas."""

import re

FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # how such a text begins, also full-width or escaped


def csv_cell(value: object) -> object:
    """Return a value as a cell of a CSV file: a text that a spreadsheet would take for a formula gets an apostrophe.

    Numbers stay as they are. :func:`csv_text` returns the same text again.

    Args:
        value: of the cell.
    """
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def csv_text(cell: str) -> str:
    """Return the text of a cell that :func:`csv_cell` made."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
