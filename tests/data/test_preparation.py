"""What is done to a recording before its mel is made."""

import importlib.util

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc.audio import activity
from melgan_vc.audio.io import read_mono
from melgan_vc.audio.loudness import loudness
from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.pitch_shift.steps import PitchShifter
from melgan_vc.audio.stream import front_end
from melgan_vc.data.preparation import Preparation, RecordingMel, preparation_of
from melgan_vc.errors import UserError
from melgan_vc.spec import PitchShift, PitchSpec
from tests.conftest import TINY_AUDIO, hum

RATE = TINY_AUDIO.sample_rate


def mel(path, **settings):
    """The mel (T, M) of a recording and what was found."""
    recording = RecordingMel(path, front_end(TINY_AUDIO), Preparation(**settings))
    frames = np.concatenate(list(recording.blocks()))
    return np.maximum(frames, recording.floor), recording


@pytest.fixture
def pauses(tmp_path):
    """Two and a half seconds of sound, three of nearly nothing, one of sound."""
    sound = hum(6.5, RATE, 200, 1)
    sound[5 * RATE // 2 : 11 * RATE // 2] *= 1e-4
    soundfile.write(tmp_path / "pauses.wav", sound, RATE, subtype="FLOAT")
    return tmp_path / "pauses.wav"


def test_nothing_is_done_unless_asked_for(pauses):
    found, recording = mel(pauses)
    expected = MelTransform(TINY_AUDIO)(torch.from_numpy(read_mono(pauses, RATE))).T.numpy()
    assert np.abs(found - expected).max() < 2e-3
    assert (recording.gain, recording.used) == (1.0, 13 * RATE // 2)


def test_pitch_is_moved_last_of_all(pauses):
    shift = PitchShift(0.7, 0.9)
    found, recording = mel(pauses, silence="energy", loudness=-35, shift=shift)
    plain = RecordingMel(pauses, front_end(TINY_AUDIO), Preparation(silence="energy"))
    sound = np.concatenate(list(plain.sound())) * np.float32(recording.gain)
    moved = np.concatenate(list(PitchShifter(shift, RATE).blocks([sound])))
    expected = MelTransform(TINY_AUDIO)(torch.from_numpy(moved)).T.numpy()
    assert np.abs(found - expected).max() < 2e-3
    assert recording.used == len(moved) == len(sound)


def test_a_shift_is_part_of_what_tells_stores_apart():
    known = "37ab6104ff9a"
    assert Preparation().signature == known, "stores of versions before are found again"
    shifts = [PitchShift(0.7, 0.9), PitchShift(0.7, 0.89), PitchShift(0.71, 0.9)]
    assert len({known, *(Preparation(shift=shift).signature for shift in shifts)}) == 4
    pitch = PitchSpec(200.0, 0.1, 140.0, 0.1, 0.9)
    assert preparation_of("source", Preparation(), pitch).shift == pitch.shift
    assert preparation_of("target", Preparation(), pitch) == preparation_of("source", Preparation(), None)


def test_silence_is_cut_out_by_energy(pauses):
    found, recording = mel(pauses, silence="energy")
    kept = recording.used / RATE
    assert 3.5 <= kept <= 4.3, "sound, and a margin around each piece of it"
    assert recording.level.samples == 13 * RATE // 2
    assert len(found) == TINY_AUDIO.frames(recording.used)
    assert found.mean(axis=1).min() > -0.9


def test_pieces_are_found_across_the_spans_that_are_judged(pauses, monkeypatch):
    whole = mel(pauses, silence="energy")[1].used
    monkeypatch.setattr(activity, "SPAN", 1)
    assert abs(mel(pauses, silence="energy")[1].used - whole) < 0.1 * RATE


@pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None, reason="silero-vad is not installed")
def test_what_is_no_speech_is_cut_out(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * 16000).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, 16000)
    with pytest.raises(UserError, match=r"noise\.wav: nothing is left of it by prepare.silence=vad"):
        mel(tmp_path / "noise.wav", silence="vad")


def test_loudness_is_that_of_the_standard():
    # EBU Tech 3341, case 1: a sine of 1 kHz at -23 dBFS in both channels is -23 LUFS; in one channel 3 dB less.
    sine = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * np.arange(20 * 48000) / 48000)
    blocks = np.split(sine.astype(np.float32), 10)
    assert loudness(blocks, 48000) == pytest.approx(-26.0, abs=0.1)
    assert loudness([np.zeros(48000, np.float32)], 48000) == -np.inf


def test_a_recording_is_brought_to_a_loudness_but_never_clipped(pauses):
    sound = read_mono(pauses, RATE)
    before = loudness([sound], RATE)
    _, recording = mel(pauses, loudness=-35)
    assert loudness([sound * recording.gain], RATE) == pytest.approx(-35, abs=0.1)
    assert recording.gain == pytest.approx(10 ** ((-35 - before) / 20), rel=0.02)
    _, loud = mel(pauses, loudness=0)
    assert loud.gain == pytest.approx(0.999 / np.abs(sound).max(), rel=1e-4)
    assert loud.level.peak == pytest.approx(np.abs(sound).max()), "as it was recorded"


def test_digital_silence_has_no_loudness_to_change(tmp_path):
    soundfile.write(tmp_path / "zero.wav", np.zeros(RATE), RATE)
    assert mel(tmp_path / "zero.wav", loudness=-23)[1].gain == 1.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mono": "both"}, "prepare.mono is 'both': give one of mean, left, right"),
        ({"silence": "loud"}, "prepare.silence is 'loud': give one of none, energy, vad"),
        ({"loudness": 5}, "prepare.loudness is 5: give LUFS from -60 to 0"),
        ({"silence_db": -1}, "prepare.silence_db is -1"),
        ({"loudness": "x"}, "prepare.loudness is 'x': give a number"),
    ],
)
def test_wrong_settings_are_refused(given, words):
    with pytest.raises(UserError, match=words):
        Preparation(**given)
