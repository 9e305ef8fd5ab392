"""WAV, RF64, Wave64, AIFF, AU and CAF: where their samples lie, and whether as many are there as the header says.

A header that was written before the length was known (a recorder that lost its power, a pipe) is replaced by one that
says what is there.
"""

import struct
from collections.abc import Callable, Iterator

from melgan_vc.audio.decoding.analysis import Analysis, Part, cut_off, longer
from melgan_vc.audio.decoding.pieces import Piece, Window

UNKNOWN_SIZE = 0x7FFF0000  # bytes; a 32-bit size above was written before the size was known, if the file has less
SLACK = 64  # bytes; some programs count the header among the samples
MOST_CHUNKS = 10_000  # that are looked at
TRAILING = 0.1  # seconds; so much after the stated end, and no chunk, are samples that the header does not count yet
LARGEST = 0xFFFFFFFF
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of the names of Wave64's chunks
Found = tuple[Part, tuple[str, ...], int | None]  # a file's part, notes on it, and where one joined to it starts
BY_LIBSNDFILE = {1, 2, 3, 6, 7, 0x11, 0x31, 0x40, 0xFFFE}  # WAV's numbers of codecs


def check_present(there: int, stated: int, second: float) -> None:
    """Refuse samples that are cut off.

    Args:
        there, stated: bytes.
        second: bytes that a second takes; 0 where nobody knows.
    """
    if stated > there + SLACK:
        raise cut_off(there / second, stated / second) if second else cut_off(there, stated, "bytes")


