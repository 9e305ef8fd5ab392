from pathlib import Path

import numpy as np
import pytest
import soundfile

from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.jobs import plan
from melgan_vc.inference.offline import OfflineConverter
from tests.conftest import hum


@pytest.mark.parametrize(
    ("seconds", "rate", "channels", "subtype"),
    [
        (0.05, 16000, 1, "PCM_16"),
        (1.0, 8000, 1, "PCM_16"),
        (0.777, 44100, 2, "PCM_24"),
        (0.0001, 48000, 1, "PCM_16"),
        (61.3, 8000, 1, "PCM_16"),
    ],
)
def test_duration_rate_channels_and_depth_stay(tiny_bundle, tmp_path, seconds, rate, channels, subtype):
    sound = np.stack([hum(seconds, rate, 150 + 50 * c, c) for c in range(channels)], 1)
    soundfile.write(tmp_path / "in.wav", sound, rate, subtype=subtype)
    OfflineConverter(Converter(tiny_bundle)).convert_file(tmp_path / "in.wav", tmp_path / "out.wav")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.frames, info.samplerate, info.channels, info.subtype) == (len(sound), rate, channels, subtype)
    assert np.isfinite(soundfile.read(tmp_path / "out.wav")[0]).all()


def test_each_channel_is_converted_on_its_own(tiny_bundle):
    left, right = hum(0.5, 8000, 150, 1), hum(0.5, 8000, 250, 2)
    offline = OfflineConverter(Converter(tiny_bundle))
    both = offline.convert(np.stack([left, right]), 8000)
    assert np.allclose(both[1], offline.convert(right[None], 8000)[0], atol=1e-3)


def test_a_tree_is_mirrored_and_twins_keep_their_suffix():
    folder, out = Path("in"), Path("out")
    files = [folder / "a.wav", folder / "a.m4a", folder / "a.webm", folder / "x" / "b.opus", folder / "v1.2.ogg"]
    assert [job.output.as_posix() for job in plan(files, folder, out)] == [
        "out/a.wav",
        "out/a.m4a.wav",
        "out/a.webm.wav",
        "out/x/b.wav",
        "out/v1.2.ogg",
    ]
    with pytest.raises(UserError, match="the same name"):
        plan([folder / "a.wav", folder / "A.wav"], folder, out)


def test_one_recording_goes_to_the_file_named_or_into_a_folder(tmp_path):
    assert plan([Path("a.mp3")], None, Path("b.flac"))[0].output == Path("b.flac")
    assert plan([Path("a.mp3")], None, Path("folder"))[0].output == Path("folder/a.wav")
    with pytest.raises(UserError, match=r"cannot write \.mp3"):
        plan([Path("a.wav")], None, Path("b.mp3"))


def test_no_recording_is_overwritten_or_converted_twice(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.wav").touch()
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(UserError, match="is the recording itself"):
        plan([folder / "a.wav"], None, tmp_path / "link" / "a.wav")
    with pytest.raises(UserError, match="is the recording itself"):
        plan([folder / "a.wav"], None, folder)
    with pytest.raises(UserError, match="lies in the input folder"):
        plan([folder / "a.wav"], folder, tmp_path / "link" / "out")
    with pytest.raises(UserError, match="named like a file"):
        plan([folder / "a.wav"], folder, tmp_path / "out.wav")
