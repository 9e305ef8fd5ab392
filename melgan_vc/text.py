"""Text from files, names and tables, as it may be shown on a terminal or written into a log."""

JOINERS = "\u200c\u200d"  # invisible, but Persian and emoji need them
SHOWN = 100  # characters of a reason
SPACES = "Zs"  # Unicode's category of spaces, which str.isprintable refuses but for one


def printable(text: object, keep: str = "") -> str:
    """Return the text with everything escaped that a terminal would obey instead of showing.

    Escape codes, control characters, line breaks, characters that reverse the direction of writing, and bytes that are
    not Unicode become ``\\x1b``, ``\\n``, ``\\u202e``, ``\\udcff``; letters of all languages stay as they are.

    Args:
        text: to show; anything that is not a string is converted first.
        keep: characters that are left as they are, such as the line breaks of a message of several lines.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(letter if letter in keep or is_shown(letter) else escaped(letter) for letter in shown)


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number of things, in the singular or plural.

    Args:
        number: of them.
        one: what a single one is called, perhaps with its verb, such as "recording is".
        more: what several are called; without, ``one`` with an s.
    """
    return f"{number} {one if number == 1 else more or one + 's'}"


def shortened(text: object, most: int = SHOWN) -> str:
    """Return a text for the inside of a message: on one line, and not longer than so many characters."""
    line = " ".join(printable(text, keep="\n").split())
    return line if len(line) <= most else f"{line[:most]}..."


def is_shown(letter: str) -> bool:
    """Tell whether a terminal shows a character instead of obeying it."""
    if letter.isprintable() or letter in JOINERS:
        return True
    import unicodedata  # seldom needed

    return unicodedata.category(letter) == SPACES


def escaped(letter: str) -> str:
    """Return a character as Python writes it in a string."""
    return repr(letter)[1:-1]
