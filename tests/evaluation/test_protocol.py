"""What a protocol measures of recordings, and which recordings it gets."""

import errno
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
from melgan_vc.evaluate import refuse_settings_of_voices
from melgan_vc.evaluation.material import (
    Clip,
    Material,
    held_out_beside,
    names_of,
    of_folder,
    of_split,
)
from melgan_vc.evaluation.music_protocol import MusicProtocol
from melgan_vc.evaluation.protocol import Protocol
from melgan_vc.evaluation.report import columns
from melgan_vc.evaluation.selection import chosen
from melgan_vc.evaluation.session import attempt, check_output, check_writable, path_of
from melgan_vc.evaluation.voice_protocol import VoiceProtocol
from melgan_vc.evaluation.waveforms import first_minutes, heard
from melgan_vc.measures.music import GenreClassifier, timbre
from melgan_vc.measures.pitch import Pyin
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


def test_transcripts_stand_before_what_is_recognised_and_all_rows_are_rated(
    sentences: dict[str, dict[str, np.ndarray]],
) -> None:
    def rate(waveform: np.ndarray, sample_rate: int) -> float:
        if len(waveform) == len(sentences["target"]["05"]):
            raise RuntimeError("no score")
        return 3.0

    protocol = VoiceProtocol(
        MelTransform(AUDIO),
        12,
        **sentences,
        parallel=True,
        embed=lambda waveform, sample_rate: np.ones((1, 4)),
        recognise=lambda waveform, sample_rate: "abcd",
        raters={"distillmos": rate},
        track=Pyin(),
        absent=["dnsmos"],
        texts={"target": {"04": "Abce."}},
    )
    source, target = filled(protocol, sentences).summary()
    for line in (source, target):
        assert line.means["cer"].value == pytest.approx(0.125), "a quarter of 04 against its transcript, nothing of 05"
    assert source.means["distillmos"].count == 2 and target.means["distillmos"].count == 1
    assert source.means["dnsmos"].count == 0 and "dnsmos" in columns("voice", [source, target]), "a dash"
    about = protocol.about()
    assert about["transcripts"] == {"source": 1, "target": 1}
    assert about["naturalness"] == ["distillmos"] and about["pitch"] == "Pyin"


def test_a_recording_brings_the_transcript_beside_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(100), 16000)
    (tmp_path / "a.txt").write_text("What is said.\n")
    assert {one.name: one.text for one in of_folder(tmp_path, 16000)} == {"a": "What is said.", "b": None}


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


def test_settings_of_voices_are_refused_for_music() -> None:
    refuse_settings_of_voices(["sound=music", "minutes=1"])
    for idle in (
        "recogniser=whisper",
        "recogniser.model=x",
        "naturalness=[]",
        "mcd.power=true",
        "+pitch=pyin",
        "unseen=x",
    ):
        with pytest.raises(UserError, match=f"{idle.partition('=')[0].lstrip('+')} has no effect: the run is of music"):
            refuse_settings_of_voices(["sound=music", idle])


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


def test_recordings_that_differ_in_their_suffix_alone_are_all_there(tmp_path: Path) -> None:
    for name in ("both.wav", "both.flac", "one.wav"):
        soundfile.write(tmp_path / name, hum(0.1, 8000, 100, 1), 8000)
    clips = of_folder(tmp_path, 8000)
    assert [clip.name for clip in clips] == ["both.flac", "both.wav", "one"]
    for clip, start in zip(clips, of_folder(tmp_path, 8000, seconds=0.05), strict=True):
        assert len(start.read()) == 400 and np.array_equal(start.read(), clip.read()[:400])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/home/anna/rec/a.wav", "/home/anna/rec/x/b.wav"], ["a", "x/b"]),
        (["/home/anna/rec/a.wav"], ["a"]),
        (["../../a.wav", "b.wav", "x/../../../c.wav"], ["a", "b", "c"]),
        (["/x/a.wav", "a.wav"], ["a.wav", "a.wav (2)"]),
        (["x/a.wav", "y/a.wav", "A.wav"], ["x/a", "y/a", "A"]),
        (["\udcff.wav", ".wav", "a.b.wav", "a"], ["\\udcff", ".wav", "a.b", "a"]),
    ],
)
def test_each_recording_has_a_name_that_leads_nowhere_else(paths: list[str], names: list[str]) -> None:
    assert list(names_of(paths).values()) == names
    for name in names:
        assert path_of(Path("out"), name, "converted").is_relative_to("out")


