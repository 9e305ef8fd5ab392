import errno
import io
import os
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc import convert
from melgan_vc.audio import decode
from melgan_vc.audio.decode import Stream
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.loudness import loudness
from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.pitch_shift.steps import PitchShifter
from melgan_vc.audio.pitch_shift.tracking import F0Meter
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter, shift_of
from melgan_vc.inference.jobs import Job, plan
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.inference.recording import Conversion, Source, of_array, of_file
from melgan_vc.inference.translation import TranslationSteps
from melgan_vc.spec import PitchShift, PitchSpec
from tests.audio.test_frames import loudest_of
from tests.conftest import TINY_AUDIO, hum

EMPTY = Stream(8000, 1, "FLOAT", 0.0, {}, iter(()))


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


def test_a_source_is_moved_before_its_mel_is_made(tiny_bundle):
    pitched = replace(tiny_bundle, pitch=PitchSpec(200.0, 0.1, 140.0, 0.1, 0.9))
    sound = hum(12, 8000, 200, 1)  # two blocks
    for pitch, shift in (("auto", PitchShift(0.7, 0.9)), (2, PitchShift(0.7 * 2 ** (1 / 6), 0.9))):
        moved = np.concatenate(list(PitchShifter(shift, 8000).blocks([sound])))
        wanted = offline(tiny_bundle, level=None).convert(moved[None], 8000)
        converter = OfflineConverter(Converter(pitched, pitch=pitch), GriffinLim(TINY_AUDIO, 2), level=None)
        assert np.allclose(converter.convert(sound[None], 8000), wanted, atol=1e-5)
        assert not np.allclose(offline(tiny_bundle, level=None).convert(sound[None], 8000), wanted, atol=1e-2)


def test_another_speaker_is_shifted_from_the_pitch_of_the_recording(tiny_bundle):
    pitch = PitchSpec(200.0, 0.1, 140.0, 0.1, 0.9)
    converter = Converter(replace(tiny_bundle, pitch=pitch), pitch="match")
    matching = OfflineConverter(converter, GriffinLim(TINY_AUDIO, 2), level=None)
    sounds = np.stack([hum(2, 8000, 110, 1), hum(2, 8000, 250, 2), np.zeros(16000, np.float32)])
    expected = []
    for sound in sounds[:2]:
        meter = F0Meter(8000)
        meter.push(sound)
        shift = pitch.shift_from(meter.median)
        assert shift.ratio == pytest.approx(140 / meter.median)
        expected.append(np.concatenate(list(PitchShifter(shift, 8000).blocks([sound]))))
    wanted = offline(tiny_bundle, level=None).convert(np.stack([*expected, sounds[2]]), 8000)
    assert np.allclose(matching.convert(sounds, 8000), wanted, atol=1e-5)
    with pytest.raises(UserError, match="pitch=match: this bundle does not know its target's pitch"):
        Converter(tiny_bundle, pitch="match")


def test_pitch_is_what_training_measured_semitones_more_or_none(tiny_bundle):
    pitched = replace(tiny_bundle, pitch=PitchSpec(200.0, 0.1, 100.0, 0.1, 0.8))
    assert shift_of(pitched, "auto") == shift_of(pitched, 0) == PitchShift(0.5, 0.8)
    assert shift_of(pitched, 12) == PitchShift(1.0, 0.8)
    assert shift_of(pitched, "none") is None
    assert shift_of(tiny_bundle, "auto") is shift_of(tiny_bundle, 0) is shift_of(tiny_bundle, "none") is None
    assert shift_of(tiny_bundle, -12) == PitchShift(0.5, 1.0)
    for wrong in ("high", True, 25, float("nan")):
        with pytest.raises(UserError, match=r"pitch is .*: give auto, match, none, or semitones from -24 to 24"):
            shift_of(tiny_bundle, wrong)


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
    with pytest.raises(UserError, match=r"NaN or infinite, the first 11\.25 s"):
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


