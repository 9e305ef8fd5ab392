"""Small recordings that are odd in one way each, the same bytes every time: for tests, and as seeds of the fuzzer.

``python -m tests.audio.odd_files FOLDER`` writes them all.
"""

import io
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

CUT = "cut off"


def tone(seconds: float = 3.0, rate: int = 16000, pitch: float = 150.0) -> np.ndarray:
    """A hum in a little noise (N,)."""
    time = np.arange(int(seconds * rate)) / rate
    hum = 0.2 * np.sin(2 * np.pi * pitch * time) * (1 + 0.5 * np.sin(6 * np.pi * time))
    return (hum + 0.01 * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)


def by_libsndfile(
    kind: str, subtype: str | None = None, seconds: float = 3.0, channels: int = 1, rate: int = 16000
) -> bytes:
    file = io.BytesIO()
    waveform = np.repeat(tone(seconds, rate)[:, None], channels, 1)
    soundfile.write(file, waveform, rate, format=kind, subtype=subtype)
    return file.getvalue()


def by_ffmpeg(
    container: str, codec: str, seconds: float = 3.0, rate: int = 48000, layout: str = "mono", **settings: object
) -> bytes:
    """Sound in any format that FFmpeg writes; ``settings`` are metadata and options of the container."""
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    file = io.BytesIO()
    options = {name: str(value) for name, value in settings.items() if name != "metadata"}
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = layout
        stream.bit_rate = 128000
        for name, value in (settings.get("metadata") or {}).items():  # type: ignore[attr-defined]
            out.metadata[name] = value
        wanted = stream.codec_context.format.name
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.repeat(tone(seconds, rate)[None], channels, 0)), format="fltp", layout=layout
        )
        frame.sample_rate = rate
        queue = av.AudioFifo()
        for piece in av.AudioResampler(wanted, layout, rate).resample(frame):
            queue.write(piece)
        while (piece := queue.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def most(data: bytes) -> bytes:
    """All but the last two hundredths."""
    return data[: len(data) * 98 // 100]


def patched(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    """Other bytes at some places."""
    found = bytearray(data)
    for place, content in changes:
        found[place : place + len(content)] = content
    return bytes(found)


def without_length(data: bytes) -> bytes:
    """An MP3 without its Xing header, or a FLAC or WAV that does not state its length."""
    if data[:4] == b"fLaC":
        return patched(data, (21, bytes([data[21] & 0xF0])), (22, bytes(4)))
    return data.replace(b"Xing", b"....").replace(b"Info", b"....")


def flipped(data: bytes, place: float = 0.5) -> bytes:
    """One bit the other way."""
    at = int(len(data) * place)
    return patched(data, (at, bytes([data[at] ^ 4])))


def after(data: bytes, mark: bytes, content: bytes, skip: int = 0) -> bytes:
    """Other bytes behind a mark."""
    at = data.index(mark) + len(mark) + skip
    return patched(data, (at, content))


@dataclass(frozen=True)
class Odd:
    """A file.

    Attributes:
        suffix: of its name.
        make: gives its bytes.
        seconds: that are to be read.
        refused: part of the reason why it cannot be read.
        told: part of what is said of one that is read.
    """

    suffix: str
    make: Callable[[], bytes]
    seconds: float = 0.0
    refused: str = ""
    told: str = ""


def pcm(kind: str, subtype: str | None = None) -> Callable[[], bytes]:
    return lambda: by_libsndfile(kind, subtype)


NOISE = np.random.default_rng(1).bytes(20000)
PAGE = b"<!DOCTYPE html><html><head><title>404</title></head><body>" + b"<p>Not found</p>" * 200
SILENCE_FIRST = np.concatenate([np.zeros(160000, np.float32), tone(4)])


def wav(stated: int, riff: int | None = None, seconds: float = 3.0) -> bytes:
    data = by_libsndfile("WAV", seconds=seconds)
    return patched(data, (4, struct.pack("<I", stated if riff is None else riff)), (40, struct.pack("<I", stated)))


def rf64_unfinished() -> bytes:
    data = by_libsndfile("RF64")
    at = data.index(b"ds64")
    return patched(data, (at + 8, bytes(24)))


def aiff_unfinished(size: bytes) -> bytes:
    data = by_libsndfile("AIFF")
    return patched(data, (data.index(b"SSND") + 4, size), (data.index(b"COMM") + 10, bytes(4)))


def aiff_early(all_sizes: bool = True) -> bytes:
    """An AIFF with 1 of 3 seconds in its sizes, or in that of its samples alone."""
    data = by_libsndfile("AIFF")
    sizes = (4, struct.pack(">I", 32054)), (data.index(b"COMM") + 10, struct.pack(">I", 16000))
    return patched(data, (data.index(b"SSND") + 4, struct.pack(">I", 32008)), *(sizes if all_sizes else ()))


def mp3_counting(frames: int) -> bytes:
    """An MP3 whose header counts other frames than there are, but all bytes."""
    data = by_libsndfile("MP3")
    return patched(data, (data.index(b"Xing") + 8, struct.pack(">I", frames)))


def video_and_short_sound() -> bytes:
    from fractions import Fraction

    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("aac", rate=48000)
        audio.layout = "mono"
        packets = []
        for number in range(100):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += video.encode(frame)
        packets += video.encode(None)
        queue = av.AudioFifo()
        sound = av.AudioFrame.from_ndarray(tone(3, 48000)[None], format="fltp", layout="mono")
        sound.sample_rate = 48000
        queue.write(sound)
        count = 0
        while (piece := queue.read(1024, partial=True)) is not None:
            piece.pts, piece.time_base, count = count, Fraction(1, 48000), count + piece.samples
            packets += audio.encode(piece)
        packets += audio.encode(None)
        out.mux(sorted((p for p in packets if p.dts is not None), key=lambda p: float(p.dts * p.time_base)))
    return file.getvalue()


def latin1_tag(container: str, codec: str) -> bytes:
    data = by_ffmpeg(container, codec, metadata={"title": "Caf@@"})
    return data.replace(b"Caf@@", b"Caf\xe9\xff")


def without_moov() -> bytes:
    data = by_ffmpeg("mp4", "aac")
    return data[: data.index(b"moov") - 4]


def id3(size: int = 3000) -> bytes:
    return b"ID3\x03\x00\x00" + bytes([0, 0, size >> 7 & 127, size & 127]) + NOISE[:size]


ODD: dict[str, Odd] = {
    # no length, or a wrong one
    "flac of unknown length": Odd(".flac", lambda: without_length(by_libsndfile("FLAC")), 3),
    "flac with too small a length": Odd(
        ".flac", lambda: patched(by_libsndfile("FLAC"), (22, struct.pack(">I", 16000))), 3, told="says 1.00 s"
    ),
    "mp3 without a header": Odd(".mp3", lambda: without_length(by_libsndfile("MP3")), 3.1),  # with its encoder's delay
    "wav with sizes 0": Odd(".wav", lambda: wav(0), 3),
    "wav with sizes of 32 ones": Odd(".wav", lambda: wav(0xFFFFFFFF), 3),
    "wav with sizes of 31 ones": Odd(".wav", lambda: wav(0x7FFFFFFF), 3),
    "wav with the data size 0": Odd(".wav", lambda: wav(0, 96036), 3),
    "wav whose header was written early": Odd(".wav", lambda: wav(32000, 32036), 3, told="says 1.00 s"),
    "rf64 with sizes 0": Odd(".wav", rf64_unfinished, 3),
    "aiff with sizes 0": Odd(".aiff", lambda: aiff_unfinished(bytes(4)), 3),
    "aiff with sizes of ones": Odd(".aiff", lambda: aiff_unfinished(b"\xff" * 4), 3),
    "aiff whose header was written early": Odd(".aiff", aiff_early, 3, told="says 1.00 s"),
    "aiff whose sizes contradict each other": Odd(".aiff", lambda: aiff_early(False), 3, told="says 1.00 s"),
    "caf whose header was written early": Odd(
        ".caf", lambda: after(by_libsndfile("CAF"), b"data", struct.pack(">q", 32004)), 3, told="says 1.00 s"
    ),
    "mp3 that counts too few frames": Odd(".mp3", lambda: mp3_counting(10), 3.1, told="says 0.36 s"),
    "mp3 that counts too many frames": Odd(".mp3", lambda: mp3_counting(100_000), refused=CUT),
    "au with the size 0": Odd(".au", lambda: patched(by_libsndfile("AU"), (8, bytes(4))), 3),
    "au of unknown length": Odd(".au", lambda: patched(by_libsndfile("AU"), (8, b"\xff" * 4)), 3),
    "w64 with sizes 0": Odd(".w64", lambda: patched(by_libsndfile("W64"), (16, bytes(8)), (w64_data(), bytes(8))), 3),
    "caf of unknown length": Odd(".caf", lambda: after(by_libsndfile("CAF"), b"data", b"\xff" * 8), 3),
    "webm as a browser streams it": Odd(".webm", lambda: by_ffmpeg("webm", "libopus", live=1), 3),
    "mp4 in fragments": Odd(
        ".mp4", lambda: by_ffmpeg("mp4", "aac", movflags="frag_keyframe+empty_moov", frag_duration=500000), 3
    ),
    "aac that begins with a pause": Odd(".aac", lambda: paused_aac(), 14),
    "mkv with less sound than pictures": Odd(".mkv", video_and_short_sound, 3),
    # joined
    "joined wav": Odd(".wav", lambda: 2 * by_libsndfile("WAV"), 6),
    "joined aiff": Odd(".aiff", lambda: 2 * by_libsndfile("AIFF"), 6),
    "joined au": Odd(".au", lambda: 2 * by_libsndfile("AU"), 6),
    "joined flac": Odd(".flac", lambda: 2 * by_libsndfile("FLAC"), 6),
    "joined flac of unknown length": Odd(".flac", lambda: 2 * without_length(by_libsndfile("FLAC")), 6),
    "joined mp3": Odd(".mp3", lambda: 2 * by_libsndfile("MP3"), 6),
    "joined mp3 with tags": Odd(".mp3", lambda: 2 * (id3() + by_libsndfile("MP3") + b"TAG" + bytes(125)), 6),
    "joined mp3 without headers": Odd(".mp3", lambda: 2 * without_length(by_libsndfile("MP3")), 6.2),
    "joined mp3, mono and stereo": Odd(
        ".mp3", lambda: by_libsndfile("MP3") + by_libsndfile("MP3", channels=2), 6, told="change midway"
    ),
    "joined mp3 of two rates": Odd(
        ".mp3", lambda: by_libsndfile("MP3") + by_libsndfile("MP3", rate=44100), 6, told="change midway"
    ),
    "joined ogg": Odd(".ogg", lambda: by_libsndfile("OGG") + by_libsndfile("OGG", seconds=2), 5),
    "joined opus": Odd(".opus", lambda: 2 * by_libsndfile("OGG", "OPUS"), 6),
    "joined ogg, vorbis and opus": Odd(".ogg", lambda: by_libsndfile("OGG") + by_libsndfile("OGG", "OPUS"), 6),
    "joined aac": Odd(".aac", lambda: 2 * by_ffmpeg("adts", "aac"), 6),
    "joined aac, mono and stereo": Odd(
        ".aac", lambda: by_ffmpeg("adts", "aac") + by_ffmpeg("adts", "aac", layout="stereo"), 6, told="change midway"
    ),
    "joined ac3, mono and 5.1": Odd(
        ".ac3", lambda: by_ffmpeg("ac3", "ac3") + by_ffmpeg("ac3", "ac3", layout="5.1"), 6, told="change midway"
    ),
    # named wrongly, or seldom seen
    "aac named mp3": Odd(".mp3", lambda: by_ffmpeg("adts", "aac"), 3),
    "aac named wav": Odd(".wav", lambda: by_ffmpeg("adts", "aac"), 3),
    "mp3 named wav": Odd(".wav", lambda: by_libsndfile("MP3"), 3),
    "mp3 named ogg": Odd(".ogg", lambda: by_libsndfile("MP3"), 3),
    "wav named mp3": Odd(".mp3", lambda: by_libsndfile("WAV"), 3),
    "wav named m4a": Odd(".m4a", lambda: by_libsndfile("WAV"), 3),
    "flac named wav": Odd(".wav", lambda: by_libsndfile("FLAC"), 3),
    "ogg named flac": Odd(".flac", lambda: by_libsndfile("OGG"), 3),
    "transport stream named mp3": Odd(".mp3", lambda: by_ffmpeg("mpegts", "aac"), 3),
    "m4a named mp3": Odd(".mp3", lambda: by_ffmpeg("mp4", "aac"), 3),
    "webm named ogg": Odd(".ogg", lambda: by_ffmpeg("webm", "libopus"), 3),
    "wma named wav": Odd(".wav", lambda: by_ffmpeg("asf", "wmav2"), 3),
    "mp2": Odd(".mp2", lambda: by_ffmpeg("mp2", "mp2"), 3),
    "wav behind a tag": Odd(".wav", lambda: id3() + by_libsndfile("WAV"), 3),
    "w64 of unknown length behind a tag": Odd(
        ".w64", lambda: id3() + patched(by_libsndfile("W64"), (16, bytes(8)), (w64_data(), bytes(8))), 3
    ),
    "mp3 behind a tag": Odd(".mp3", lambda: id3() + by_libsndfile("MP3"), 3),
    "mp3 behind zeros": Odd(".mp3", lambda: bytes(5000) + by_libsndfile("MP3"), 3),
    "flac behind a tag": Odd(".flac", lambda: id3() + by_libsndfile("FLAC"), 3),
    "flac before a tag": Odd(".flac", lambda: by_libsndfile("FLAC") + b"TAG" + bytes(125), 3),
    "wav before a tag": Odd(".wav", lambda: by_libsndfile("WAV") + b"TAG" + bytes(125), 3),
    "mp3 in a wav": Odd(".wav", lambda: by_ffmpeg("wav", "libmp3lame"), 3),
    "aac in a wav": Odd(".wav", lambda: by_ffmpeg("wav", "aac"), refused="damaged"),
    "aac in an avi": Odd(".avi", lambda: by_ffmpeg("avi", "aac"), 3),
    "ac3 in a wav": Odd(".wav", lambda: by_ffmpeg("wav", "ac3"), 3),
    "g722 in a wav": Odd(".wav", lambda: by_ffmpeg("wav", "g722", rate=16000), 3),
    "ima adpcm in a wav": Odd(".wav", pcm("WAV", "IMA_ADPCM"), 3),
    "alac in a caf": Odd(".caf", lambda: by_ffmpeg("caf", "alac"), 3),
    "alac": Odd(".m4a", lambda: by_ffmpeg("ipod", "alac"), 3),
    "flac in an ogg": Odd(".oga", lambda: by_ffmpeg("ogg", "flac"), 3),
    "flac in an mp4": Odd(".mp4", lambda: by_ffmpeg("mp4", "flac"), 3),
    "opus in an mp4": Odd(".mp4", lambda: by_ffmpeg("mp4", "libopus"), 3),
    "eac3": Odd(".ec3", lambda: by_ffmpeg("eac3", "eac3"), 3),
    "amr": Odd(".amr", lambda: by_ffmpeg("amr", "libopencore_amrnb", rate=8000), 3),
    "3gp": Odd(".3gp", lambda: by_ffmpeg("3gp", "libopencore_amrnb", rate=8000), 3),
    "wavpack": Odd(".wv", lambda: by_ffmpeg("wv", "wavpack"), 3),
    "tta": Odd(".tta", lambda: by_ffmpeg("tta", "tta"), 3),
    "flv": Odd(".flv", lambda: by_ffmpeg("flv", "aac", rate=44100), 3),
    "program stream": Odd(".mpg", lambda: by_ffmpeg("mpeg", "mp2"), 3),
    "voc": Odd(".voc", pcm("VOC"), 3),
    "nist": Odd(".sph", pcm("NIST"), 3),
    "nist named wav": Odd(".wav", pcm("NIST"), 3),
    "8svx": Odd(".iff", pcm("SVX", "PCM_16"), 3),
    "ircam": Odd(".sf", pcm("IRCAM"), 3),
    "name that is not UTF-8 in an avi": Odd(".avi", lambda: latin1_tag("avi", "mp2"), 3),
    "name that is not UTF-8 in an m4a": Odd(".m4a", lambda: latin1_tag("ipod", "aac"), 3),
    "name that is not UTF-8 in a wav": Odd(".wav", lambda: latin1_tag("wav", "pcm_s16le"), 3),
    "brand that is not UTF-8": Odd(".mp4", lambda: patched(by_ffmpeg("mp4", "aac"), (8, b"\xe9\xff\xfe\x80")), 3),
    # cut off
    "cut wav": Odd(".wav", lambda: half(by_libsndfile("WAV")), refused=CUT),
    "wav without its end": Odd(".wav", lambda: most(by_libsndfile("WAV")), refused=CUT),
    "cut aiff": Odd(".aiff", lambda: half(by_libsndfile("AIFF")), refused=CUT),
    "cut au": Odd(".au", lambda: half(by_libsndfile("AU")), refused=CUT),
    "cut w64": Odd(".w64", lambda: half(by_libsndfile("W64")), refused=CUT),
    "cut rf64": Odd(".wav", lambda: half(by_libsndfile("RF64")), refused=CUT),
    "cut caf": Odd(".caf", lambda: half(by_libsndfile("CAF")), refused=CUT),
    "cut adpcm": Odd(".wav", lambda: half(by_libsndfile("WAV", "IMA_ADPCM")), refused=CUT),
    "cut flac": Odd(".flac", lambda: half(by_libsndfile("FLAC")), refused=CUT),
    "flac without its end": Odd(".flac", lambda: most(by_libsndfile("FLAC")), refused=CUT),
    "cut ogg": Odd(".ogg", lambda: half(by_libsndfile("OGG")), refused=CUT),
    "ogg without its end": Odd(".ogg", lambda: most(by_libsndfile("OGG")), refused=CUT),
    "cut opus": Odd(".opus", lambda: half(by_libsndfile("OGG", "OPUS")), refused=CUT),
    "cut mp3": Odd(".mp3", lambda: half(by_libsndfile("MP3")), refused=CUT),
    "mp3 without its end": Odd(".mp3", lambda: most(by_libsndfile("MP3", seconds=8)), refused=CUT),
    "cut m4a": Odd(".m4a", lambda: half(by_ffmpeg("ipod", "aac")), refused=CUT),
    "mp4 in fragments without its end": Odd(
        ".mp4",
        lambda: by_ffmpeg("mp4", "aac", movflags="frag_keyframe+empty_moov+default_base_moof", frag_duration=500000)[
            :-3000
        ],
        refused=CUT,
    ),
    "m4a without an index": Odd(".m4a", without_moov, refused=CUT),
    "cut webm": Odd(".webm", lambda: half(by_ffmpeg("webm", "libopus")), refused=CUT),
    "mka without its end": Odd(".mka", lambda: most(by_ffmpeg("matroska", "aac")), refused=CUT),
    "cut avi": Odd(".avi", lambda: half(by_ffmpeg("avi", "mp2")), refused=CUT),
    "cut wma": Odd(".wma", lambda: half(by_ffmpeg("asf", "wmav2")), refused=CUT),
    "cut tta": Odd(".tta", lambda: half(by_ffmpeg("tta", "tta")), refused=CUT),
    "cut wavpack": Odd(".wv", lambda: half(by_ffmpeg("wv", "wavpack")), refused=CUT),
    "cut alac in a caf": Odd(".caf", lambda: half(by_ffmpeg("caf", "alac")), refused=CUT),
    "cut flv": Odd(".flv", lambda: half(by_ffmpeg("flv", "aac", rate=44100)), refused=CUT),
    "cut ac3": Odd(".ac3", lambda: half(by_ffmpeg("ac3", "ac3"))[:-100], 1.5, told=CUT),
    "cut aac": Odd(".aac", lambda: half(by_ffmpeg("adts", "aac")), 1.5, told=CUT),
    "cut mp3 without a header": Odd(".mp3", lambda: half(without_length(by_libsndfile("MP3"))), 1.5, told=CUT),
    "cut amr": Odd(".amr", lambda: by_ffmpeg("amr", "libopencore_amrnb", rate=8000)[:-700], 2.6, told=CUT),
    "cut webm as a browser streams it": Odd(".webm", lambda: half(by_ffmpeg("webm", "libopus", live=1)), 1.5, told=CUT),
    "cut transport stream": Odd(".ts", lambda: half(by_ffmpeg("mpegts", "aac"))[:-50], 1.5, told=CUT),
    "cut program stream": Odd(".mpg", lambda: half(by_ffmpeg("mpeg", "mp2"))[:-50], 1.45, told=CUT),
    "cut voc": Odd(".voc", lambda: half(by_libsndfile("VOC")), refused=CUT),
    "cut nist": Odd(".sph", lambda: half(by_libsndfile("NIST")), refused=CUT),
    "cut 8svx": Odd(".iff", lambda: half(by_libsndfile("SVX", "PCM_16")), refused=CUT),
    # damaged
    "ogg with a wrong bit": Odd(".ogg", lambda: flipped(by_libsndfile("OGG")), refused="damaged"),
    "opus with a wrong bit": Odd(".opus", lambda: flipped(by_libsndfile("OGG", "OPUS")), refused="damaged"),
    "m4a with an unknown codec": Odd(
        ".m4a", lambda: by_ffmpeg("mp4", "aac").replace(b"mp4a", b"apac").replace(b"esds", b"free"), refused="codec"
    ),
    "flac with a wrong bit": Odd(".flac", lambda: flipped(by_libsndfile("FLAC")), refused="damaged"),
    "encrypted m4a": Odd(".m4a", lambda: by_ffmpeg("mp4", "aac").replace(b"mp4a", b"drms"), refused="encrypted"),
    "no channels": Odd(".wav", lambda: patched(by_libsndfile("WAV"), (22, bytes(2))), refused="hannel"),
    "rate of 1 Hz": Odd(".wav", lambda: patched(by_libsndfile("WAV"), (24, struct.pack("<I", 1))), refused="1 Hz"),
    "rate of 3 GHz": Odd(".wav", lambda: patched(by_libsndfile("WAV"), (24, struct.pack("<I", 3 << 30))), refused="Hz"),
    "aiff with a rate beyond all numbers": Odd(
        ".aiff", lambda: after(by_libsndfile("AIFF"), b"COMM", b"\x7f\xfe", skip=12), refused="."
    ),
    "255 channels": Odd(".wav", lambda: by_libsndfile("WAV", channels=255, seconds=0.1), refused="255 channels"),
    "page named au": Odd(".au", lambda: PAGE, refused="web page"),
    "page named mp3": Odd(".mp3", lambda: PAGE, refused="web page"),
    "page named m4a": Odd(".m4a", lambda: PAGE, refused="web page"),
    "noise named au": Odd(".au", lambda: NOISE, refused="no format"),
    "noise named mp3": Odd(".mp3", lambda: NOISE, refused="no format"),
    "noise named ac3": Odd(".ac3", lambda: NOISE, refused="no format"),
    "noise named amr": Odd(".amr", lambda: NOISE, refused="no format"),
    "text named wav": Odd(".wav", lambda: b"not a recording\n" * 100, refused="text"),
    "zeros named wav": Odd(".wav", lambda: bytes(10000), refused="no format"),
    "pointer of git lfs": Odd(
        ".flac", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", refused="Git LFS"
    ),
    "picture named m4a": Odd(".m4a", lambda: b"\x89PNG\r\n\x1a\n" + NOISE[:500], refused="picture"),
    "playlist named mp4": Odd(
        ".mp4", lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/hostname\n", refused="list of files"
    ),
}


def w64_data() -> int:
    """Place of the size of Wave64's samples."""
    return by_libsndfile("W64").index(b"data\xf3\xac") + 16


def paused_aac() -> bytes:
    """AAC whose first seconds take hardly any bytes."""
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as out:
        stream = out.add_stream("aac", rate=16000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(SILENCE_FIRST[None]), format="fltp", layout="mono")
        frame.sample_rate = 16000
        queue = av.AudioFifo()
        queue.write(frame)
        while (piece := queue.read(1024, partial=True)) is not None:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


def write(name: str, folder: Path) -> Path:
    """Write one of them; returns its path."""
    path = folder / f"{name}{ODD[name].suffix}"
    path.write_bytes(ODD[name].make())
    return path


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for each in ODD:
        write(each, target)