@pytest.mark.parametrize("name", ["../a", "/etc/a", "..", "x/../../a", "a\0b", "n" * 300, "con", "", "a\nb"])
def test_a_name_from_a_file_never_leaves_the_folder(name: str, tmp_path: Path) -> None:
    for kind in ("converted", "../../x"):
        path = path_of(tmp_path, name, kind)
        assert path.resolve().is_relative_to(tmp_path) and path.suffix == ".wav" and len(path.name) < 256


def clips_at(*paths: str) -> list[Clip]:
    names = names_of(paths)
    return [Clip(names[path], lambda: np.ones(1, np.float32), path) for path in paths]


@pytest.mark.parametrize(
    ("source", "target", "pairs", "warning"),
    [
        (["a.wav", "a.flac"], ["a.flac", "a.wav"], {"a.wav": "a.wav", "a.flac": "a.flac"}, ""),
        (["a.wav", "b.wav"], ["a.ogg", "B.WAV"], {"a.wav": "a.ogg", "b.wav": "B.WAV"}, ""),
        (["x/a.wav", "y/a.wav"], ["x/a.mp3", "z/a.mp3"], {"x/a.wav": "x/a.mp3"}, "no partner"),
        (["caf\u00e9.wav"], ["cafe\u0301.wav"], {"caf\u00e9.wav": "cafe\u0301.wav"}, ""),
        (["a.wav", "a.flac"], ["a.ogg"], {}, "cannot tell which of these belong together: a.flac, a.ogg, a.wav"),
    ],
)
def test_parallel_recordings_are_paired_by_stem(
    source: list[str], target: list[str], pairs: dict[str, str], warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = Material({"source": clips_at(*source), "target": clips_at(*target)}, {}, {}, parallel=True)
    found = chosen(given, 9)
    assert found.parallel == bool(pairs)
    if pairs:
        ours, theirs = ({clip.name: clip.path for clip in found.held_out[domain]} for domain in ("source", "target"))
        assert {ours[name]: theirs[name] for name in ours} == pairs and len(ours) == len(theirs)
    assert warning in caplog.text


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
        listening = SimpleNamespace(
            store=SimpleNamespace(items=given), piece=piece, recordings={}, front_end=SimpleNamespace(spec=AUDIO)
        )
        held_out, training = of_split(listening, split, 1.0, 0.5)
        assert [clip.name for clip in held_out] == names and [clip.name for clip in training] == ["b"]
    end = held_out[0].read()
    assert (len(end), end[0]) == (50, 150), "the end of a recording that was cut in two, from its start on"
    assert len(training[0].read()) == 42, "no more of a long recording than is asked for, in frames of 12 ms"


def test_of_a_corpus_that_names_its_splits_both_can_be_had() -> None:
    split = Split(train=(), validation=(Segment("b.wav", 0, 0, 200),), short=(), silent=())
    listening = SimpleNamespace(
        store=SimpleNamespace(items=[item("a.wav", "test"), item("b.wav", "validation")]),
        recordings={},
        piece=np.zeros,
        front_end=SimpleNamespace(spec=AUDIO),
    )
    held_out, _ = of_split(listening, split, 1.0, 0.5, both=True)
    found = {clip.name: clip.split for clip in held_out}
    assert found == {"a": "test", "b": "development"}
    given = Material({"source": held_out, "target": clips_of("c", "d", "e")}, {}, {}, parallel=False)
    parts = {split: chosen(given, 9, split).held_out for split in ("development", "test")}
    assert {split: [[clip.name for clip in clips] for clips in one.values()] for split, one in parts.items()} == {
        "development": [["b"], ["c"]],
        "test": [["a"], ["d", "e"]],
    }
    both_tests = Material(
        {"source": held_out[1:], "target": clips_of("c")}, {}, {"source": "speakers.csv"}, parallel=False
    )
    with pytest.raises(UserError, match=r"^speakers.csv: split=.* \(its corpus has 0 in validation and 1 in test\)"):
        chosen(both_tests, 9, "development")


@pytest.mark.parametrize(("count", "first"), [(60, 20), (4, 1), (5, 2), (2, 1)])
def test_the_first_third_by_name_is_for_development(count: int, first: int) -> None:
    names = [f"arctic_b{one:04d}" for one in range(1, count + 1)]
    given = Material({"source": clips_of(*names[::-1]), "target": clips_of(*names, "other")}, {}, {}, parallel=True)
    found = [chosen(given, 99, split).held_out for split in ("development", "test", None)]
    for one, wanted in zip(found, (names[:first], names[first:], names), strict=True):
        assert [sorted(clip.name for clip in one[domain]) for domain in ("source", "target")] == [wanted, wanted]
    some = {clip.name for clip in chosen(given, 1, "test").held_out["target"]}
    assert len(some) == 1 and some <= set(names[first:])


def test_without_pairs_each_domain_is_split_by_itself(tmp_path: Path) -> None:
    given = Material({"source": clips_of("a", "b", "c"), "target": clips_of("x", "y")}, {}, {}, parallel=False)
    found = {domain: [clip.name for clip in clips] for domain, clips in chosen(given, 9, "test").held_out.items()}
    assert found == {"source": ["b", "c"], "target": ["y"]}


def test_a_single_recording_cannot_be_split() -> None:
    given = Material({"source": clips_of("a"), "target": clips_of("a")}, {}, {"source": "here"}, parallel=True)
    with pytest.raises(UserError, match=r"^here: split=development .* \(1 is held out, and a split needs two or more"):
        chosen(given, 9, "development")


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
    with pytest.raises(UserError, match=r"^there: all held-out recordings of the target are silent or cannot be read"):
        heard(replace(material, held_out={**held_out, "target": clips(a=silence)}, parallel=False), 10, 5.0)


def test_a_recording_that_cannot_be_read_is_named_and_the_others_are_measured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def damaged() -> np.ndarray:
        raise UserError("b.wav: is cut off")

    def vanished() -> np.ndarray:
        raise FileNotFoundError(2, "No such file", "c.wav")

    sound = np.sin(np.arange(100, dtype=np.float32))
    nan = np.full(100, np.nan, np.float32)
    reads = {"a": lambda: sound, "b": damaged, "c": vanished, "d": lambda: nan}
    held_out = {
        "source": [Clip(*one) for one in reads.items()],
        "target": [Clip(name, lambda: sound) for name in reads],
    }
    found = heard(Material(held_out, {}, {}, parallel=True), 10, 5.0)
    assert {domain: list(clips) for domain, clips in found.items()} == {"source": ["a"], "target": ["a"]}
    for line in (
        "b: b.wav: is cut off; skipped",
        "c: [Errno 2] No such file",
        "d: holds NaN or infinite samples; skipped",
    ):
        assert line in caplog.text


def test_what_a_library_cannot_measure_of_a_recording_is_nan(caplog: pytest.LogCaptureFixture) -> None:
    voice = {name: hum(1, 16000, 150, number) for number, name in enumerate("abc")}

    def embed(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        if len(waveform) == 5:
            raise RuntimeError("window is too short")
        return np.ones((2, 256))

    def recognise(waveform: np.ndarray, sample_rate: int) -> str:
        if np.array_equal(waveform, voice["b"]):
            raise ValueError("no hypothesis")
        return "yes"

    protocol = VoiceProtocol(MelTransform(AUDIO), 12, voice, voice, parallel=True, embed=embed, recognise=recognise)
    for name, waveform in voice.items():
        protocol.add(name, "source", waveform)
        protocol.add(name, "converted", np.zeros(16000, np.float32) if name == "a" else waveform)
        protocol.add(name, "target", waveform)
    odd = protocol.add("a", "WORLD transfer", hum(1, 16000, 150, 1)[:5]).values
    assert np.isnan([odd["to_target"], odd["mcd"], odd["modulation"], odd["f0_correlation"]]).all()
    silent = protocol.rows[1].values
    assert "seams" not in silent and np.isnan([silent["to_target"], silent["mcd"], silent["voicing"]]).all()
    assert np.isnan(protocol.rows[3].values["cer"]), "of b, in which nothing could be heard"
    assert "b (source): the words cannot be measured: no hypothesis" in caplog.text
    assert "a (WORLD transfer): the speaker cannot be measured: window is too short" in caplog.text
    assert [line.kind for line in protocol.summary()] == ["source", "converted", "target", "WORLD transfer"]


def test_a_recording_is_compared_with_the_other_recordings_of_a_speaker() -> None:
    axes = np.eye(256)
    voice = {name: hum(1, 16000, 150, number) for number, name in enumerate("abc")}

    def embed(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        number = next(number for number, one in enumerate(voice.values()) if np.array_equal(one, waveform))
        return axes[number : number + 1]

    protocol = VoiceProtocol(MelTransform(AUDIO), 12, voice, voice, parallel=False, embed=embed)
    assert protocol.add("a", "converted", voice["a"]).values["to_target"] == 0.0, "its own target has no part in it"
    assert protocol.add("a", "other", voice["b"]).values["to_target"] == pytest.approx(0.5**0.5)
    alone = VoiceProtocol(MelTransform(AUDIO), 12, voice, {"a": voice["a"]}, parallel=False, embed=embed)
    assert alone.add("a", "target", voice["a"]).values["to_target"] == 1.0, "the only one is all that there is"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), MemoryError()])
