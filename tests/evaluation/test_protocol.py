"""What a protocol measures of recordings, and which recordings it gets."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from melgan_vc.audio.mel import MelTransform
from melgan_vc.data.manifest import Item
from melgan_vc.data.splits import Segment, Split
from melgan_vc.errors import UserError
from melgan_vc.evaluation.material import Clip, Material, chosen, first_minutes, held_out_beside, of_folder, of_split
from melgan_vc.evaluation.protocol import MusicProtocol, Protocol, VoiceProtocol
from melgan_vc.evaluation.session import heard
from melgan_vc.measures.music import GenreClassifier, timbre
from melgan_vc.measures.voice import speaker_embedder
from melgan_vc.spec import AudioSpec
from tests.conftest import ROOT, hum

HELD_OUT = ROOT / "melgan_vc" / "bundled" / "voices" / "heldout"
AUDIO = AudioSpec(16000, 192, 1152, 192)


@pytest.fixture(scope="module")
def sentences() -> dict[str, dict[str, np.ndarray]]:
    return {
        domain: {name: soundfile.read(HELD_OUT / domain / f"{name}.ogg", dtype="float32")[0] for name in ("04", "05")}
        for domain in ("source", "target")
    }


def filled(protocol: Protocol, sentences: dict[str, dict[str, np.ndarray]]) -> Protocol:
    for domain, found in sentences.items():
        for name, waveform in found.items():
            protocol.add(name, domain, waveform)
    return protocol


def test_the_bundled_speakers_are_told_apart(sentences: dict[str, dict[str, np.ndarray]]) -> None:
    heard: list[int] = []

    def recognise(waveform: np.ndarray, sample_rate: int) -> str:
        heard.append(len(waveform))
        return {len(one): name for name, one in sentences["source"].items()}.get(len(waveform), "04")

    protocol = VoiceProtocol(
        MelTransform(AUDIO), 12, **sentences, parallel=True, embed=speaker_embedder(), recognise=recognise
    )
    source, target = filled(protocol, sentences).summary()
    assert source.means["to_source"].value > 0.9 > source.means["to_target"].value + 0.15
    assert target.means["to_target"].value > 0.9 > target.means["to_source"].value + 0.15
    assert source.whole["f0_error"] > 0.4 and target.whole["f0_error"] == 0
    assert 0.5 < target.whole["f0_spread"] < 6
    assert source.means["mcd"].value > 4 > target.means["mcd"].value == 0
    assert source.means["modulation"].value > 1 > target.means["modulation"].value == 0
    assert source.means["f0_cents"].value > 500 > target.means["f0_cents"].value == 0
    assert source.whole["frechet"] > 0.3 > target.whole["frechet"] == pytest.approx(0, abs=1e-6)
    assert source.whole["mel_distance"] > 3 > target.whole["mel_distance"] == 0
    assert source.means["cer"].value == 0, "against what was heard in the source"
    assert target.means["cer"].value == pytest.approx(0.25), "of 05, for which 04 was heard, half of the letters"
    assert target.means["seams"].value == pytest.approx(1, abs=0.3) and target.means["pauses"].value < -20


def test_recordings_that_are_not_parallel_are_not_aligned(sentences: dict[str, dict[str, np.ndarray]]) -> None:
    protocol = VoiceProtocol(MelTransform(AUDIO), 12, **sentences, parallel=False, embed=speaker_embedder())
    source, _ = filled(protocol, sentences).summary()
    assert not {"mcd", "modulation", "f0_cents", "cer"} & source.means.keys()
    assert {"to_target", "to_source", "pauses"} < source.means.keys()


def test_music_keeps_its_melody_or_does_not() -> None:
    clips = {str(pitch): hum(3, 16000, pitch, 1) for pitch in (200.0, 290.0)}
    noise = [np.random.default_rng(one).standard_normal(48000).astype(np.float32) for one in range(3)]
    classifier = GenreClassifier.trained(
        [timbre(one, 16000) for one in clips.values()], [timbre(one, 16000) for one in noise]
    )
    protocol = MusicProtocol(MelTransform(AUDIO), 12, clips, classifier)
    for name, waveform in clips.items():
        protocol.add(name, "source", waveform)
        protocol.add(name, "converted", waveform + 0.02 * noise[0])
    protocol.add("noise", "target", noise[2])
    source, converted, target = protocol.summary()
    assert source.means["genre"].value == 0 and target.means["genre"].value == 1
    assert source.means["chroma"].value == pytest.approx(1, abs=1e-6)
    assert converted.means["chroma"].value > 0.95 > converted.means["chroma_other"].value + 0.05
    assert "chroma" not in target.means
    assert protocol.about() == {"classifier_accuracy": 1.0}


def clips_of(*names: str) -> list[Clip]:
    return [Clip(name, lambda: np.zeros(8000, np.float32)) for name in names]


def test_parallel_recordings_are_matched_by_name_and_the_others_named(caplog: pytest.LogCaptureFixture) -> None:
    given = Material({"source": clips_of("a", "b"), "target": clips_of("b", "c")}, {}, {}, parallel=True)
    found = chosen(given, 9)
    assert {domain: [clip.name for clip in clips] for domain, clips in found.held_out.items()} == {
        "source": ["b"],
        "target": ["b"],
    }
    assert "2 recordings have no partner and are not measured: a, c" in caplog.text
    assert len(chosen(replace(given, parallel=False), 9).held_out["source"]) == 2
    apart = chosen(replace(given, held_out={"source": clips_of("a"), "target": clips_of("c")}), 9)
    assert not apart.parallel and len(apart.held_out["target"]) == 1


def test_of_many_recordings_the_same_names_are_chosen_in_both_domains() -> None:
    names = [f"{one:03d}" for one in range(40)]
    given = Material({"source": clips_of(*names), "target": clips_of(*names[::-1])}, {}, {}, parallel=True)
    found = {domain: {clip.name for clip in clips} for domain, clips in chosen(given, 7).held_out.items()}
    assert found["source"] == found["target"] and len(found["source"]) == 7


def test_minutes_end_where_they_are_full() -> None:
    found = list(first_minutes(clips_of("a", "b", "c"), 1.5 / 60, 8000))
    assert [len(one) for one in found] == [8000, 4000]


def test_names_that_differ_in_their_suffix_alone_are_refused(tmp_path: Path) -> None:
    for name in ("both.wav", "both.flac"):
        soundfile.write(tmp_path / name, hum(0.1, 8000, 100, 1), 8000)
    with pytest.raises(UserError, match="differ in their suffix alone"):
        of_folder(tmp_path, 8000)


def test_held_out_recordings_beside_a_domain_are_found(tmp_path: Path) -> None:
    assert held_out_beside("bundled:voices/source") == HELD_OUT / "source"
    assert held_out_beside(str(tmp_path)) is None and held_out_beside(["one", "two"]) is None


def item(path: str, split: str | None) -> Item:
    return Item(path, None, split, 0, "", 0, 10, 200, 2.4, 0.0, 0.0, 0.5, -20.0, 1.0)


def test_a_run_gives_its_test_recordings_else_those_of_its_validation() -> None:
    def piece(one: Item, start: int, frames: int) -> np.ndarray:
        return np.full(frames, start)

    split = Split(
        train=(Segment("b.wav", 0, 10, 150),), validation=(Segment("b.wav", 0, 160, 50),), short=("d.wav",), silent=()
    )
    items = [item("a/x.wav", "test"), item("b.wav", None), item("d.wav", "test")]
    for given, names in ((items, ["a/x"]), (items[1:], ["b"])):
        held_out, training = of_split(SimpleNamespace(store=SimpleNamespace(items=given), piece=piece), split)
        assert [clip.name for clip in held_out] == names and [clip.name for clip in training] == ["b"]
    end = held_out[0].read()
    assert (len(end), end[0]) == (50, 150), "the end of a recording that was cut in two, from its start on"


def test_silent_recordings_are_not_measured_and_neither_are_their_partners(caplog: pytest.LogCaptureFixture) -> None:
    sound, silence = np.full(100, 0.5, np.float32), np.zeros(100, np.float32)

    def clips(**found: np.ndarray) -> list[Clip]:
        return [Clip(name, lambda one=one: one) for name, one in found.items()]  # type: ignore[misc]

    held_out = {"source": clips(a=sound, b=silence, c=sound), "target": clips(a=sound, b=sound, c=silence)}
    material = Material(held_out, {}, {"source": "here", "target": "there"}, parallel=True)
    assert {domain: list(found) for domain, found in heard(material, 10, 5.0).items()} == {
        "source": ["a"],
        "target": ["a"],
    }
    assert "silent recordings of the source are not measured: b" in caplog.text
    apart = heard(replace(material, parallel=False), 10, 5.0)
    assert {domain: list(found) for domain, found in apart.items()} == {"source": ["a", "c"], "target": ["a", "b"]}
    assert len(apart["source"]["a"]) == 50
    with pytest.raises(UserError, match=r"^there: all held-out recordings of the target are silent"):
        heard(replace(material, held_out={**held_out, "target": clips(a=silence)}, parallel=False), 10, 5.0)
