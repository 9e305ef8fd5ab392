"""Ogg: whether every page is there and sound, and which streams follow each other."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from melgan_vc.audio.decoding.analysis import Analysis, Part, UnusableError
from melgan_vc.audio.decoding.pieces import Window

FIRST, LAST = 2, 4  # flags of a page
CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")  # by which a stream of sound starts
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
AGAIN = "export or copy the recording again"


@dataclass
class Chain:
    """Streams that run side by side, from the pages that begin them to where the next begin.

    Attributes:
        start, end: bytes of the file.
        streams: first bytes of each, by their number.
        ended: numbers of those that have their last page.
        pages: last number of each stream's pages.
    """

    start: int
    end: int
    streams: dict[int, bytes] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    pages: dict[int, int] = field(default_factory=dict)


def checksum(page: bytes) -> int:
    """Return the CRC-32 of a page, whose own field counts as zero: polynomial 04C11DB7, most significant bit first."""
    zeroed = (page[:22] + bytes(4) + page[26:]).translate(REVERSED)
    found = zlib.crc32(zeroed, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(found.to_bytes(4, "little").translate(REVERSED), "big")


def pages(window: Window, start: int) -> Iterator[tuple[int, bytes]]:
    """Give place and bytes of each page; an incomplete one as it is.

    Raises:
        UnusableError: something that is no page lies between pages.
    """
    position = start
    while position < window.size:
        head = window.at(position, 27)
        if head[:4] != b"OggS":
            following = window.find(b"OggS", position)
            if following >= 0 and len(head) == 27:
                raise UnusableError(f"is damaged: {following - position} bytes at byte {position} are no Ogg; {AGAIN}")
            return
        table = window.at(position + 27, head[26] if len(head) == 27 else 0)
        length = 27 + len(table) + sum(table)
        yield position, window.at(position, length)
        if len(head) < 27 or len(table) < head[26]:
            return
        position += length


def ogg(window: Window, start: int) -> Analysis:
    """Analyze an Ogg file, also of several that were joined.

    Raises:
        UnusableError: a page is damaged, missing or incomplete.
    """
    chains: list[Chain] = []
    began = False  # whether pages other than first ones have come
    for position, page in pages(window, start):
        if len(page) < 28 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]]):
            if chains and not is_finished(chains[-1]):
                raise UnusableError(f"is cut off (truncated): its last page is incomplete; {AGAIN}")
            break
        if int.from_bytes(page[22:26], "little") != checksum(page):
            raise UnusableError(f"is damaged: the Ogg page at byte {position} fails its checksum; {AGAIN}")
        flags, number = page[5], int.from_bytes(page[14:18], "little")
        if flags & FIRST:
            if began or not chains:
                chains.append(Chain(position, position))
                began = False
            chains[-1].streams[number] = page[27 + page[26] :][:8]
        elif not chains or number not in chains[-1].streams:
            raise UnusableError(f"is damaged: the Ogg page at byte {position} belongs to no stream; {AGAIN}")
        else:
            began = True
        take(chains[-1], page, position, number)
    notes = (
        () if not chains or is_finished(chains[-1]) else ("has no end mark, so it may be cut off; all of it is used",)
    )
    return Analysis(tuple(part(chain) for chain in chains), notes)


def take(chain: Chain, page: bytes, position: int, number: int) -> None:
    """Note a page; pages of a stream are counted, so that a missing one shows."""
    count = int.from_bytes(page[18:22], "little")
    before = chain.pages.get(number)
    if before is not None and count > before + 1:
        raise UnusableError(f"is damaged: Ogg pages are missing before byte {position}; {AGAIN}")
    chain.pages[number] = count
    chain.end = position + len(page)
    if page[5] & LAST:
        chain.ended.add(number)


def is_finished(chain: Chain) -> bool:
    """Tell whether the streams of sound have their last pages."""
    sound = {number for number, start in chain.streams.items() if start.startswith(tuple(c[:8] for c in CODECS))}
    return sound <= chain.ended


def part(chain: Chain) -> Part:
    """Return a chain as a decoder is to read it: libsndfile knows nothing of streams side by side."""
    alone = len(chain.streams) == 1
    return Part(((chain.start, chain.end),), "ogg", by_libsndfile=alone)
