"""What the rows of source speakers are called: of the one that was trained on, and of others."""

from collections.abc import Iterable
from dataclasses import dataclass

SOURCE, CONVERTED, TARGET = "source", "converted", "target"  # the kinds of recordings that every evaluation has
OF, FROM = f"{SOURCE} ", f"{CONVERTED} from "


@dataclass(frozen=True)
class Speaker:
    """A source speaker.

    Attributes:
        name: that tells unseen speakers apart; empty for the trained source.
    """

    name: str = ""

    @property
    def source(self) -> str:
        """The kind of the speaker's own recordings."""
        return f"{OF}{self.name}" if self.name else SOURCE

    @property
    def converted(self) -> str:
        """The kind of what the model makes of them."""
        return f"{FROM}{self.name}" if self.name else CONVERTED

    @property
    def kinds(self) -> tuple[str, str]:
        return self.source, self.converted


TRAINED = Speaker()


def unseen_among(kinds: Iterable[str]) -> list[Speaker]:
    """Return the speakers that were not trained on, of whom an evaluation has recordings and conversions.

    Args:
        kinds: of all its rows.
    """
    known = list(kinds)
    found = [Speaker(kind.removeprefix(FROM)) for kind in known if kind.startswith(FROM)]
    return [one for one in found if one.name and one.source in known]
