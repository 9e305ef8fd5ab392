"""Every format comes in block by block, and what is no sound recording is named."""

import os

import av
import numpy as np
import pytest
import soundfile
import soxr

from melgan_vc.audio import decode, io
from melgan_vc.errors import UserError
from tests.conftest import decoded


def encode(path, codec, waveform, rate=48000):
    """A waveform (C, N) in a format that only FFmpeg writes."""
    layout = "mono" if len(waveform) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(waveform, format="fltp", layout=layout)
        frame.sample_rate = rate
        queue = av.AudioFifo()
        queue.write(frame)
        while (piece := queue.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def tone():
    seconds = np.arange(48000 * 12) / 48000
    return 0.3 * np.stack([np.sin(2 * np.pi * 440 * seconds), np.sin(2 * np.pi * 660 * seconds)]).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "codec"), [("x.m4a", "aac"), ("x.webm", "libopus"), ("x.mp4", "aac"), ("named wrongly.wav", "aac")]
)
def test_what_libsndfile_cannot_read_is_read_all_the_same(name, codec, tone, tmp_path):
    encode(tmp_path / "x.mp4" if name.endswith(".wav") else tmp_path / name, codec, tone)
    if name.endswith(".wav"):
        (tmp_path / "x.mp4").rename(tmp_path / name)
    found = decoded(tmp_path / name)
    assert (found.sample_rate, found.waveform.shape[0]) == (48000, 2)
    assert found.waveform.shape[1] == pytest.approx(12 * 48000, rel=0.01)
    for channel, frequency in zip(found.waveform, (440, 660), strict=True):
        spectrum = np.abs(np.fft.rfft(channel[24000:72000]))
        assert spectrum.argmax() == frequency


def test_blocks_are_bounded_and_make_up_the_whole(tone, tmp_path):
    soundfile.write(tmp_path / "x.flac", tone.T, 48000)
    encode(tmp_path / "x.webm", "libopus", tone)
    for name in ("x.flac", "x.webm"):
        with decode.opened(tmp_path / name) as stream:
            sizes = [len(block) for block in stream.blocks]
        assert len(sizes) == 2
        assert max(sizes) < 1.1 * decode.BLOCK_SECONDS * 48000
        assert sum(sizes) == decoded(tmp_path / name).waveform.shape[1]


def test_resampling_in_blocks_is_resampling_as_a_whole(tone, tmp_path):
    soundfile.write(tmp_path / "x.wav", tone.T, 48000, subtype="FLOAT")
    blocks = list(io.mono_blocks(tmp_path / "x.wav", 16000, "left"))
    assert len(blocks) > 1
    whole = soxr.resample(tone[0], 48000, 16000)
    assert np.concatenate(blocks).shape == whole.shape
    assert np.abs(np.concatenate(blocks) - whole).max() < 1e-6


@pytest.mark.parametrize(("mono", "frequency"), [("left", 440), ("right", 660)])
def test_one_channel_can_be_taken(mono, frequency, tone, tmp_path):
    soundfile.write(tmp_path / "x.wav", tone[:, :48000].T, 48000)
    (block,) = io.mono_blocks(tmp_path / "x.wav", 48000, mono)
    assert np.abs(np.fft.rfft(block)).argmax() == frequency


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(UserError, match=r"pipe\.wav: is not a regular file"):
        decoded(tmp_path / "pipe.wav")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.wav", b"", "is empty"),
        ("words.m4a", b"words " * 100, "cannot be read as audio"),
        ("words.wav", b"words " * 100, "cannot be read as audio"),
        ("\U0001f600\nline.mp4", bytes(1000), "cannot be read as audio"),
    ],
)
def test_what_is_no_recording_is_refused(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        decoded(tmp_path / name)


def test_a_cut_off_container_is_refused(tone, tmp_path):
    encode(tmp_path / "x.webm", "libopus", tone)
    data = (tmp_path / "x.webm").read_bytes()
    (tmp_path / "x.webm").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cut off"):
        decoded(tmp_path / "x.webm")


def test_a_video_without_sound_is_refused(tmp_path):
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UserError, match="holds no sound"):
        decoded(tmp_path / "x.mp4")
