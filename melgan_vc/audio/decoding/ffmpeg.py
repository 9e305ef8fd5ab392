"""Decoding by FFmpeg, through PyAV."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np

from melgan_vc.audio.decoding.analysis import Part, UnusableError
from melgan_vc.audio.decoding.blocks import Stream, block_length, check_format, counted, grouped
from melgan_vc.audio.decoding.libsndfile import unreadable
from melgan_vc.audio.decoding.pieces import PiecedFile

EXACT = (
    "mov",
    "ape",
    "wv",
    "tta",
    "tak",
    "mpc",
    "mpc8",
    "dsf",
    "iff",
    "voc",
    "w64",
    "aiff",
    "qoa",
)  # stated durations are facts
ROUNDING = 0.2  # seconds: what a container says of its duration may count an encoder's delay
ENCRYPTED = ("drms", "enca")  # what an MP4 says instead of its codec
TOLERATED = 0.01  # of packets that may be damaged
RESUMING = ("mpegts", "mpeg", "mp3", "aac", "ac3", "eac3", "loas", "dts")  # where an incomplete packet is no cut
FAILURES = (
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    RuntimeError,
    MemoryError,
    OSError,
    EOFError,
)
TAGS = {name: name for name in ("title", "copyright", "artist", "comment", "date", "album", "genre")} | {
    "tracknumber": "track"
}  # libsndfile's names of tags, and FFmpeg's
SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63, "flt": 1.0, "dbl": 1.0}
SUBTYPES = {"u8": "PCM_U8", "s16": "PCM_16", "s32": "PCM_24"}
CHANGES = "its channels or sample rate change midway; all of it is converted to what it begins with"
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
LOSSLESS = ("flac", "alac", "wavpack", "tta", "ape", "tak", "shorten", "als", "mlp", "truehd", "pcm_")


def decode(file: PiecedFile, part: Part, number: int, note: Callable[[str], None]) -> "tuple[Stream, Any]":
    """Begin to decode a part: what it holds, and the open container to close after.

    Args:
        number: of several streams of sound.
        note: told what a user should know.

    Raises:
        UnusableError: FFmpeg cannot read it, or nobody should.
    """
    import av  # takes a while, and most recordings do without

    try:
        container = av.open(
            file, "r", format=part.demuxer, options=dict(part.options), metadata_errors="replace", buffer_size=1 << 17
        )
    except (av.FFmpegError, *FAILURES) as error:
        raise UnusableError(unreadable(error, file)) from error
    try:
        return begun(container, file, part, number, note), container
    except BaseException as error:
        container.close()
        if isinstance(error, (av.FFmpegError, *FAILURES)):
            raise UnusableError(unreadable(error, file)) from error
        raise


def begun(container: Any, file: PiecedFile, part: Part, number: int, note: Callable[[str], None]) -> Stream:
    """Return what an open container holds, as its first frame of sound shows it."""
    stream = chosen(container, number, note)
    context = stream.codec_context
    with suppress(UnicodeDecodeError):  # a tag that is a number, as in AVI
        if context.codec_tag in ENCRYPTED:
            raise UnusableError("is encrypted (DRM); give a recording without copy protection")
    context.thread_count = 1
    check_format(context.sample_rate or 48000, context.channels or 1)
    frames = decoded(container, stream, file, part, note)
    first = next(frames, None)
    if first is None:
        raise UnusableError("holds no samples; remove it or record it again")
    rate, channels = first.sample_rate, len(first.layout.channels)
    check_format(rate, channels)
    base = stream.time_base
    seconds = float(stream.duration * base) if part.demuxer in EXACT and stream.duration and base else 0.0
    if part.samples is not None and rate:
        least, seconds = part.samples, max(seconds, part.samples / rate)
    else:
        least = int((seconds - ROUNDING) * rate)
    blocks = grouped(arrays(chain([first], frames), note), block_length(rate, channels))
    tags = {key.lower(): value for key, value in {**stream.metadata, **container.metadata}.items()}
    tags = {name: tags[theirs] for name, theirs in TAGS.items() if tags.get(theirs)}
    is_exact = part.demuxer == "flac" and part.samples is not None
    blocks = counted(translated(blocks, file), rate, least, note if is_exact else None)
    return Stream(rate, channels, subtype(context), max(0.0, seconds), tags, blocks)


def chosen(container: Any, number: int, note: Callable[[str], None]) -> Any:
    """Return a stream of sound: the one of that number, or for 0 the first whose codec is known."""
    streams = container.streams.audio
    if number >= len(streams):
        count = len(streams)
        raise UnusableError(f"holds {f'{count} streams of' if count else 'no'} sound; give a recording")
    known = [stream for stream in streams if stream.codec_context is not None]
    if streams[number].codec_context is None:
        if number or not known:
            raise UnusableError(
                "its sound has a codec that FFmpeg does not know; export the recording as wav, flac, mp3 or m4a"
            )
        note(f"its first stream of sound has a codec that FFmpeg does not know; stream {known[0].index} is used")
        return known[0]
    return streams[number]


def decoded(container: Any, stream: Any, file: PiecedFile, part: Part, note: Callable[[str], None]) -> Iterator[Any]:
    """Give a stream's frames; a few damaged packets are skipped and told.

    Raises:
        UnusableError: many are damaged, or the last is incomplete.
    """
    import av

    count = bad = incomplete = 0
    for packet in container.demux(stream):
        count += 1
        incomplete = incomplete + 1 if packet.is_corrupt and part.demuxer not in RESUMING else 0
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            bad += 1
            if bad > max(8, TOLERATED * count):
                raise UnusableError(
                    f"is damaged: {bad} of {count} packets cannot be decoded; export it again"
                ) from None
            continue
        yield from frames
    if file.error is not None:
        raise file.error
    if incomplete:
        raise UnusableError("is cut off (truncated): its last packet is incomplete; export or copy the recording again")
    if bad > 2 + TOLERATED * count:
        raise UnusableError(f"is damaged: {bad} of {count} packets cannot be decoded; export the recording again")
    if bad:
        note(f"{bad} of {count} packets are damaged and were skipped")


def arrays(frames: Iterator[Any], note: Callable[[str], None]) -> Iterator[np.ndarray]:
    """Turn frames into samples (N, C) float32, all at the rate and in the layout of the first."""
    import av

    first: Any = None
    resampler: av.AudioResampler | None = None
    like: tuple[Any, ...] = ()
    for frame in frames:
        if not frame.samples:
            continue
        key = (frame.format.name, frame.layout.name, len(frame.layout.channels), frame.sample_rate)
        if first is None:
            first, like = frame, key
            target = key[1:]
        if key[1:] == target and resampler is None:
            yield samples(frame)
            continue
        if key != like or resampler is None:
            if resampler is not None:
                yield from (samples(piece) for piece in resampler.resample(None))
            else:
                note(CHANGES)
            like = key
            resampler = av.AudioResampler("fltp", first.layout, first.sample_rate)
        frame.pts = None
        yield from (samples(piece) for piece in resampler.resample(frame))
    if resampler is not None:
        yield from (samples(piece) for piece in resampler.resample(None))


def samples(frame: Any) -> np.ndarray:
    """Return a frame's samples (N, C), full scale at 1."""
    array = frame.to_ndarray()
    kind = frame.format.name.removesuffix("p")
    channels = len(frame.layout.channels)
    array = array.T if frame.format.is_planar else array.reshape(-1, channels)
    scaled = array.astype(np.float32)
    if kind == "u8":
        scaled -= 128
    return np.ascontiguousarray(scaled * np.float32(SCALES[kind]))