def test_what_concerns_all_recordings_ends_an_evaluation(error: Exception, tmp_path: Path) -> None:
    def fails(*_: object) -> np.ndarray:
        raise error

    with pytest.raises(type(error)):
        attempt(fails, np.zeros(1), tmp_path, "a", "source", 8000)
    with pytest.raises(type(error)):
        Protocol(MelTransform(AUDIO), 12).attempt("the words", "a", fails, None)


def test_an_evaluation_never_lies_where_it_would_replace_or_become_a_recording(tmp_path: Path) -> None:
    recordings, run = tmp_path / "rec" / "her", tmp_path / "run"
    recordings.mkdir(parents=True)
    run.mkdir()
    soundfile.write(recordings / "a_converted.wav", hum(0.1, 8000, 100, 1), 8000)
    (run / "config.yaml").write_text("")
    (tmp_path / "link").symlink_to(recordings)
    clips = {"source": of_folder(recordings, 8000), "target": []}
    clips["source"].append(Clip("a", clips["source"][0].read))
    material = Material(clips, {}, {}, parallel=False)
    check_output(tmp_path / "out", material, [recordings])
    for output, words in (
        (recordings, "would be taken for recordings"),
        (recordings / "x" / "..", "would be taken for recordings"),
        (tmp_path / "link" / "x", "would be taken for recordings"),
        (run, "holds a run"),
        (recordings / "a_converted.wav", "is a file"),
    ):
        with pytest.raises(UserError, match=words):
            check_output(output, material, [recordings])
    with pytest.raises(UserError, match="holds recordings"):
        check_output(tmp_path / "link", material, [])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_converted.wav").symlink_to(recordings / "a_converted.wav")
    with pytest.raises(UserError, match="is one of the recordings"):
        check_output(tmp_path / "out", material, [recordings])
    with pytest.raises(UserError, match="a file is where a folder is needed"):
        check_writable(recordings / "a_converted.wav" / "out")
