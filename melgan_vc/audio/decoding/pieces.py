"""A file as seen through a list of its pieces: parts of it can be skipped, and wrong header fields replaced."""

import bisect
import io
import os
from collections.abc import Iterable
from typing import Any, BinaryIO

Piece = bytes | tuple[int, int]  # bytes to read instead, or a range [start, end) of the file
WINDOW = 1 << 18  # bytes that are read from the file at a time


class Window:
    """Random access to a file's bytes for those who read its structure: reads ahead, and never past the end.

    Args:
        file: open for reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self.start = 0
        self.held = b""
        self.ahead = 4096  # most headers are short

    def at(self, position: int, count: int) -> bytes:
        """Return up to ``count`` bytes from a position; fewer where the file ends."""
        begin = position - self.start
        if begin < 0 or begin + count > len(self.held):
            if position < 0 or position >= self.size:
                return b""
            self.file.seek(position)
            self.held = self.file.read(max(count, self.ahead))
            self.ahead = min(4 * self.ahead, WINDOW)
            self.start, begin = position, 0
        return self.held[begin : begin + count]

    def find(self, wanted: bytes, start: int, end: int | None = None) -> int:
        """Return the first position of some bytes in [start, end); -1 where they are not."""
        end = self.size if end is None else min(end, self.size)
        while start < end:
            block = self.at(start, min(WINDOW, end - start))
            found = block.find(wanted)
            if found >= 0:
                return start + found
            if len(block) < len(wanted):
                return -1
            start += max(1, len(block) - len(wanted) + 1)
        return -1


class PiecedFile(io.RawIOBase):
    """The pieces of a file, one after the other, as a file of their own without a name.

    An error of the disk is kept in :attr:`error` and ends the file: decoders written in C cannot pass it on.

    Args:
        file: open for reading without a buffer, for decoders may read its descriptor; several pieced files may share
            it.
        pieces: what there is to read.
    """

    def __init__(self, file: BinaryIO, pieces: Iterable[Piece]) -> None:
        self.file = file
        self.pieces = [piece for piece in pieces if (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0])]
        self.starts: list[int] = []
        size = 0
        for piece in self.pieces:
            self.starts.append(size)
            size += len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
        self.size = size
        self.position = 0
        self.error: OSError | None = None

    def descriptor(self) -> int | None:
        """Return the file's descriptor, at its start, where the only piece is all of it; else None."""
        descriptor = self.file.fileno()
        if self.pieces != [(0, os.fstat(descriptor).st_size)]:
            return None
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def read(self, size: int = -1) -> bytes:
        left = self.size - self.position if size is None or size < 0 else min(size, self.size - self.position)
        parts = []
        while left > 0:
            part = self.part(left)
            if not part:
                break
            parts.append(part)
            self.position += len(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def part(self, most: int) -> bytes:
        """Return some bytes from the position on, all of one piece."""
        number = bisect.bisect_right(self.starts, self.position) - 1
        piece, inside = self.pieces[number], self.position - self.starts[number]
        if isinstance(piece, bytes):
            return piece[inside : inside + most]
        start = piece[0] + inside
        try:
            self.file.seek(start)
            return self.file.read(min(most, piece[1] - start))
        except OSError as error:
            self.error = error
            return b""

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        found = self.read(len(view))
        view[: len(found)] = found
        return len(found)
