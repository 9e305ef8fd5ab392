"""Results of the analysis of a file's structure, before it is decoded."""

from dataclasses import dataclass

from melgan_vc.audio.decoding.pieces import Piece

TORN = "ends in the middle of a frame, so it may be cut off; it is used up to there"


class UnusableError(Exception):
    """A fault of a recording and what to do, without its name: "is cut off: ...; copy it again"."""


class UnknownError(UnusableError):
    """A decoder does not know the format; another may."""


@dataclass(frozen=True)
class Part:
    """A stretch of a file that one decoder reads from its beginning to its end.

    Attributes:
        pieces: of the file, as the decoder is to see them.
        demuxer: FFmpeg's name of the format.
        by_libsndfile: whether libsndfile is tried first.
        samples: of each channel, that must come at least; None where nobody states it.
        options: for FFmpeg's demuxer.
    """

    pieces: tuple[Piece, ...]
    demuxer: str
    by_libsndfile: bool = False
    samples: int | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Analysis:
    """A file's parts, and what a user should know of them.

    Attributes:
        parts: to decode one after the other; most files are one.
        notes: what is odd about the file, each ready to follow its name.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def longer(stated: float, there: float) -> str:
    """Return what is told of a file that holds more seconds than it states."""
    return f"its header says {stated:.2f} s, but it holds {there:.2f} s; all of it is used"


def cut_off(there: float, stated: float, unit: str = "s") -> UnusableError:
    """Return the error of a file that states more than it holds."""
    numbers = f"{there:.2f} s of {stated:.2f} s" if unit == "s" else f"{there:,.0f} of {stated:,.0f} {unit}"
    return UnusableError(f"is cut off (truncated): only {numbers} are there; copy or export the recording again")