def translated(blocks: Iterator[np.ndarray], file: PiecedFile) -> Iterator[np.ndarray]:
    """Pass on blocks; what FFmpeg and PyAV raise becomes the one error of decoders."""
    import av

    while True:
        try:
            block = next(blocks, None)
        except (av.FFmpegError, *FAILURES) as error:
            raise UnusableError(unreadable(error, file)) from error
        if block is None:
            return
        yield block


def subtype(context: Any) -> str:
    """Return libsndfile's name of the sample format; FLOAT for lossy codecs."""
    kind = context.format.name.removesuffix("p") if context.format is not None else ""
    if not context.name.startswith(LOSSLESS):
        return "FLOAT"
    return "PCM_32" if context.name.startswith("pcm_s32") else SUBTYPES.get(kind, "FLOAT")


def converted(part: Stream, rate: int, channels: int) -> Iterator[np.ndarray]:
    """Give a part's blocks at another rate and with other channels."""
    import av

    try:
        given, wanted = (av.AudioLayout(LAYOUTS[count]) for count in (part.channels, channels))
    except KeyError:
        raise UnusableError(
            f"changes from {channels} channels to {part.channels} midway; split it where it does"
        ) from None
    resampler = av.AudioResampler("fltp", wanted, rate)
    for block in part.blocks:
        for start in range(0, len(block), 1 << 16):
            piece = np.ascontiguousarray(block[start : start + (1 << 16)].T)
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=given)
            frame.sample_rate = part.sample_rate
            yield from (samples(found) for found in resampler.resample(frame))
    yield from (samples(found) for found in resampler.resample(None))
