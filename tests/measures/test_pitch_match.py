"""How high the voices of two domains are, as training measures them."""

import logging

import numpy as np
import pytest
import soundfile

from melgan_vc.data.corpora import Folders, Recording
from melgan_vc.data.splits import unit_hash
from melgan_vc.errors import UserError
from melgan_vc.measures import pitch_match
from melgan_vc.measures.pitch_match import match_pitch, training_recordings
from melgan_vc.spec import formants_of
from tests.conftest import hum


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MELGAN_VC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def corpora(two_domains):
    return dict(zip(("source", "target"), map(Folders, map(str, two_domains)), strict=True))


def test_voices_are_measured_once(corpora, tmp_path, monkeypatch):
    found = match_pitch(corpora, tmp_path, share=0.05, progress=False)
    assert found.source_f0 == pytest.approx(200, rel=0.15) and found.target_f0 == pytest.approx(110, rel=0.15)
    assert 0 < found.source_spread < 0.4
    assert found.formants == pytest.approx(formants_of(found.target_f0 / found.source_f0), abs=1e-4)
    monkeypatch.setattr(pitch_match, "tracker", lambda: pytest.fail("it was measured before"))
    again = match_pitch(corpora, tmp_path, share=0.05, formants=1.0, progress=False)
    assert (again.source_f0, again.target_spread, again.formants) == (found.source_f0, found.target_spread, 1.0)


def test_a_domain_without_a_voice_is_refused(corpora, tmp_path, caplog):
    noise = tmp_path / "noise"
    noise.mkdir()
    for name in "abc":
        soundfile.write(noise / f"{name}.wav", np.zeros(16000), 16000)
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(UserError, match="recordings of the target is voiced"):
        match_pitch({**corpora, "target": Folders(str(noise))}, tmp_path, share=0.05, progress=False)


def test_what_is_held_out_is_not_measured(tmp_path):
    recordings = {f"{number}.wav": Recording(tmp_path / "x") for number in range(40)}
    held_out = [name for name in recordings if unit_hash(name) <= 0.05]
    assert held_out
    measured = training_recordings(recordings, 0.05)
    assert len(measured) == 36 and not measured.keys() & set(held_out)
    assert len(training_recordings(dict(list(recordings.items())[:1]), 0.05)) == 1, "of one, the end is held out"
    split = {"a": Recording(tmp_path, split="train"), "b": Recording(tmp_path, split="test")}
    assert list(training_recordings(split, 0.05)) == ["a"]


def test_a_damaged_recording_does_not_stop_the_others(corpora, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", hum(1.5, 16000, 150, number), 16000)
    for path in sorted(folder.iterdir(), key=lambda path: unit_hash(path.name))[-1:]:
        path.write_bytes(path.read_bytes()[:50])
    found = match_pitch({**corpora, "target": Folders(str(folder))}, tmp_path, share=0.05, progress=False)
    assert found.target_f0 == pytest.approx(150, rel=0.15)
