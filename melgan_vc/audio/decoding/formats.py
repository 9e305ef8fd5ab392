"""Recognise a file's format by what it holds, never by its name."""

import re
from collections.abc import Callable

from melgan_vc.audio.decoding import boxes, chunks, flac, headers, mpeg, pages
from melgan_vc.audio.decoding.analysis import Analysis, Part, UnusableError
from melgan_vc.audio.decoding.pieces import Window

SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".afc", ".au", ".snd", ".caf", ".voc", ".sph",
    ".nist", ".sf", ".ircam", ".svx", ".8svx", ".iff", ".paf", ".avr", ".flac", ".ogg", ".oga", ".ogx", ".ogv", ".opus",
    ".spx", ".mp1", ".mp2", ".mp3", ".mpa", ".mpga", ".m4a", ".m4b", ".m4r", ".m4v", ".mp4", ".mov", ".qt", ".3gp",
    ".3gpp", ".3g2", ".f4a", ".f4v", ".aac", ".adts", ".adt", ".latm", ".loas", ".ac3", ".eac3", ".ec3", ".dts",
    ".thd", ".mlp", ".wma", ".wmv", ".asf", ".webm", ".weba", ".mka", ".mkv", ".avi", ".divx", ".flv", ".mpg", ".mpeg",
    ".vob", ".m2p", ".ts", ".mts", ".m2ts", ".amr", ".awb", ".ape", ".wv", ".tta", ".tak", ".mpc", ".mp+", ".mpp",
    ".shn", ".dsf", ".dff", ".qoa", ".rm", ".ra", ".rmvb", ".mxf", ".nut", ".wtv",
)  # fmt: skip
UNREADABLE = (
    ".raw", ".pcm", ".s16", ".sw", ".s8", ".u8", ".f32", ".al", ".ul", ".alaw", ".ulaw", ".vox", ".gsm", ".g722",
    ".g726", ".g729", ".sln", ".sd2", ".aax", ".m4p", ".ofr", ".mid", ".midi", ".kar", ".xm", ".s3m", ".silk", ".slk",
    ".ac4", ".aup", ".aup3", ".cda", ".dss", ".ds2", ".oma", ".aa3", ".at3", ".hca", ".adx", ".spc", ".nsf", ".cdr",
)  # fmt: skip  # sound that no decoder here knows by its content
READERS: dict[str, Callable[[Window, int], chunks.Found]] = {
    "wav": chunks.wav, "aiff": chunks.aiff, "au": chunks.au, "w64": chunks.w64, "caf": chunks.caf,
}  # fmt: skip
MAGIC: tuple[tuple[int, bytes, str], ...] = (  # place, bytes, FFmpeg's name of the format
    (0, b"RF64", "wav"), (0, b"BW64", "wav"), (0, b"RIFX", "wav"), (0, b".snd", "au"), (0, b"dns.", "au"),
    (0, b"caff", "caf"), (0, b"fLaC", "flac"), (0, b"OggS", "ogg"), (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (4, b"ftyp", "mov"), (4, b"moov", "mov"), (4, b"mdat", "mov"), (4, b"wide", "mov"), (4, b"moof", "mov"),
    (4, b"styp", "mov"), (0, b"\x1aE\xdf\xa3", "matroska"), (0, bytes.fromhex("3026b2758e66cf11"), "asf"),
    (0, b"FLV\x01", "flv"), (0, b"#!AMR", "amr"), (0, b"MAC ", "ape"), (0, b"wvpk", "wv"), (0, b"TTA1", "tta"),
    (0, b"TTA2", "tta"), (0, b"tBaK", "tak"), (0, b"MPCK", "mpc8"), (0, b"MP+", "mpc"), (0, b"ajkg", "shn"),
    (0, b"DSD ", "dsf"), (0, b"FRM8", "iff"), (0, b"qoaf", "qoa"), (0, b"Creative Voice File\x1a", "voc"),
    (0, b"NIST_1A", "nistsphere"), (0, bytes.fromhex("64a30100"), "ircam"), (0, bytes.fromhex("64a30200"), "ircam"),
    (0, bytes.fromhex("64a30300"), "ircam"), (0, bytes.fromhex("64a30400"), "ircam"), (0, b"\x00\x01\xa3\x64", "ircam"),
    (0, b" paf", "paf"), (0, b"fap ", "paf"), (0, b"2BIT", "avr"), (0, b".RMF", "rm"), (0, b".ra\xfd", "rm"),
    (0, bytes.fromhex("060e2b34"), "mxf"), (0, b"nut/multimedia container\0", "nut"), (0, b"\x7f\xfe\x80\x01", "dts"),
    (0, b"\xfe\x7f\x01\x80", "dts"), (0, b"\x1f\xff\xe8\x00", "dts"), (0, b"\xff\x1f\x00\xe8", "dts"),
    (4, b"\xf8\x72\x6f\xba", "truehd"), (4, b"\xf8\x72\x6f\xbb", "mlp"), (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, bytes.fromhex("b7d800203749da11a64e0007e95ead8d"), "wtv"),
)  # fmt: skip
SOUND_ALONE = (
    "wav", "aiff", "au", "caf", "flac", "ogg", "w64", "amr", "ape", "wv", "tta", "tak", "mpc", "mpc8", "shn", "dsf",
    "voc", "nistsphere", "ircam", "paf", "avr", "qoa",
)  # fmt: skip
ALSO_LIBSNDFILE = ("voc", "nistsphere", "ircam", "paf", "avr", "iff")
TEXTS = (
    (b"<", "a web page or another text"), (b"%PDF", "a PDF"), (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"), (b"Rar!", "a RAR archive"), (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"MThd", "MIDI notes and no sound"), (b"#EXTM3U", "a list of files"), (b"SQLite", "a database"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file with git lfs pull"),
)  # fmt: skip


def analyze(window: Window) -> Analysis:
    """Find out a file's format, and check what its structure states.

    Raises:
        UnusableError: it is no audio that is known, or cut off, or damaged.
    """
    start = mpeg.after_tags(window, 0)
    demuxer = by_magic(window, start)
    if demuxer in READERS:
        return chunks.in_turn(window, READERS[demuxer], start)
    if demuxer == "flac":
        return flac.flac(window, start)
    if demuxer == "ogg":
        return pages.ogg(window, start)
    if demuxer == "amr":
        return mpeg.frames(window, start, demuxer)
    if demuxer in ALSO_LIBSNDFILE:
        found = re.search(rb"sample_count -i (\d{1,12})\b", window.at(0, 1024)) if demuxer == "nistsphere" else None
        return Analysis((Part(((0, window.size),), demuxer, True, int(found[1]) if found else None),))
    if demuxer is not None:
        return boxes.container(window, demuxer)
    return by_frames(window, start)


def by_magic(window: Window, start: int) -> str | None:
    """Return FFmpeg's name of a format that starts with a mark of its own."""
    head = window.at(start, 64)
    if head[:4] == b"RIFF":
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[:4] == b"FORM":
        return {b"AIFF": "aiff", b"AIFC": "aiff", b"8SVX": "iff", b"16SV": "iff"}.get(head[8:12])
    return next((name for place, mark, name in MAGIC if head[place : place + len(mark)] == mark), None)


def by_frames(window: Window, start: int) -> Analysis:
    """Analyze what has no mark at its start but a chain of frames or packets.

    Raises:
        UnusableError: it is no audio that is known.
    """
    for size, offset in ((188, 0), (192, 4), (204, 0)):
        places = range(start + offset, min(window.size, start + offset + 5 * size), size)
        if len(places) > 2 and all(window.at(place, 1) == b"G" for place in places):
            return boxes.container(window, "mpegts")
    end = min(window.size, start + mpeg.SEARCHED)
    for read, demuxer in ((headers.ac3_frame, "ac3"), (headers.adts_frame, "aac"), (headers.mpeg_frame, "mp3")):
        here = start if mpeg.is_chain(window, read, start) else None
        if here is not None:
            return by_first_frame(window, here, demuxer)
    if window.at(start, 2)[:1] == b"\x56" and window.at(start + 1, 1) and window.at(start + 1, 1)[0] & 0xE0 == 0xE0:
        return boxes.container(window, "loas")
    if not looks_like_text(window.at(start, 512)):
        for read, demuxer in ((headers.mpeg_frame, "mp3"), (headers.adts_frame, "aac"), (headers.ac3_frame, "ac3")):
            found = mpeg.first_frame(window, read, start, end)
            if found is not None:
                return by_first_frame(window, found, demuxer)
    raise UnusableError(not_known(window.at(0, 64)))


def by_first_frame(window: Window, start: int, demuxer: str) -> Analysis:
    """Analyze bare frames from the first one on."""
    if demuxer == "mp3":
        return mpeg.mp3(window, start)
    first = headers.ac3_frame(window.at(start, 8)) if demuxer == "ac3" else None
    return mpeg.frames(window, start, "eac3" if first is not None and first.identity == (1,) else demuxer)


def looks_like_text(head: bytes) -> bool:
    """Tell whether bytes are letters, digits and signs."""
    return bool(head) and sum(9 <= byte < 127 for byte in head) > 0.98 * len(head)


def not_known(head: bytes) -> str:
    """Say why a file is no recording."""
    what = next((text for mark, text in TEXTS if head.lstrip().startswith(mark)), "")
    if not what:
        what = "text" if looks_like_text(head) else "data of no format that is known"
    return f"cannot be read as audio (it holds {what}); give a complete recording, such as wav, flac, mp3 or m4a"
