"""FLAC: whether it is as long as its header says."""

from melgan_vc.audio.decoding.analysis import Analysis, Part
from melgan_vc.audio.decoding.pieces import Window

TAIL = 1 << 16  # bytes at the end in which the last frame is looked for
BEGINNINGS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)


def flac(window: Window, start: int) -> Analysis:
    """Analyze a FLAC file, also of several that were joined."""
    starts = [start]
    position = start
    while (position := window.find(b"fLaC", position + 4)) >= 0:
        if window.at(position, 8) in BEGINNINGS:
            starts.append(position)
    ends = [*starts[1:], window.size]
    return Analysis(tuple(part(window, begin, end) for begin, end in zip(starts, ends, strict=True)))


def part(window: Window, start: int, end: int) -> Part:
    """Return one FLAC stream in [start, end).

    libsndfile reads as many samples as the header states. Where these do not end with the last frame, FFmpeg decodes,
    which reads frames to the end.
    """
    fields = int.from_bytes(window.at(start + 18, 8), "big")
    rate, stated = fields >> 44, fields & ((1 << 36) - 1)
    blocksize = int.from_bytes(window.at(start + 8, 2), "big")
    is_as_stated = stated > 0 and stated == last_sample(window, max(start + 42, end - TAIL), end, rate, blocksize)
    return Part(((start, end),), "flac", is_as_stated, stated or None)


def last_sample(window: Window, start: int, end: int, rate: int, blocksize: int) -> int | None:
    """Return how many samples there are up to the end of the last frame that begins in [start, end), if one does."""
    data = window.at(start, end - start)
    position = data.rfind(b"\xff")
    while position >= 0:
        if data[position + 1 : position + 2] in (b"\xf8", b"\xf9"):
            found = frame_header(data[position : position + 20], rate, blocksize)
            if found is not None:
                return sum(found)
        position = data.rfind(b"\xff", 0, position)
    return None


def frame_header(head: bytes, rate: int, blocksize: int) -> tuple[int, int] | None:
    """Read a frame's header, after its mark: number of its first sample, and of its samples; None where it is none."""
    if len(head) < 6 or head[3] & 1:
        return None
    size, rate_code = head[2] >> 4, head[2] & 15
    if size == 0 or rate_code == 15 or (0 < rate_code < 12 and RATES[rate_code] != rate):
        return None
    number, used = coded_number(head[4:])
    if number is None:
        return None
    position = 4 + used
    if size in (6, 7):
        samples = int.from_bytes(head[position : position + size - 5], "big") + 1
        position += size - 5
    else:
        samples = 192 if size == 1 else 576 << (size - 2) if size < 6 else 256 << (size - 8)
    position += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if position >= len(head) or crc8(head[:position]) != head[position]:
        return None
    return (number if head[1] & 1 else number * blocksize), samples


def coded_number(data: bytes) -> tuple[int | None, int]:
    """Read a number that is coded as UTF-8 codes letters, up to 36 bits: it and its bytes."""
    first = data[0]
    if first < 0x80:
        return first, 1
    count = 8 - (~first & 0xFF).bit_length()
    if count < 2 or count > 7 or len(data) < count:
        return None, 0
    number = first & (0x7F >> count)
    for byte in data[1:count]:
        if byte & 0xC0 != 0x80:
            return None, 0
        number = number << 6 | byte & 0x3F
    return number, count


def crc8(data: bytes) -> int:
    """Return the checksum of a header: polynomial 07, most significant bit first."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (7 if value & 0x80 else 0)) & 0xFF
    return value
