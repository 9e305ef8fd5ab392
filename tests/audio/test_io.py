import numpy as np
import pytest
import soundfile

from melgan_vc.audio import decode, io
from melgan_vc.errors import UserError
from tests.conftest import decoded


def test_stereo_24_bit_comes_back_as_it_was(tmp_path):
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 1000)).astype(np.float32)
    path = tmp_path / "ä b" / "stereo 24.wav"
    assert io.write(path, waveform, 44100, "PCM_24") == 1.0
    recording = decoded(path)
    assert (recording.sample_rate, recording.subtype, recording.waveform.shape) == (44100, "PCM_24", (2, 1000))
    assert np.abs(recording.waveform - waveform).max() < 2e-7
    assert [file.name for file in path.parent.iterdir()] == ["stereo 24.wav"]


def test_too_loud_is_turned_down_not_clipped(tmp_path):
    waveform = np.array([[0.5, -2.0, 1.0]], np.float32)
    gain = io.write(tmp_path / "loud.wav", waveform, 8000)
    back = decoded(tmp_path / "loud.wav").waveform
    assert gain == pytest.approx(0.999 / 2)
    assert np.abs(back - gain * waveform).max() < 1e-4


def test_mono_is_the_mean_of_the_channels_at_the_rate_asked_for(tmp_path):
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", np.stack([tone, 0 * tone], 1), 44100)
    mono = io.read_mono(tmp_path / "x.wav", 16000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert mono.shape == (16000,)
    assert np.abs(mono - expected)[200:-200].max() < 1e-3


def test_resampling_gives_a_sample_at_least():
    for samples, rates in ((1, (48000, 8000)), (3, (48000, 8000)), (1, (8000, 48000))):
        blocks = list(io.resampled(iter([np.ones((samples, 2), np.float32)]), 2, *rates))
        assert sum(map(len, blocks)) >= 1 and {block.shape[1] for block in blocks} == {2}


def test_tags_stay_and_a_wav_over_4_gb_is_an_rf64(tmp_path, monkeypatch):
    tags = {"title": "Ü and 音", "artist": "somebody", "genre": "test"}
    for name in ("x.wav", "x.flac", "x.ogg"):
        io.write_blocks(tmp_path / name, lambda: iter([np.zeros((8000, 2), np.float32)]), 2, 8000, tags=tags)
        with decode.opened(tmp_path / name) as stream:
            assert (stream.channels, stream.sample_rate, stream.seconds) == (2, 8000, 1.0)
            assert stream.tags.items() >= tags.items()
    monkeypatch.setattr(io, "LARGEST_WAV", 30000)
    io.write(tmp_path / "large.wav", np.zeros((2, 8000), np.float32), 8000)
    assert soundfile.info(tmp_path / "large.wav").format == "RF64"
    assert decoded(tmp_path / "large.wav").waveform.shape == (2, 8000)


def test_text_named_wav_is_refused(tmp_path):
    (tmp_path / "notes.wav").write_text("not audio")
    with pytest.raises(UserError, match=r"notes\.wav: cannot be read as audio"):
        decoded(tmp_path / "notes.wav")


def test_nan_samples_are_refused(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan, 0], np.float32), 8000, subtype="FLOAT")
    with pytest.raises(UserError, match="1 of 3 samples are NaN"):
        decoded(tmp_path / "nan.wav")


@pytest.mark.parametrize("suffix", ["mp3", "flac", "wav"])
def test_a_truncated_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(48000).astype(np.float32), 16000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut\."):
        decoded(path)


def test_a_wav_of_unknown_length_is_read(tmp_path):
    path = tmp_path / "streamed.wav"
    soundfile.write(path, np.full(100, 0.25, np.float32), 8000)
    data = bytearray(path.read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"  # as programs leave it that write to a pipe
    path.write_bytes(data)
    assert decoded(path).waveform.shape == (1, 100)


def test_decoding_mp3_says_nothing_itself(tmp_path, capfd):
    path = tmp_path / "cut.mp3"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(48000).astype(np.float32), 16000)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError):
        decoded(path)
    assert capfd.readouterr().err == ""


def test_float_files_may_be_over_full_scale(tmp_path):
    assert io.write(tmp_path / "float.wav", np.array([[0.5, -2.0]], np.float32), 8000, "FLOAT") == 1.0
    assert decoded(tmp_path / "float.wav").waveform.tolist() == [[0.5, -2.0]]


def test_a_long_ogg_is_written(tmp_path):
    io.write(tmp_path / "long.ogg", np.zeros((2, 61 * 44100), np.float32), 44100)
    assert soundfile.info(tmp_path / "long.ogg").frames == 61 * 44100


def test_an_mp3_that_does_not_state_its_length_is_read(tmp_path):
    path = tmp_path / "stream.mp3"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(48000).astype(np.float32), 16000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2].replace(b"Xing", b"....").replace(b"Info", b"...."))
    assert decoded(path).waveform.shape[1] > 10000


def test_raw_samples_are_refused(tmp_path):
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    with pytest.raises(UserError, match=r"x\.raw: cannot be read as audio"):
        decoded(tmp_path / "x.raw")


def test_an_empty_file_is_refused(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), 8000)
    with pytest.raises(UserError, match="no samples"):
        decoded(tmp_path / "none.wav")


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match=r"cannot write \.txt"):
        io.write(tmp_path / "x.txt", np.zeros((1, 5), np.float32), 8000)
    with pytest.raises(UserError, match="10 channels"):
        io.write(tmp_path / "x.flac", np.zeros((10, 5), np.float32), 8000)
    with pytest.raises(UserError, match="300000 Hz"):
        io.write(tmp_path / "x.ogg", np.zeros((1, 5), np.float32), 300000)
    with pytest.raises(UserError, match="NaN"):
        io.write(tmp_path / "x.wav", np.full((1, 5), np.nan, np.float32), 8000)
    assert list(tmp_path.iterdir()) == []
