from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.loudness import loudness
from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.jobs import Job, plan
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.inference.recording import Source, of_array
from melgan_vc.inference.translation import TranslationSteps
from tests.audio.test_frames import loudest_of
from tests.conftest import TINY_AUDIO, hum


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
    clashing = ["a.wav", "A.wav", "a.m4a", "a.m4a.wav", "n" * 252 + ".ts", "é.mp3", "e\u0301.mp3"]
    found = plan([folder / name for name in clashing], folder, out)
    assert [job.output.name for job in found[:1] + found[3:4]] == ["a.wav", "a.m4a.wav"]
    assert len({normalize("NFC", job.output.name.casefold()) for job in found}) == len(clashing)
    assert all(len(job.output.name.encode()) <= 255 and job.output.suffix == ".wav" for job in found)


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


def offline(bundle, **settings):
    return OfflineConverter(Converter(bundle), GriffinLim(TINY_AUDIO, iterations=2), **settings)


def rms(waveform):
    return 10 * np.log10(np.square(waveform).mean() + 1e-20)


def test_a_stream_of_blocks_gives_what_the_whole_mel_gives(tiny_bundle):
    sound = hum(25, 8000, 150, 1)  # three blocks
    steps = TranslationSteps(Converter(tiny_bundle))
    loudest = loudest_of(TINY_AUDIO, torch.from_numpy(sound))
    state, pieces = [steps.start(loudest)], []
    for block in torch.from_numpy(sound).split(80000):
        state, (piece,) = steps.step(state, [block])
        pieces.append(piece.mel)
    found = torch.cat([*pieces, steps.end(state)[0].mel], dim=1)
    wanted = Converter(tiny_bundle).convert(MelTransform(TINY_AUDIO)(torch.from_numpy(sound)))
    assert torch.allclose(found, wanted, atol=1e-4)


def test_silence_gives_silence_and_noise_gives_no_bursts(tiny_bundle):
    assert rms(offline(tiny_bundle).convert(np.zeros((1, 8000), np.float32), 8000)) < -60
    half = np.concatenate([hum(1, 8000, 150, 1), np.zeros(8000, np.float32)])[None]
    out = offline(tiny_bundle).convert(half, 8000)[0]
    assert rms(out[:8000]) > -40 and rms(out[10500:]) < -100
    assert rms(offline(tiny_bundle, gate_db=None, level=None).convert(half, 8000)[0, 10500:]) > -100


@pytest.mark.parametrize(("level", "wanted"), [("source", None), (-30.0, -30.0)])
def test_the_level_is_the_sources_or_as_asked_for(tiny_bundle, level, wanted):
    sound = 0.2 * hum(3, 8000, 150, 1)
    out = offline(tiny_bundle, level=level).convert(sound[None], 8000)[0]
    assert loudness([out], 8000) == pytest.approx(loudness([sound], 8000) if wanted is None else wanted, abs=0.3)
    plain = offline(tiny_bundle, level=None).convert(sound[None], 8000)[0]
    assert abs(loudness([plain], 8000) - loudness([out], 8000)) > 1


def test_channel_policies(tiny_bundle):
    middle = np.repeat(hum(1, 8000, 150, 1)[None], 2, axis=0)
    sides = np.stack([hum(1, 8000, 150, 1), hum(1, 8000, 250, 2)])
    mono = offline(tiny_bundle, channels="mono").convert(sides, 8000)
    assert np.array_equal(mono[0], mono[1])
    kept = offline(tiny_bundle, channels="mid_side").convert(middle, 8000)
    assert np.array_equal(kept[0], kept[1]), "what is in the middle leaves it"
    wide = offline(tiny_bundle, channels="mid_side").convert(sides, 8000)
    assert np.abs(wide[0] - wide[1]).max() > 0.01
    assert np.array_equal(offline(tiny_bundle, channels="mid_side").convert(middle[:1], 8000).shape, (1, 8000))
    with pytest.raises(UserError, match="3 channels, but mid_side is for two"):
        offline(tiny_bundle, channels="mid_side").convert(np.zeros((3, 800), np.float32), 8000)


