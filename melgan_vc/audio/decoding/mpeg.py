"""MP3, AAC, AC-3 and AMR as bare frames: where they lie in a file, how many there are, and what lies between them.

Nothing but an MP3's Xing or VBRI header states a length; what else is said of it is an estimate.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from melgan_vc.audio.decoding.analysis import TORN, Analysis, Part, cut_off, longer
from melgan_vc.audio.decoding.headers import (
    AMR_SIZES,
    AMR_WIDE_SIZES,
    Frame,
    ac3_frame,
    adts_frame,
    amr_frame,
    mpeg_frame,
)
from melgan_vc.audio.decoding.pieces import Piece, Window

MOST_TRIED = 500_000  # places where a frame may start
BLOCK = 1 << 16  # bytes that are looked at together
MARKS = re.compile(b"Xing|Info|VBRI")
CHAIN = 4  # frames in a row that prove a format; fewer where the file ends with the last of them
SEARCHED = 1 << 17  # bytes at a file's start in which the first frame is looked for
ROUNDING = 2400  # samples: what decoders cut off an mp3's ends for its encoder's delay, and a frame


@dataclass
class Run:
    """Frames of one stream, one after the other but for what was skipped between them.

    Attributes:
        frame: the first.
        ranges: of bytes [start, end).
        count: of frames.
        stated: frames that the header in the first of them states; None without such a header.
    """

    frame: Frame
    ranges: list[list[int]] = field(default_factory=list)
    count: int = 0
    stated: int | None = None


def first_frame(window: Window, read: Callable[[bytes], Frame | None], start: int, end: int) -> int | None:
    """Return where a chain of frames starts; None where none does in [start, end)."""
    first = b"\xff" if read is not ac3_frame else b"\x0b\x77"
    position = start - 1
    for _ in range(MOST_TRIED):
        position = window.find(first, position + 1, end)
        if position < 0:
            return None
        if is_chain(window, read, position):
            return position
    return None


def is_chain(window: Window, read: Callable[[bytes], Frame | None], position: int, count: int = CHAIN) -> bool:
    """Tell whether frames of one stream follow each other from a position on."""
    first = frame = read(window.at(position, 8))
    for _ in range(count - 1):
        if frame is None or first is None or frame.identity != first.identity:
            return False
        position += frame.length
        if position >= window.size:
            return position == window.size
        if window.at(position, 3) in (b"TAG", b"APE", b"ID3"):
            return True
        frame = read(window.at(position, 8))
    return frame is not None and first is not None and frame.identity == first.identity


def runs(window: Window, read: Callable[[bytes], Frame | None], start: int) -> Iterator[Run | None]:
    """Find all frames from the first one, at ``start``, on.

    Yields:
        Runs; None at the end where the last frame is incomplete.
    """
    known: dict[bytes, Frame | None] = {}
    keep = 4 if read is mpeg_frame else 8
    run: Run | None = None
    position: int | None = start
    while position is not None and position < window.size:
        if run is not None and read is mpeg_frame:
            begin = position
            position, count = pass_over(window, known, run.frame.identity, position)
            if count:
                add(run, begin, position, count)
                continue
        head = window.at(position, 8)[:keep]
        if head not in known:
            known[head] = read(head)
            if len(known) > 4096:
                known.clear()
                continue
        frame = known[head]
        if frame is None or (run is not None and frame.identity != run.frame.identity):
            position = resumed(window, read, position)
            if position is None or (frame := read(window.at(position, 8))) is None:
                break
        if position + frame.length > window.size:
            if run is not None:
                yield run
            yield None
            return
        lengths = stated_lengths(window, position, frame) if read is mpeg_frame else None
        stated = lengths[0] if lengths is not None else None
        if run is None or frame.identity != run.frame.identity or stated is not None:
            if run is not None:
                yield run
            run = Run(frame, stated=stated)
        add(run, position, position + frame.length, 1)
        position += frame.length
    if run is not None:
        yield run


def add(run: Run, start: int, end: int, count: int) -> None:
    """Add frames in [start, end) to a run."""
    if run.ranges and run.ranges[-1][1] == start:
        run.ranges[-1][1] = end
    else:
        run.ranges.append([start, end])
    run.count += count


def pass_over(
    window: Window, known: dict[bytes, Frame | None], identity: tuple[int, ...], position: int
) -> tuple[int, int]:
    """Pass over complete frames of one stream whose headers have been seen: where they end, and how many there are."""
    count = 0
    while True:
        block = window.at(position, BLOCK)
        at, last = 0, len(block) - 64
        while at <= last:
            frame = known.get(block[at : at + 4])
            if frame is None or frame.identity != identity or MARKS.search(block, at + 4, at + 44):
                break
            if at + frame.length > len(block) and position + at + frame.length > window.size:
                break
            at += frame.length
            count += 1
        position += at
        if at <= last or at == 0:
            return position, count


def resumed(window: Window, read: Callable[[bytes], Frame | None], position: int) -> int | None:
    """Return where frames start again after what is no frame, such as tags; None where none does."""
    return first_frame(window, read, after_tags(window, position), window.size)


def after_tags(window: Window, position: int) -> int:
    """Return where ID3v2 tags that start at a position end; the position itself where none does."""
    while window.at(position, 3) == b"ID3":
        position += id3_size(window, position)
    return position


def id3_size(window: Window, position: int) -> int:
    """Return the bytes of an ID3v2 tag, its header included; at least 1."""
    head = window.at(position, 10).ljust(10, b"\0")
    if any(byte & 0x80 for byte in head[6:]):
        return 3
    footer = 10 if head[5] & 0x10 else 0
    return 10 + footer + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))


def stated_lengths(window: Window, position: int, frame: Frame) -> tuple[int, int] | None:
    """Return the frames that follow and the bytes of all, as a Xing or VBRI header in a frame states them.

    Returns:
        Either is 0 where it is not stated; None without a header.
    """
    content = window.at(position, min(frame.length, 256)).ljust(64, b"\0")
    for offset in (36, 21, 13, 38, 23, 15):  # after a checksum, two bytes later
        mark, flags = content[offset : offset + 4], content[offset + 7] & 3
        if mark in (b"Xing", b"Info"):
            count, size = (int.from_bytes(content[offset + at : offset + at + 4], "big") for at in (8, 12))
            return (count, size) if flags == 3 else (count, 0) if flags == 1 else (0, 0)
        if mark == b"VBRI":
            size, count = (int.from_bytes(content[offset + at : offset + at + 4], "big") for at in (10, 14))
            return count, size
    return None


def as_stated(window: Window, start: int) -> Part | None:
    """Return an MP3 of as many bytes as its first frame states, ID3 tags aside; its other frames need not be found.

    None where the file, or the length of its first frames, shows that it is not as stated.
    """
    frame = mpeg_frame(window.at(start, 4))
    lengths = None if frame is None else stated_lengths(window, start, frame)
    end = window.size - 128 if window.at(window.size - 128, 3) == b"TAG" else window.size
    if frame is None or frame.identity[1] != 3 or not lengths or not lengths[0] or start + lengths[1] != end:
        return None
    if start != after_tags(window, 0) or not is_plausible(window, frame, start, end, lengths[0] + 1):
        return None
    return Part(((0, window.size),), "mp3", True, max(0, lengths[0] * frame.samples - ROUNDING))


def is_plausible(window: Window, frame: Frame, start: int, end: int, stated: int) -> bool:
    """Tell whether so many frames fit into [start, end): by all frames of a short file, else by its first ones.

    Args:
        frame: the one at ``start``.
        stated: frames, the one with the header included.
    """
    count, position, last = 0, start, min(end, start + BLOCK)
    while position < last:
        found = mpeg_frame(window.at(position, 4))
        if found is None or found.identity != frame.identity:
            return False
        count += 1
        position += found.length
    if last == end:
        return abs(count - stated) <= 1
    return 0.5 < count / (position - start) * (end - start) / stated < 2  # frames of quiet places are shorter


def mp3(window: Window, start: int) -> Analysis:
    """Analyze MPEG audio, also of several files that were joined."""
    if (plain := as_stated(window, start)) is not None:
        return Analysis((plain,))
    found = list(runs(window, mpeg_frame, start))
    torn = bool(found) and found[-1] is None
    parts: list[Part] = []
    notes: list[str] = []
    some = [run for run in found if run is not None]
    for number, run in enumerate(some):
        pieces: list[Piece] = [(begin, end) for begin, end in run.ranges]
        audio = run.count - (run.stated is not None)
        second = run.frame.rate / run.frame.samples  # frames
        is_last = number == len(some) - 1
        if run.stated and audio < run.stated - 1:
            if is_last:
                raise cut_off(audio / second, run.stated / second)
            notes.append(
                f"a part of it is cut off: only {audio / second:.2f} s of {run.stated / second:.2f} s are there"
            )
        if run.stated and audio > run.stated + 1:
            notes.append(longer(run.stated / second, audio / second))
        exact = abs(audio - (run.stated or 0)) <= 1 and run.frame.identity[1] == 3
        if run.stated is not None and not exact:
            first = run.ranges[0][0]
            length = mpeg_frame(window.at(first, 4))
            pieces[0] = (first + (length.length if length else 0), run.ranges[0][1])
        if audio:
            least = max(0, audio * run.frame.samples - ROUNDING)
            parts.append(Part(tuple(pieces), "mp3", exact, least))
    if torn and not any(run.stated for run in some[-1:]):
        notes.append(TORN)
    return Analysis(tuple(parts), tuple(notes))


def frames(window: Window, start: int, demuxer: str) -> Analysis:
    """Analyze AAC, AC-3 or AMR, also of several files that were joined."""
    if demuxer == "amr":
        head = 6 if window.at(0, 6) == b"#!AMR\n" else 9
        sizes = AMR_SIZES if head == 6 else AMR_WIDE_SIZES
        position, end = head, head
        while (frame := amr_frame(window.at(position, 1), sizes)) is not None:
            end, position = position, position + frame.length
        torn = position > window.size
        return Analysis((Part(((0, end if torn else window.size),), "amr"),), (TORN,) if torn else ())
    found = list(runs(window, adts_frame if demuxer == "aac" else ac3_frame, start))
    pieces = tuple((begin, end) for run in found if run is not None for begin, end in run.ranges)
    return Analysis((Part(pieces, demuxer),), (TORN,) if found and found[-1] is None else ())
