"""MP4, Matroska, AVI, ASF and FLV: whether a container holds as many bytes as it states."""

from collections.abc import Callable

from melgan_vc.audio.decoding.analysis import TORN, Analysis, Part, UnusableError, cut_off
from melgan_vc.audio.decoding.chunks import LARGEST, is_name
from melgan_vc.audio.decoding.pieces import Window

MOST = 100_000  # boxes that are looked at
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
UNFINISHED = (
    "is cut off (truncated) or was never finished: the index of its MP4 (moov) is missing; copy or export the "
    "recording again"
)
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def mp4(window: Window) -> str:
    """Check MP4 and QuickTime files."""
    position = 0
    seen: set[bytes] = set()
    for _ in range(MOST):
        head = window.at(position, 16)
        if len(head) < 8 or not is_name(head[4:8]):
            break
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size == 0:
            size = window.size - position
        if size < 8:
            break
        if position + size > window.size and name in (b"mdat", b"moov", b"moof"):
            raise cut_off(window.size, position + size, "bytes")
        seen.add(name)
        position += size
    if not seen & {b"moov", b"moof"}:
        raise UnusableError(UNFINISHED)
    return ""


def vint(window: Window, position: int, keep: bool) -> tuple[int, int, bool]:
    """Read one of Matroska's numbers: it, its bytes, and whether it stands for "unknown"."""
    first = window.at(position, 1)
    if not first or first[0] == 0:
        return 0, 0, False
    count = 9 - first[0].bit_length()
    data = window.at(position, count)
    if len(data) < count:
        return 0, 0, False
    number = int.from_bytes(data, "big")
    value = number & ((1 << 7 * count) - 1)
    return (number if keep else value), count, value == (1 << 7 * count) - 1


def matroska(window: Window) -> str:
    """Check Matroska and WebM files; one that was streamed states no size but that of each block."""
    position = 0
    for _ in range(MOST):
        name, used, _ = vint(window, position, True)
        size, more, unknown = vint(window, position + used, False)
        if not used or not more:
            break
        position += used + more
        if unknown and name in (SEGMENT, CLUSTER):
            continue  # with what is in it
        position += size
        if name == SEGMENT:
            if position > window.size:
                raise cut_off(window.size, position, "bytes")
            return ""
    return TORN if position >= window.size - 1 and position != window.size else ""


def avi(window: Window) -> str:
    """Check AVI files, also those of several RIFF chunks."""
    position = 0
    while window.at(position, 4) == b"RIFF" and window.at(position + 8, 4) in (b"AVI ", b"AVIX"):
        size = int.from_bytes(window.at(position + 4, 4), "little")
        if size in (0, LARGEST):
            break
        if position + 8 + size > window.size + 1:
            raise cut_off(window.size, position + 8 + size, "bytes")
        position += 8 + size + size % 2
    return ""


def asf(window: Window) -> str:
    """Check WMA, WMV and ASF files."""
    length = int.from_bytes(window.at(16, 8), "little")
    place = window.find(ASF_PROPERTIES, 30, min(length, 1 << 20))
    if place < 0:
        return ""
    content = window.at(place + 24, 80).ljust(80, b"\0")
    size, flags = int.from_bytes(content[16:24], "little"), int.from_bytes(content[64:68], "little")
    if not flags & 1 and size > window.size:  # no broadcast, whose size is not known
        raise cut_off(window.size, size, "bytes")
    return ""


def flv(window: Window) -> str:
    """Check FLV files."""
    position = int.from_bytes(window.at(5, 4), "big") + 4
    while len(head := window.at(position, 11)) == 11 and head[0] & 0x1F in (8, 9, 18):
        position += 15 + int.from_bytes(head[1:4], "big")
    if position - 4 > window.size:
        raise cut_off(window.size, position - 4, "bytes")
    return ""


def wavpack(window: Window) -> str:
    """Check WavPack files."""
    position = 0
    while window.at(position, 4) == b"wvpk":
        position += 8 + int.from_bytes(window.at(position + 4, 4), "little")
    if position > window.size:
        raise cut_off(window.size, position, "bytes")
    return ""


def transport_stream(window: Window) -> str:
    """Check MPEG transport streams, whose packets have one size."""
    first = 4 if window.at(0, 1) != b"G" else 0
    size = next((size for size in (188, 192, 204) if window.at(first + size, 1) == b"G"), 188)
    return TORN if window.size % size else ""


def program_stream(window: Window) -> str:
    """Check MPEG program streams, as on DVDs."""
    position = 0
    while position < window.size:
        head = window.at(position, 14).ljust(14, b"\0")
        if head[:3] != b"\0\0\1" or head[3] == 0xB9:
            return ""
        if head[3] == 0xBA:
            position += 14 + (head[13] & 7) if head[4] & 0xC0 == 0x40 else 12
        else:
            position += 6 + int.from_bytes(head[4:6], "big")
    return TORN if position > window.size else ""


CHECKS: dict[str, Callable[[Window], str]] = {  # each returns what is odd, or ""
    "mov": mp4, "matroska": matroska, "avi": avi, "asf": asf, "flv": flv, "wv": wavpack, "mpegts": transport_stream,
    "mpeg": program_stream,
}  # fmt: skip


def container(window: Window, demuxer: str) -> Analysis:
    """Analyze a container that FFmpeg reads.

    Raises:
        UnusableError: it is cut off.
    """
    note = CHECKS[demuxer](window) if demuxer in CHECKS else ""
    return Analysis((Part(((0, window.size),), demuxer),), (note,) if note else ())