def test_files_side_by_side_come_out_as_alone_and_bad_ones_are_named(tiny_bundle, tmp_path):
    lengths = {"a": 0.4, "b": 12.0, "c": 25.0, "d": 1.1, "e": 0.01}
    for name, seconds in lengths.items():
        soundfile.write(tmp_path / f"{name}.wav", hum(seconds, 8000, 150, 1), 8000)
    (tmp_path / "bad.wav").write_text("no sound")
    files = [*(tmp_path / f"{name}.wav" for name in lengths), tmp_path / "bad.wav"]
    jobs = [Job(path, tmp_path / "out" / path.name) for path in files]
    told = []
    outcomes = list(offline(tiny_bundle, files_at_once=3).convert_files(jobs, told.append))
    assert [outcome.job.path.name for outcome in outcomes if outcome.error] == ["bad.wav"]
    assert len(outcomes) == len(jobs) and sum(told) == pytest.approx(38.51, abs=1)
    for name in lengths:
        together = soundfile.read(tmp_path / "out" / f"{name}.wav")[0]
        alone = offline(tiny_bundle).convert(soundfile.read(tmp_path / f"{name}.wav", dtype="float32")[0][None], 8000)
        assert np.abs(together - alone[0]).mean() <= 0.02 * np.abs(alone).mean() + 1e-4


def test_what_is_damaged_half_way_leaves_nothing(tiny_bundle, tmp_path):
    sound = hum(12, 8000, 150, 1)
    sound[90000:] = np.nan  # the second block
    soundfile.write(tmp_path / "a.wav", sound, 8000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"NaN or infinite, 10 s"):
        offline(tiny_bundle).convert_file(tmp_path / "a.wav", tmp_path / "out.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_recording_that_is_damaged_while_it_is_converted_is_named(tiny_bundle):
    whole = of_array(np.stack([hum(35, 8000, 150, 1)]), 8000)
    opened = []

    @contextmanager
    def worse_each_time():
        opened.append(1)
        with whole.opened() as stream:
            yield replace(stream, blocks=damaged(stream.blocks) if len(opened) > 2 else stream.blocks)

    def damaged(blocks):
        yield from islice(blocks, 2)
        raise UserError("x.wav: gone")

    sources = [("x", Source("x.wav", worse_each_time)), ("y", of_array(np.stack([hum(1, 8000, 150, 1)]), 8000))]
    outcomes = dict(offline(tiny_bundle, files_at_once=1).run(sources))
    assert str(outcomes["x"]) == "x.wav: gone" and not isinstance(outcomes["y"], UserError)


def test_tags_stay(tiny_bundle, tmp_path):
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 8000, 1) as file:
        file.title = "Höhe"
        file.write(hum(0.3, 8000, 150, 1))
    offline(tiny_bundle).convert_file(tmp_path / "a.flac", tmp_path / "b.ogg")
    with soundfile.SoundFile(tmp_path / "b.ogg") as file:
        assert file.title == "Höhe"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"level": "loud"}, "level is 'loud'"),
        ({"channels": "stereo"}, "channels is 'stereo'"),
        ({"files_at_once": 0}, "files_at_once is 0"),
        ({"gate_db": "low"}, "gate_db is 'low'"),
        ({"tail": "mirror"}, "tail is 'mirror'"),
    ],
)
def test_wrong_settings_are_refused(tiny_bundle, settings, said):
    with pytest.raises(UserError, match=said):
        offline(tiny_bundle, **settings)


@pytest.mark.parametrize("waveform", [np.zeros((1, 0), np.float32), np.zeros(9, np.float32), np.full((1, 9), np.nan)])
def test_arrays_that_cannot_be_converted_are_refused(tiny_bundle, waveform):
    with pytest.raises(UserError, match="the waveform"):
        offline(tiny_bundle).convert(waveform, 8000)
