"""Baselines: what is done to a voice by a few statistics."""

import math
from pathlib import Path

import numpy as np
import pytest

from melgan_vc.errors import UserError
from melgan_vc.evaluation import baselines
from melgan_vc.evaluation.baselines import (
    VOICES,
    formant_scale,
    mel_statistics,
    mel_transferred,
    moved_pitch,
    remembered_statistics,
    shifted,
    statistics,
    transferred,
)
from melgan_vc.evaluation.music_verdict import music_verdict
from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.report import verdicts
from melgan_vc.measures.cache import MeasureCache
from melgan_vc.measures.cepstra import analysed, likeness
from melgan_vc.measures.intervals import Mean
from melgan_vc.measures.world import apart, together
from tests.conftest import ROOT

HELD_OUT = ROOT / "melgan_vc" / "bundled" / "voices" / "heldout"
RATE = 16000


@pytest.fixture(scope="module")
def sounds() -> dict[str, list[np.ndarray]]:
    import soundfile

    return {
        domain: [soundfile.read(HELD_OUT / domain / f"0{one}.ogg", dtype="float32")[0] for one in (1, 2, 3)]
        for domain in ("source", "target")
    }


def test_a_voice_put_together_again_is_itself(sounds: dict[str, list[np.ndarray]]) -> None:
    waveform = sounds["source"][0]
    back = together(apart(waveform, RATE), len(waveform), RATE)
    assert back.shape == waveform.shape and back.dtype == np.float32
    assert likeness(analysed(back, RATE), analysed(waveform, RATE)).mcd < 3


def test_baselines_come_nearer_to_the_target_than_the_source_is(sounds: dict[str, list[np.ndarray]]) -> None:
    source, target = (statistics(sounds[domain][1:], RATE) for domain in ("source", "target"))
    given, wanted = sounds["source"][0], analysed(sounds["target"][0], RATE)
    before = likeness(analysed(given, RATE), wanted)
    for convert in VOICES.values():
        out = convert(RATE, source, target, given)
        assert len(out) == len(given)
        after = likeness(analysed(out, RATE), wanted)
        assert after.f0_cents < 0.5 * before.f0_cents
    assert likeness(analysed(transferred(RATE, source, target, given), RATE), wanted).mcd < 0.95 * before.mcd


def test_statistics_are_computed_once(sounds: dict[str, list[np.ndarray]], tmp_path: Path, monkeypatch) -> None:
    direct = statistics(sounds["source"], RATE)
    first = remembered_statistics(MeasureCache(tmp_path), sounds["source"], RATE)
    assert first.pitch == pytest.approx(direct.pitch) and first.coded == pytest.approx(direct.coded, rel=1e-5)
    monkeypatch.setattr(baselines, "pitch_and_envelope", None)
    again = remembered_statistics(MeasureCache(tmp_path), sounds["source"], RATE)
    assert again.pitch == first.pitch and (again.coded == first.coded).all()
    assert (again.envelope == first.envelope).all() and len(first.envelope) == len(direct.envelope)


def test_a_speaker_towards_himself_stays(sounds: dict[str, list[np.ndarray]]) -> None:
    same = statistics(sounds["source"], RATE)
    given = sounds["source"][0]
    for convert in (transferred, shifted):
        assert likeness(analysed(convert(RATE, same, same, given), RATE), analysed(given, RATE)).mcd < 3


def test_pitch_gets_the_targets_mean_and_spread(sounds: dict[str, list[np.ndarray]]) -> None:
    source, target = (statistics(sounds[domain], RATE) for domain in ("source", "target"))
    drawn = np.exp(np.random.default_rng(0).normal(*source.pitch, 20000))
    found = np.log(moved_pitch(np.append(drawn, 0.0), source, target)[:-1])
    assert (found.mean(), found.std()) == pytest.approx(target.pitch, rel=0.02)
    assert moved_pitch(np.zeros(2), source, target).tolist() == [0, 0]


def test_formants_that_were_scaled_are_found_scaled() -> None:
    places = np.arange(513)
    envelope = np.cos(places / 30) + np.cos(places / 47)
    scaled = np.interp(places / 1.2, places, envelope) + 3.0
    assert formant_scale(envelope, scaled) == pytest.approx(1.2, abs=0.011)


def test_recordings_without_a_voice_are_refused() -> None:
    with pytest.raises(UserError, match="hold no voice"):
        statistics([np.zeros(RATE, np.float32)], RATE)


def test_mels_get_the_targets_mean_and_spread_bin_by_bin() -> None:
    random = np.random.default_rng(0)
    source, target = (random.normal(middle, spread, (4, 500)) for middle, spread in ((-0.4, 0.05), (0.1, 0.2)))
    moved = mel_transferred(mel_statistics([source]), mel_statistics([target]), source)
    assert mel_statistics([moved]) == pytest.approx(mel_statistics([target]), abs=0.01)
    assert mel_transferred(mel_statistics([source]), mel_statistics([source]), source) == pytest.approx(
        source, abs=1e-6
    )


def music(kind: str, chroma: float, called: float, frechet: float, chance: float = 0.6) -> Summary:
    found = {"chroma": chroma, "chroma_other": chance, "genre": called}
    return Summary(kind, {name: Mean(one, one, one, 9) for name, one in found.items()}, {"frechet": frechet})


EQUALISED = music("mels equalised", 0.8, 1.0, 1000.0)


@pytest.mark.parametrize(
    ("chroma", "called", "frechet", "told"),
    [
        (0.65, 1.0, 10.0, "NOT usable yet: the melody is lost"),
        (0.90, 0.4, 10.0, "does NOT convert yet"),
        (0.90, 1.0, 900.0, "The melody stays, and the model beats conversions without training"),
        (0.90, 1.0, 1000.0, "the model does NOT beat"),
        (0.90, 0.9, 900.0, "the model does NOT beat"),
        (math.nan, 1.0, 10.0, "could NOT be measured"),
    ],
)
def test_the_verdict_on_music_begins_with_what_is_wrong(
    chroma: float, called: float, frechet: float, told: str
) -> None:
    lines = [music("source", 1.0, 0.0, 200.0), music("converted", chroma, called, frechet), EQUALISED]
    text = music_verdict(lines, ["mels equalised"])
    assert told in text
    assert ("beats" in text) == (told.startswith("The melody stays, and the model beats"))
    assert f"{called:.0%} is called the target (source: 0%, mels equalised: 100%)" in text
    assert f"Frechet distance of the timbre is {frechet:.0f} (source: 200, mels equalised: 1000)" in text


def test_a_classifier_that_is_often_wrong_is_not_believed() -> None:
    about = {"baselines": [], "sound": "music", "classifier_accuracy": 0.9}
    lines = [Summary("converted", {"chroma": Mean(0.8, 0.7, 0.9, 4), "chroma_other": Mean(0.6, 0.6, 0.6, 4)}, {})]
    assert verdicts(lines, about) == [
        "The melody stays; the genre could NOT be measured. Chroma is 0.80 to the source and 0.60 to others.",
        "The classifier of genres is right on 90% of the real held-out recordings: "
        "too seldom to judge conversions by it.",
    ]
    assert verdicts(lines, about | {"classifier_accuracy": 1.0})[1].endswith("held-out recordings.")
