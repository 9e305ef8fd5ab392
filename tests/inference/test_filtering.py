"""Conversion by filtering the source: live is offline, lengths and silence stay, and bundles may ask for it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from torch import nn

from melgan_vc import bundle, inversions
from melgan_vc.audio.filtering import Filter
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.methods import METHODS
from melgan_vc.audio.mixing import Mixed
from melgan_vc.audio.pitch_shift.steps import PitchShifter
from melgan_vc.bundle import Bundle
from melgan_vc.bundle_header import INVERSIONS
from melgan_vc.config.paths import CONF
from melgan_vc.errors import UserError
from melgan_vc.evaluation.session import resynthesis, silence_level
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.live import LiveSteps
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.spec import PitchSpec
from tests.audio.test_frames import loudest_of
from tests.conftest import TINY_AUDIO, hum
from tests.inference.test_live import heard

ASKED = {"name": "filter", "bins": 5, "frames": 3, "limit_db": 30.0}


def offline(bundle: Bundle, **settings) -> OfflineConverter:
    return OfflineConverter(Converter(bundle), Filter(TINY_AUDIO, bins=5), **settings)


def live(bundle: Bundle, frames: int = 3, **settings) -> LiveSteps:
    return LiveSteps(Converter(bundle), Filter(TINY_AUDIO, 5, frames), **settings)


@pytest.mark.parametrize("size", [1, 160, 777, 4096, 48000])
def test_live_is_offline_whatever_the_blocks(tiny_bundle: Bundle, size: int) -> None:
    waveform = torch.from_numpy(hum(0.3 if size == 1 else 2.2, 8000, 150, 1))
    wanted = offline(tiny_bundle, level=None, gate_db=None).convert(waveform[None].numpy(), 8000)[0]
    _, found, _ = heard(live(tiny_bundle, gate_db=None), waveform, size, loudest_of(TINY_AUDIO, waveform))
    assert len(found) == len(waveform)
    assert np.allclose(found.numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_it_lags_by_the_frames_that_it_averages_and_no_further(tiny_bundle: Bundle, frames: int) -> None:
    steps = live(tiny_bundle, frames)
    _, _, lag = heard(steps, torch.from_numpy(hum(0.6, 8000, 150, 1)), 1)
    by_griffin_lim = LiveSteps(Converter(tiny_bundle), GriffinLim(TINY_AUDIO, 1)).latency
    assert lag == steps.latency == by_griffin_lim + frames // 2 * 128


def test_a_shorter_stft_lags_less(tiny_bundle: Bundle) -> None:
    steps = LiveSteps(Converter(tiny_bundle), Filter(TINY_AUDIO, 5, 3, n_fft=256))
    _, found, lag = heard(steps, torch.from_numpy(hum(0.4, 8000, 150, 1)), 1)
    assert len(found) == 3200 and lag == steps.latency == live(tiny_bundle).latency - 128


@pytest.mark.parametrize("size", [160, 4096])
def test_a_mixture_lags_no_further_than_it_says(tiny_bundle: Bundle, size: int) -> None:
    waveform = torch.from_numpy(hum(1.2, 8000, 150, 1))
    steps = LiveSteps(Converter(tiny_bundle), Mixed(TINY_AUDIO, 1000.0, iterations=2))
    _, found, lag = heard(steps, waveform, size)
    assert len(found) == len(waveform) and lag <= steps.latency + size
    assert steps.latency == live(tiny_bundle).latency + 128


def test_a_generator_that_changes_nothing_gives_the_recording(tiny_bundle: Bundle) -> None:
    same = replace(tiny_bundle, generator=nn.Identity())
    sound = hum(25, 8000, 150, 1)  # three blocks
    found = offline(same, level=None, gate_db=None).convert(sound[None], 8000)[0]
    assert np.abs(found - sound).max() < 1e-6


def test_what_is_filtered_is_the_source_after_its_pitch_was_moved(tiny_bundle: Bundle) -> None:
    spec = PitchSpec(150.0, 0.1, 105.0, 0.1, 0.9)
    same = replace(tiny_bundle, generator=nn.Identity(), pitch=spec)
    sound = hum(1.7, 8000, 150, 1)
    moved = np.concatenate(list(PitchShifter(spec.shift, 8000).blocks([sound])))
    found = offline(same, level=None, gate_db=None).convert(sound[None], 8000)[0]
    assert len(moved) == len(sound) and np.abs(moved - sound).max() > 0.1
    assert np.abs(found - moved).max() < 1e-6
    _, lived, lag = heard(live(same, gate_db=None), torch.from_numpy(sound), 160)
    assert np.abs(lived.numpy() - moved).max() < 1e-6
    assert lag <= live(same).latency + 160


def test_digital_silence_stays_so_without_a_gate(tiny_bundle: Bundle) -> None:
    sound = np.concatenate([hum(1, 8000, 150, 1), np.zeros(8000, np.float32)])[None]
    found = offline(tiny_bundle, gate_db=None, level=None).convert(sound, 8000)[0]
    assert np.abs(found[:8000]).max() > 0.01 and not found[8000 + 512 :].any()
    assert not offline(tiny_bundle, gate_db=None).convert(np.zeros((1, 8000), np.float32), 8000).any()
    assert silence_level(offline(tiny_bundle)) == -200


@pytest.mark.parametrize(("seconds", "rate", "channels"), [(0.777, 44100, 2), (0.0001, 48000, 1), (1.0, 8000, 2)])
def test_lengths_rates_and_channels_stay(tiny_bundle, tmp_path, seconds, rate, channels) -> None:
    sound = np.stack([hum(seconds, rate, 150 + 50 * c, c) for c in range(channels)], 1)
    soundfile.write(tmp_path / "in.wav", sound, rate)
    offline(tiny_bundle).convert_file(tmp_path / "in.wav", tmp_path / "out.wav")
    found, found_rate = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert (found.shape, found_rate) == (sound.shape, rate)
    assert np.isfinite(found).all()


def test_recordings_side_by_side_come_out_as_alone(tiny_bundle: Bundle) -> None:
    sounds = [hum(seconds, 8000, 150, 1) for seconds in (0.01, 12.3, 1.1)]
    both = offline(tiny_bundle, level=None).convert(np.stack([sounds[1], sounds[1][::-1]]), 8000)
    assert np.allclose(both[0], offline(tiny_bundle, level=None).convert(sounds[1][None], 8000)[0], atol=1e-5)
    assert [offline(tiny_bundle).convert(sound[None], 8000).shape[1] for sound in sounds] == [80, 98400, 8800]


def test_through_mels_and_back_is_the_recording(tiny_bundle: Bundle) -> None:
    sound = hum(1, 8000, 150, 1)
    assert np.allclose(resynthesis(offline(tiny_bundle))(sound), sound, atol=1e-6)


def test_a_bundle_keeps_what_it_asks_for(tiny_bundle: Bundle, tmp_path: Path) -> None:
    replace(tiny_bundle, inversion=ASKED).save(tmp_path / "a.safetensors")
    tiny_bundle.save(tmp_path / "b.safetensors")
    asking, plain = (Converter.load(tmp_path / f"{name}.safetensors") for name in "ab")
    assert asking.bundle.inversion == ASKED and plain.bundle.inversion is None
    method = OfflineConverter(asking).inverter
    assert isinstance(method, Filter) and (method.bins, method.frames, method.limit_db) == (5, 3, 30.0)
    assert isinstance(OfflineConverter(plain).inverter, GriffinLim)


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "os.system"},
        {"name": ["filter"]},
        {"bins": 3},
        "filter",
        {"name": "filter", "_target_": "os.system"},
        {"name": "filter", "bins": "3"},
        {"name": "filter", "bins": True},
        {"name": "filter", "limit_db": float("nan")},
        {"name": "griffin_lim", "iterations": 10**9},
        {"name": "griffin_lim", "start": "random"},
    ],
)
def test_a_bundle_that_asks_for_anything_else_is_refused(tiny_bundle: Bundle, tmp_path: Path, asked: object) -> None:
    path = tmp_path / "a.safetensors"
    tiny_bundle.save(path)
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, {"about": json.dumps(about | {"inversion": asked})})
    with pytest.raises(UserError, match=r"cannot be read as a bundle .*inversion"):
        bundle.load(path)


def test_what_bundles_may_ask_for_is_what_there_is() -> None:
    files = {path.stem for path in (CONF / "inversion").glob("*.yaml")}
    assert files == {*METHODS, "auto"} and METHODS.keys() == INVERSIONS.keys()
    for name, limits in INVERSIONS.items():
        shipped = inversions.shipped(name)
        kind = METHODS[name]
        assert shipped["_target_"] == f"{kind.__module__}.{kind.__qualname__}"
        assert limits.keys() == {key for key, value in shipped.items() if not isinstance(value, str)}
        given = {key: limit for key, limit in limits.items() if shipped[key] is not None}
        assert all(lowest <= shipped[key] <= highest for key, (lowest, highest) in given.items())
        made, bare = kind(TINY_AUDIO, **{key: shipped[key] for key in limits}), kind(TINY_AUDIO)
        plain = {key: value for key, value in vars(bare).items() if isinstance(value, int | float | str)}
        assert {key: vars(made)[key] for key in plain} == plain, "the class has other defaults than its file"


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (inversions.shipped("griffin_lim"), None),
        (inversions.shipped("griffin_lim") | {"iterations": 8}, {"name": "griffin_lim", "iterations": 8}),
        (inversions.shipped("filter"), {"name": "filter", "bins": 13, "frames": 3, "limit_db": 40.0}),
    ],
)
def test_a_training_tells_its_bundle(settings, wanted) -> None:
    found = inversions.preferred_of(settings)
    assert (found is None) is (wanted is None)
    assert wanted is None or wanted.items() <= found.items()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"_target_": "mine.Inversion"}, "a bundle names no code"),
        (inversions.shipped("auto"), "inversion= one of griffin_lim"),
        (inversions.shipped("griffin_lim") | {"start": "random"}, "inversion.start cannot be stored"),
        (inversions.shipped("filter") | {"limit_db": 500}, "give a number from 0.001 to 199"),
    ],
)
def test_a_training_refuses_what_its_bundle_cannot_say(settings, word) -> None:
    with pytest.raises(UserError, match=word):
        inversions.preferred_of(settings)