def test_one_recordings_trouble_with_files_is_its_own(tiny_bundle, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    long = "n" * 251 + ".wav"
    for name in ("a.wav", "blocked/b.wav", "blocked_too/b.wav", "gone.wav", "hard.wav", "link.wav", long):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, hum(0.2, 8000, 150, 1), 8000)
    out.mkdir()
    (out / "blocked").touch()
    (out / "blocked_too").symlink_to("nowhere")
    (out / "hard.wav").hardlink_to(folder / "hard.wav")
    (folder / "link.wav").rename(out / "link.wav")
    (folder / "link.wav").symlink_to(out / "link.wav")
    files = sorted(path for path in folder.rglob("*.wav"))
    jobs = plan(files, folder, out)
    (folder / "gone.wav").unlink()
    before = (out / "link.wav").read_bytes()
    outcomes = {job.job.path.name: job.error for job in offline(tiny_bundle).convert_files(jobs) if job.error}
    assert sorted(outcomes) == ["b.wav", "gone.wav", "hard.wav", "link.wav"]
    assert "is an input of this command" in str(outcomes["hard.wav"]) and "input" in str(outcomes["link.wav"])
    assert "a file is where a folder is needed" in str(outcomes["b.wav"]) and "gone.wav" in str(outcomes["gone.wav"])
    assert (out / "link.wav").read_bytes() == before and (out / "a.wav").is_file() and (out / long).is_file()
    assert not list(out.rglob("*.part"))


def test_an_output_folder_is_not_left_through_links(tiny_bundle, tmp_path):
    soundfile.write(tmp_path / "a.wav", hum(0.2, 8000, 150, 1), 8000)
    for name in ("out", "elsewhere", "out/inside"):
        (tmp_path / name).mkdir()
    (tmp_path / "out" / "away").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out" / "near").symlink_to("inside")
    jobs = [Job(tmp_path / "a.wav", tmp_path / "out" / name / "a.wav", tmp_path / "out") for name in ("away", "near")]
    away, near = offline(tiny_bundle).convert_files(jobs)
    assert "leads out of the output folder" in str(away.error) and near.error is None
    assert not list((tmp_path / "elsewhere").iterdir())
    with pytest.raises(UserError, match="holds the input folder"):
        plan([tmp_path / "out" / "a.wav"], tmp_path / "out", tmp_path, overwrite=True)


@pytest.mark.parametrize("change", ["stereo", "longer", "rate"])
def test_a_recording_that_changes_between_two_readings_is_named(tiny_bundle, tmp_path, change):
    path = tmp_path / "a.wav"
    soundfile.write(path, hum(0.5, 8000, 150, 1), 8000)
    source = of_file(path, tmp_path / "out" / "a.wav")
    conversion = Conversion(source, TranslationSteps(Converter(tiny_bundle)).front_end, "each")
    sound = np.stack([hum(0.6, 8000, 150, 1)] * (2 if change == "stereo" else 1), 1)
    soundfile.write(path, sound, 16000 if change == "rate" else 8000)
    with closing(conversion), pytest.raises(UserError, match=r"a\.wav: was changed while it was converted"):
        list(conversion.blocks)


def test_a_few_samples_that_are_no_sound_are_silence_and_many_are_refused(tiny_bundle, caplog):
    sound = hum(1, 8000, 150, 1)
    silenced, spoiled = sound.copy(), sound.copy()
    silenced[3000:3050], spoiled[3000:3050] = 0, 1e30
    wanted, found = (offline(tiny_bundle).convert(one[None], 8000) for one in (silenced, spoiled))
    assert np.array_equal(wanted, found) and "50 samples" in caplog.text
    with pytest.raises(UserError, match="export the recording again"):
        offline(tiny_bundle).convert(32768 * sound[None], 8000)


def test_a_full_disk_ends_all(tiny_bundle, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", hum(0.2, 8000, 150, 1), 8000)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        list(offline(tiny_bundle).convert_files([Job(tmp_path / "a.wav", tmp_path / "out" / "a.wav")]))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("seconds", [0.0, 2.0, 1e9])
def test_the_bar_needs_no_true_length(tiny_bundle, tmp_path, monkeypatch, seconds):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    soundfile.write(tmp_path / "a.wav", hum(5, 8000, 150, 1), 8000)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    monkeypatch.setattr(decode, "opened", contextmanager(lambda path: iter([replace(EMPTY, seconds=seconds)])))
    with convert.sound_bar([Job(tmp_path / "a.wav", tmp_path / "b.wav")]) as bar:
        bar.start_t -= 10  # the delay is over
        bar.update(1)
        bar.update(4)
        bar.refresh()
    shown = screen.getvalue()
    assert "5 s of sound" in shown if seconds != 2.0 else "5/5 s of sound" in shown
    assert "1000000000" not in shown and "00:00:" not in shown
