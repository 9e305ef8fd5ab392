import numpy as np
import pytest

from melgan_vc.errors import UserError
from melgan_vc.evaluation.protocol import SpeakerProtocol, pairs
from melgan_vc.measures.cepstra import analysed
from melgan_vc.measures.voice import centroid, cosine, speaker_embedder, voiced_f0
from tests.conftest import ROOT, hum

HELD_OUT = ROOT / "melgan_vc" / "bundled" / "voices" / "heldout"


def test_f0_of_a_known_pitch():
    steady = np.sin(2 * np.pi * 140 * np.arange(8000) / 8000).astype(np.float32)
    assert np.median(voiced_f0(steady, 8000)) == pytest.approx(140, rel=0.01)


def test_cosine_and_centroid_by_hand():
    assert cosine(np.array([3.0, 4.0]), np.array([6.0, 8.0])) == pytest.approx(1)
    assert cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(2**-0.5)
    assert np.allclose(centroid([np.array([2.0, 0.0]), np.array([0.0, 2.0])]), [2**-0.5, 2**-0.5])


def test_protocol_tells_the_bundled_speakers_apart():
    held_out = pairs(HELD_OUT / "source", HELD_OUT / "target")
    assert len(held_out) == 12
    import soundfile

    protocol = SpeakerProtocol(held_out[:3], speaker_embedder(), 16000)
    for pair in held_out[3:5]:
        sounds = {kind: soundfile.read(getattr(pair, kind), dtype="float32")[0] for kind in ("source", "target")}
        for kind, sound in sounds.items():
            protocol.add(pair.name, kind, sound, analysed(sounds["target"], 16000))
    source, target = protocol.summary()
    assert source.means["to_source"].value > 0.9 > source.means["to_target"].value + 0.15
    assert target.means["to_target"].value > 0.9 > target.means["to_source"].value + 0.15
    assert source.f0_error > 0.4
    assert target.f0_error == 0
    assert source.means["mcd"].value > 4 > target.means["mcd"].value == 0
    assert source.means["f0_cents"].value > 500 > target.means["f0_cents"].value == 0
    assert 0.5 < source.means["voicing"].value < 1 == target.means["voicing"].value


def test_folders_without_a_common_name_are_refused(tmp_path, caplog):
    import soundfile

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / f"{name}.wav", hum(0.1, 8000, 100, 1), 8000)
    with pytest.raises(UserError, match="no file name in common"):
        pairs(tmp_path / "one", tmp_path / "two")
    for name in ("one", "two"):
        soundfile.write(tmp_path / name / "both.wav", hum(0.1, 8000, 100, 1), 8000)
    assert [pair.name for pair in pairs(tmp_path / "one", tmp_path / "two")] == ["both"]
    assert "2 recordings have no partner" in caplog.text
    soundfile.write(tmp_path / "one" / "both.flac", hum(0.1, 8000, 100, 1), 8000)
    with pytest.raises(UserError, match="differ in their suffix alone"):
        pairs(tmp_path / "one", tmp_path / "two")
