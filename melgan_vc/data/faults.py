"""What fails while one recording is read is a fault of that recording, not of the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from melgan_vc.errors import FOR_ALL, UserError
from melgan_vc.text import printable


@contextmanager
def explained_recording(path: Path) -> Iterator[None]:
    """Turn whatever fails while a recording is read into one line with its name.

    Decoders fail in any way on a damaged file. What concerns all recordings, a full disk say, stays as it is.

    Raises:
        UserError: the recording cannot be used.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FOR_ALL:
            raise
        text = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UserError(
            f"{path}: cannot be decoded ({type(error).__name__}: {printable(text)}); export the recording again"
        ) from error
