"""Headers of frames of MPEG audio, AAC, AC-3 and AMR."""

from dataclasses import dataclass

RATES = (44100, 48000, 32000)
V1 = {  # kbit/s by layer
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
V2 = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
AC3_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
AMR_SIZES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 6, 6, 6, 1, 1, 1, 1)
AMR_WIDE_SIZES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)


@dataclass(frozen=True)
class Frame:
    """A frame's header: its length in bytes, its samples, and what frames of one stream have in common."""

    length: int
    samples: int
    rate: int
    identity: tuple[int, ...]


def mpeg_frame(head: bytes) -> Frame | None:
    """Read the header of a frame of MPEG audio, layers I to III."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, rate_index, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or index in (0, 15) or rate_index == 3 or head[3] & 3 == 2:
        return None
    rate = RATES[rate_index] >> (0 if version == 3 else 1 if version == 2 else 2)
    bits = 1000 * (V1 if version == 3 else V2)[layer][index]
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    length = 4 * (12 * bits // rate + padding) if layer == 1 else samples // 8 * bits // rate + padding
    return Frame(length, samples, rate, (version, layer, rate_index))


def adts_frame(head: bytes) -> Frame | None:
    """Read the header of a frame of AAC."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate_index, length = head[2] >> 2 & 15, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate_index > 12 or length < 8:
        return None
    return Frame(length, 1024, 0, (head[1] & 8, rate_index))


def ac3_frame(head: bytes) -> Frame | None:
    """Read the header of a frame of AC-3 or E-AC-3."""
    if len(head) < 6 or head[:2] != b"\x0b\x77":
        return None
    kind = head[5] >> 3
    if kind > 10:
        return Frame(2 * (((head[2] & 7) << 8 | head[3]) + 1), 1536, 0, (1,)) if kind <= 16 else None
    code, size = head[4] >> 6, head[4] & 63
    if code == 3 or size > 37:
        return None
    bits = AC3_RATES[size >> 1]
    length = 2 * (2 * bits, 320 * bits // 147 + (size & 1), 3 * bits)[(0, 1, 2)[code]]
    return Frame(length, 1536, 0, (0, code))


def amr_frame(head: bytes, sizes: tuple[int, ...] = AMR_SIZES) -> Frame | None:
    """Read the header of a frame of AMR."""
    if not head or head[0] & 0x83:
        return None
    return Frame(sizes[head[0] >> 3 & 15], 160, 0, ())
