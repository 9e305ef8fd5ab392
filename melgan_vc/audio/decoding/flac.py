"""FLAC: how long it is by its last frame, which is not always what its header says."""

from melgan_vc.audio.decoding.analysis import TORN, Analysis, Part, cut_off
from melgan_vc.audio.decoding.chunks import longer
from melgan_vc.audio.decoding.pieces import Window

TAIL = 1 << 20  # bytes at the end in which the last frame is looked for
BEGINNINGS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)


def flac(window: Window, start: int) -> Analysis:
    """Analyze a FLAC file, also of several that were joined."""
    starts = [start]
    position = start
    while (position := window.find(b"fLaC", position + 4)) >= 0:
        if window.at(position, 8) in BEGINNINGS:
            starts.append(position)
    parts: list[Part] = []
    notes: list[str] = []
    for begin, end in zip(starts, [*starts[1:], window.size], strict=True):
        part, note = one(window, begin, end)
        parts.append(part)
        notes += note
    return Analysis(tuple(parts), tuple(notes))


def one(window: Window, start: int, end: int) -> tuple[Part, list[str]]:
    """Analyze one FLAC stream in [start, end).

    Raises:
        UnusableError: it is cut off.
    """
    fields = int.from_bytes(window.at(start + 18, 8), "big")
    rate, stated = fields >> 44, fields & ((1 << 36) - 1)
    blocksize = int.from_bytes(window.at(start + 8, 2), "big")
    there, is_complete = last_sample(window, start, end, rate, blocksize)
    whole = Part(((start, end),), "flac", True, stated or None)
    if there is None or rate == 0:
        return (whole if stated else Part(((start, end),), "flac")), []
    if stated and there < stated:
        raise cut_off(there / rate, stated / rate)
    if there == stated:
        return whole, []
    sizes = (fields >> 36 << 36 | there).to_bytes(8, "big")
    notes = [longer(stated / rate, there / rate)] if stated else []
    if not is_complete:
        notes.append(TORN)
    return Part(((start, start + 18), sizes, (start + 26, end)), "flac", True, there), notes


def last_sample(window: Window, start: int, end: int, rate: int, blocksize: int) -> tuple[int | None, bool]:
    """Return the samples up to the end of the last complete frame, None where none is found; and whether all is there.

    A frame is complete where its checksum fits before the next frame or the file's end.
    """
    first = max(start + 42, end - TAIL)
    tail = window.at(first, end - first)
    places = []
    position = tail.find(b"\xff")
    while position >= 0:
        found = frame_header(tail[position : position + 20], rate, blocksize)
        if found is not None:
            places.append((position, *found))
        position = tail.find(b"\xff", position + 1)
    for number in range(len(places) - 1, -1, -1):
        position, sample, samples = places[number]
        stops = [place for place, *_ in places[number + 1 :]] + [tag_start(tail)]
        for stop in stops:
            if stop - position > 6 and crc16(tail[position : stop - 2]) == int.from_bytes(tail[stop - 2 : stop], "big"):
                return sample + samples, stop == stops[-1]
        if len(places) - number > 8:
            break
    return None, False


def tag_start(tail: bytes) -> int:
    """Return where the frames end before an ID3v1 tag, if there is one."""
    return len(tail) - 128 if tail[-128:-125] == b"TAG" and len(tail) > 128 else len(tail)


def frame_header(head: bytes, rate: int, blocksize: int) -> tuple[int, int] | None:
    """Read a frame's header: number of its first sample, and of its samples; None where it is none."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1:
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


def crc_table(polynomial: int, bits: int) -> list[int]:
    """Return a table of a checksum of 8 or 16 bits, most significant bit first."""
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) & 1 else 0)
        table.append(value & ((1 << bits) - 1))
    return table


CRC8 = crc_table(0x07, 8)
CRC16 = crc_table(0x8005, 16)


def crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = CRC8[value ^ byte]
    return value


def crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ CRC16[value >> 8 ^ byte]
    return value