def chunks(window: Window, start: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Give name, place of the content and stated size of each chunk; they start at even places."""
    position = start
    for _ in range(MOST_CHUNKS):
        head = window.at(position, 8)
        if not is_name(head[:4]) or len(head) < 8:
            return
        size = int.from_bytes(head[4:], "big" if order == ">" else "little")
        yield head[:4], position + 8, size
        position += 8 + size + size % 2


def is_name(name: bytes) -> bool:
    """Tell whether four bytes can be a chunk's name."""
    return len(name) == 4 and all(32 <= letter < 127 for letter in name)


def uncounted(window: Window, end: int, second: float) -> bool:
    """Tell whether what follows the stated end of the samples are samples that the header does not count yet."""
    if window.size - end < max(TRAILING * second, SLACK):
        return False
    return not is_name(window.at(end, 4)) and not is_name(window.at(end + 1, 4)) and any(window.at(end, 1 << 16))


def in_turn(window: Window, analyze: Callable[[Window, int], Found], first: int) -> Analysis:
    """Analyze files that were joined, one after the other, from the first one on."""
    parts: list[Part] = []
    notes: tuple[str, ...] = ()
    start: int | None = first
    while start is not None:
        part, more, start = analyze(window, start)
        parts.append(part)
        notes += more
    return Analysis(tuple(parts), notes)


def wav(window: Window, start: int) -> Found:
    """Analyze a RIFF, RIFX, RF64 or BW64 file."""
    kind = window.at(start, 4)
    order = ">" if kind == b"RIFX" else "<"
    codec, second, align = 1, 0.0, 1
    at = size = stated64 = ds64 = 0
    for name, place, stated in chunks(window, start + 12, order):
        if name == b"ds64":
            ds64, stated64 = place, int.from_bytes(window.at(place + 8, 8), "little")
        elif name == b"fmt ":
            content = window.at(place, 16).ljust(16, b"\0")
            codec, _, rate, bytes_a_second, align, _ = struct.unpack(order + "HHIIHH", content)
            second = float(rate * align if codec in (1, 3) else bytes_a_second) or 1.0
        elif name == b"data" and second:
            at, size = place, stated
            break
    if not at:
        return Part(((start, window.size),), "wav", True), (), None
    wide = bool(ds64) and size in (0, LARGEST)
    if wide:
        size = stated64
    found = wav_samples(window, start, at, size, second, wide)
    by_libsndfile = codec in BY_LIBSNDFILE
    if found is None:  # sizes of 32 bits have overflowed
        return Part(((start, window.size),), "wav", options=(("ignore_length", "1"),)), (), None
    length, notes = found
    if length != size:
        length -= length % max(1, align)
        pieces = patched_wav(start, order, at, length, ds64 if wide else 0)
        return Part(pieces, "wav", by_libsndfile), notes, None
    following = joined(window, at + length + length % 2, (b"RIFF", b"RIFX", b"RF64", b"BW64"))
    return Part(((start, following or window.size),), "wav", by_libsndfile), (), following


def wav_samples(
    window: Window, start: int, data: int, stated: int, second: float, wide: bool
) -> tuple[int, tuple[str, ...]] | None:
    """Return the bytes of samples of a WAV, and what is to be told; None where its size cannot be told.

    Args:
        data: where the samples start.
        stated: bytes of them.
        second: bytes that a second takes.
        wide: whether the size has 64 bits.
    """
    there = window.size - data
    if not wide and window.size - start > LARGEST:
        return None
    if there > 0 and stated == 0 and window.at(data, 4) not in (b"LIST", b"RIFF", b"fact"):
        return there, ()
    if stated > there and stated >= (1 << 62 if wide else UNKNOWN_SIZE):
        return there, ()
    check_present(there, stated, second)
    if uncounted(window, data + stated, second):
        return there, (longer(stated / second, there / second),)
    return stated, ()


def joined(window: Window, end: int, names: tuple[bytes, ...]) -> int | None:
    """Return where another file starts among the chunks from ``end`` on, if one does."""
    for position in (end, end - 1):
        for name, at, _ in chunks(window, position, "<"):
            if name in names and window.at(at, 4) in (b"WAVE", b"AIFF", b"AIFC"):
                return at - 8
            if not is_name(name):
                break
    return None


def patched_wav(start: int, order: str, data: int, length: int, ds64: int) -> tuple[Piece, ...]:
    """Return a WAV whose header states a length."""
    end = data + length
    if ds64:
        sizes = struct.pack("<QQQ", end - start - 8, length, 0)
        return (start, ds64), sizes, (ds64 + 24, end)
    riff, count = (struct.pack(order + "I", min(size, LARGEST - 1)) for size in (end - start - 8, length))
    return (start, start + 4), riff, (start + 8, data - 4), count, (data, end)


def aiff(window: Window, start: int) -> Found:
    """Analyze an AIFF or AIFF-C file."""
    common = data = -1
    for name, at, size in chunks(window, start + 12, ">"):
        if name == b"COMM":
            common = at
            channels, frames, bits, exponent, mantissa = struct.unpack(">hIhHQ", window.at(at, 18).ljust(18, b"\0"))
            codec = window.at(at + 18, 4) if window.at(start + 8, 4) == b"AIFC" else b"NONE"
        elif name == b"SSND":
            data, stated = at, size
            if size in (0, LARGEST):
                break
        elif name == b"FORM":
            break
    if common < 0 or data < 0:
        return Part(((start, window.size),), "aiff", True), (), None
    rate = mantissa * 2.0 ** min((exponent & 0x7FFF) - 16383 - 63, 64)
    plain = codec in (b"NONE", b"twos", b"sowt", b"raw ", b"fl32", b"FL32", b"fl64", b"FL64", b"in24", b"in32")
    width = max(1, channels * -(-bits // 8))
    second = (rate * width) or 1.0
    there = window.size - data
    unknown = stated in (0, 8, LARGEST) or (plain and frames == 0) or stated >= UNKNOWN_SIZE > there
    more = plain and not unknown and uncounted(window, data + stated, second)
    if common < data and there > 8 and (unknown or more):
        notes = (longer((stated - 8) / second, (there - 8) / second),) if more else ()
        frames = (there - 8) // width if plain else frames
        length = 8 + frames * width if plain else there
        pieces: list[Piece] = [
            (start, start + 4),
            struct.pack(">I", min(data + length - start - 8, LARGEST - 1)),
            (start + 8, common + 2),
        ]
        pieces += [
            struct.pack(">I", min(frames, LARGEST - 1)),
            (common + 6, data - 4),
            struct.pack(">I", min(length, LARGEST - 1)),
            (data, data + length),
        ]
        return Part(tuple(pieces), "aiff", True), notes, None
    check_present(there - 8, (max(stated, 8 + frames * width) if plain else stated) - 8, second if plain else 0.0)
    following = joined(window, data + stated + stated % 2, (b"FORM",))
    return Part(((start, following or window.size),), "aiff", True), (), following


def au(window: Window, start: int) -> Found:
    """Analyze an AU file."""
    order = ">" if window.at(start, 4) == b".snd" else "<"
    offset, stated, codec, rate, channels = struct.unpack(order + "5I", window.at(start + 4, 20).ljust(20, b"\0"))
    bits = {1: 8, 2: 8, 3: 16, 4: 24, 5: 32, 6: 32, 7: 64, 23: 4, 24: 8, 25: 3, 26: 5, 27: 8}.get(codec, 16)
    second = rate * channels * bits / 8 or 1.0
    data = start + offset
    there, end = window.size - data, data + stated
    follows = stated > 0 and window.at(end, 4) == window.at(start, 4)
    unknown = stated >= UNKNOWN_SIZE > there or (stated == 0 and there > 0)
    more = not unknown and not follows and uncounted(window, end, second)
    if unknown or more:
        size = struct.pack(order + "I", min(there, LARGEST - 1))
        notes = (longer(stated / second, there / second),) if more else ()
        return Part(((start, start + 8), size, (start + 12, window.size)), "au", True), notes, None
    check_present(there, stated, second)
    following = end if follows else None
    return Part(((start, following or window.size),), "au", True), (), following


def w64(window: Window, start: int) -> Found:
    """Analyze a Sony Wave64 file."""
    position, second = start + 40, 1.0
    for _ in range(MOST_CHUNKS):
        head = window.at(position, 24).ljust(24, b"\0")
        size = int.from_bytes(head[16:], "little")
        if head[:4] == b"fmt " and head[4:16] == W64_TAIL:
            _, _, rate, bytes_a_second, align = struct.unpack("<HHIIH", window.at(position + 24, 14).ljust(14, b"\0"))
            second = float(bytes_a_second or rate * align) or 1.0
        if head[:4] == b"data" and head[4:16] == W64_TAIL:
            data, there = position + 24, window.size - position - 24
            if there > 0 and (size <= 24 or size >= 1 << 62):
                whole, count = struct.pack("<Q", window.size - start), struct.pack("<Q", there + 24)
                pieces = ((start, start + 16), whole, (start + 24, data - 8), count, (data, window.size))
                return Part(pieces, "w64", True), (), None
            check_present(there, size - 24, second)
            break
        position += max(24, size + -size % 8)
    return Part(((start, window.size),), "w64", True), (), None


def caf(window: Window, start: int) -> Found:
    """Analyze a file of Apple's Core Audio Format."""
    position = start + 8
    second, fields = 0.0, b""
    for _ in range(MOST_CHUNKS):
        head = window.at(position, 12).ljust(12, b"\0")
        name, size = head[:4], int.from_bytes(head[4:], "big", signed=True)
        if name == b"desc":
            fields = window.at(position + 12, 32).ljust(32, b"\0")
            rate, _, _, packet, frames, _, _ = struct.unpack(">d4s5I", fields)
            second = rate * packet / frames if frames and packet else 0.0
        if name == b"data":
            data, there = position + 12, window.size - position - 12
            if size == -1:
                break
            more = size > 4 and second > 0 and uncounted(window, data + size, second)
            if size <= 4 < there or more:
                unknown = struct.pack(">q", -1)
                notes = (longer((size - 4) / second, (there - 4) / second),) if more else ()
                return Part(((start, data - 8), unknown, (data, window.size)), "caf", True), notes, None
            check_present(there, size, second)
        if size < 0:
            break
        position += 12 + size
    return Part(((start, window.size),), "caf", True), (), None
