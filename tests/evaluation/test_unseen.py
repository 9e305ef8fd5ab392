"""Speakers that were not trained on: which of their recordings are converted, how they are measured and shown."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.evaluation import evaluation_page, kept, report
from melgan_vc.evaluation.material import Clip, Material, of_folder
from melgan_vc.evaluation.protocol import Row, Summary
from melgan_vc.evaluation.quality import unseen_verdict, voice_quality
from melgan_vc.evaluation.session import check_output, path_of
from melgan_vc.evaluation.speakers import Speaker, unseen_among
from melgan_vc.evaluation.unseen import chosen_of, unseen_speakers
from melgan_vc.evaluation.voice_protocol import VoiceProtocol
from melgan_vc.measures.intervals import Mean, mean
from melgan_vc.spec import AudioSpec
from tests.conftest import hum

RATE = 8000
AUDIO = {"sample_rate": RATE, "hop_length": 128, "n_fft": 512, "n_mels": 24}
CLB = Speaker("clb")
KINDS = ("source", "converted", "source clb", "converted from clb", "target resynthesised", "target")


def folder_of(path: Path, *names: str) -> Path:
    path.mkdir(parents=True)
    for number, name in enumerate(names):
        soundfile.write(path / f"{name}.wav", hum(0.1, RATE, 100 + 20 * number, number), RATE)
    return path


def material_of(*names: str, parallel: bool = True) -> Material:
    clips = [Clip(name, lambda: np.ones(80, np.float32), f"{name}.flac") for name in names]
    return Material({"source": clips, "target": clips}, {}, {"source": "a", "target": "b"}, parallel)


def test_speakers_are_called_by_what_tells_their_folders_apart(tmp_path: Path) -> None:
    wavs = [folder_of(tmp_path / name / "wav", "a") for name in ("clb", "rms")]
    assert [one.name for one in unseen_speakers(wavs, [])] == ["clb/wav", "rms/wav"]
    (bundled,) = unseen_speakers([folder_of(tmp_path / "voices" / "source", "a")], [])
    assert bundled.kinds == ("source voices/source", "converted from voices/source"), "not the trained source"
    (speaker,) = unseen_speakers([wavs[0].parent], [tmp_path])
    assert speaker.kinds == ("source clb", "converted from clb")
    assert unseen_among(["source", "converted", *speaker.kinds, "converted from x", "target"]) == [speaker]


def test_folders_that_are_no_unseen_speakers_are_refused(tmp_path: Path) -> None:
    clb = folder_of(tmp_path / "clb", "a")
    (tmp_path / "link").symlink_to(clb)
    for folders, own, words in (
        ([tmp_path / "link"], [clb], "link: is a folder of the trained source or target"),
        ([clb, tmp_path / "link"], [], "link: is in unseen twice"),
        ([folder_of(tmp_path / "é", "a"), folder_of(tmp_path / "ü", "a")], [], "é, ü cannot be told apart"),
        ([folder_of(tmp_path / "resynthesised", "a")], [], "cannot be told apart"),
        ([tmp_path / str(one) for one in range(11)], [], "names 11 speakers: give 10 at most"),
    ):
        with pytest.raises(UserError, match=words):
            unseen_speakers(folders, own)
    trained = replace(material_of("a"), training={"source": of_folder(clb, RATE)})
    other = folder_of(tmp_path / "other", "x")
    (other / "y.wav").symlink_to(clb / "a.wav")
    with pytest.raises(UserError, match=r"other: y.wav is a recording of the trained source or target"):
        chosen_of({Speaker("other"): other}, trained, 9, None, RATE, 1)


def test_of_an_unseen_speaker_the_sentences_that_are_measured_are_converted(tmp_path: Path) -> None:
    clb = folder_of(tmp_path / "clb", "B", "c", "d", "e")
    (found,) = chosen_of({CLB: clb}, material_of("a", "b", "c"), 9, "test", RATE, 1)
    assert found.paired and [one.name for one in found.clips] == ["b", "c"]
    for material in (material_of("x"), material_of("c", "d", parallel=False)):
        (found,) = chosen_of({CLB: clb}, material, 9, "test", RATE, 1)
        assert not found.paired and [one.name for one in found.clips] == ["c", "d", "e"], "the last two thirds by name"
    (found,) = chosen_of({CLB: clb}, material_of("x"), 2, None, RATE, 1)
    assert len(found.clips) == 2
    with pytest.raises(
        UserError, match=r"one: split=development holds no recording of the speaker clb \(1 is held out"
    ):
        chosen_of({CLB: folder_of(tmp_path / "one", "a")}, material_of("x"), 9, "development", RATE, 1)
    with pytest.raises(UserError, match=r"clb.*would be taken for recordings"):
        check_output(clb / "out", material_of("x"), [clb], {CLB: found.clips})


def test_an_unseen_speaker_is_measured_against_own_words_and_voice() -> None:
    voices = {name: hum(0.5, 16000, pitch, 1) for name, pitch in (("source", 120.0), ("target", 240.0), ("clb", 180.0))}
    directions = {voice.tobytes(): row for voice, row in zip(voices.values(), np.eye(3), strict=True)}

    def protocol(paired: bool) -> dict[str, dict[str, float]]:
        found = VoiceProtocol(
            MelTransform(AudioSpec(16000, 192, 1152, 192)),
            12,
            {"01": voices["source"]},
            {"01": voices["target"]},
            parallel=True,
            embed=lambda waveform, rate: directions[waveform.tobytes()][None],
            recognise=lambda waveform, rate: "abcd",
        )
        found.expect(CLB, {"01": voices["clb"]}, {"01": "abce"}, paired)
        return {
            kind: dict(found.add("01", kind, voices[whose]).values)
            for kind, whose in (("source", "source"), ("source clb", "clb"), ("converted from clb", "target"))
        }

    rows = protocol(paired=True)
    assert rows["source"]["cer"] == 0 and rows["source clb"]["cer"] == rows["converted from clb"]["cer"] == 0.25
    cosines = [rows[kind][name] for kind in ("source clb", "converted from clb") for name in ("to_source", "to_target")]
    assert cosines == pytest.approx([1, 0, 0, 1], abs=1e-6), "to the speaker's own voice, and to the target's"
    assert rows["converted from clb"]["mcd"] == 0
    assert "mcd" not in protocol(paired=False)["converted from clb"], "another sentence than the target's of that name"


def line(kind: str, cer: float, wer: float, to_target: float) -> Summary:
    values = {"cer": cer, "wer": wer, "to_target": to_target, "distillmos": 4.0}
    return Summary(kind, {name: Mean(value, math.nan, math.nan, 16) for name, value in values.items()}, {})


def summary(wer: float = 0.25) -> list[Summary]:
    return [
        line("source", 0, 0, 0.5),
        line("converted", 0.1, 0.2, 0.8),
        line("source clb", 0, 0, 0.7),
        line("converted from clb", 0.15, wer, 0.8),
        line("target", 0, 0, 0.9),
    ]


def test_the_floor_of_an_unseen_speakers_likeness_is_the_own_voice() -> None:
    found = voice_quality(summary())
    assert found["source clb"].likeness == 0 and found["source clb"].total == 0
    assert found["converted"].likeness == pytest.approx(0.75)
    assert found["converted from clb"].likeness == pytest.approx(0.5)


def test_the_verdict_on_unseen_speakers_says_what_is_lost() -> None:
    assert unseen_verdict(summary()) == (
        "From speakers that were not trained on, with the trained source in brackets: "
        "clb: quality 0.62 (0.80), word error rate 0.25 (0.20), voice 50% (75%) of the way to the target's."
    )
    useless = unseen_verdict(summary(wer=0.6))
    assert useless is not None and "the model is NOT usable yet (clb), with" in useless
    unmeasured = unseen_verdict([replace(one, means={}) for one in summary()])
    assert unmeasured is not None and "clb: quality - (-), word error rate - (-), voice - (-) of" in unmeasured
    assert unseen_verdict([one for one in summary() if "clb" not in one.kind]) is None


def mcd_of(kind: str, paired: bool) -> dict[str, float]:
    """The MCD of a recording; nothing where the target has none of its sentence."""
    return {"mcd": 8.0} if paired or "clb" not in kind else {}


def evaluation(folder: Path, content: str, paired: bool = True) -> Path:
    """An evaluation of a speaker that was trained on, and of one who was not."""
    folder.mkdir(parents=True)
    rows = []
    for number, kind in enumerate(KINDS):
        for name in ("x", "y") if "clb" in kind and not paired else ("a", "b"):
            rows.append(Row(name, kind, {"to_target": number / 10, **mcd_of(kind, paired)}))
            soundfile.write(path_of(folder, name, kind), hum(0.5, RATE, 100 + 30 * number, number), RATE)
    found = []
    for kind in KINDS:
        own = [row.values for row in rows if row.kind == kind]
        found.append(Summary(kind, {name: mean([one[name] for one in own]) for name in own[0]}, {}))
    about = {
        "bundle": folder.name, "sound": "voice", "parallel": True, "held_out": {"source": 2, "target": 2},
        "places": {"source": "here", "target": "there"}, "audio": AUDIO, "overlap": 0.5, "silence_dbfs": -60.0,
        "inversion": {}, "baselines": [], "settings": {},
        "unseen": {"clb": {"place": "/of/clb", "held_out": 2, "content": content, "paired": paired}},
    }  # fmt: skip
    report.write(folder, rows, found, about)
    return folder


def test_the_page_has_unseen_speakers_of_their_own(tmp_path: Path) -> None:
    text = evaluation_page.write(tmp_path / "page", [evaluation(tmp_path / "one", "1")]).read_text()
    assert "From clb, who was not trained on" in text and "<dd>2 of /of/clb; the same sentences</dd>" in text
    assert text.count("<audio") == 2 * 4 + 2 * 4, "neither has the rows of the other"
    assert "From speakers that were not trained on" in text
    unpaired = evaluation_page.write(tmp_path / "page", [evaluation(tmp_path / "two", "1", paired=False)]).read_text()
    assert ">target (a)</button>" in unpaired and unpaired.count("<audio") == 16
    assert (tmp_path / "two" / "x_converted-from-clb.wav").is_file()
    orders = ["worst MCD (dB) first", "worst cosine to target first"]
    assert [unpaired.index(one) for one in orders] == sorted(unpaired.index(one) for one in orders)
    assert unpaired.count(orders[0]) == unpaired.count('<option value="mcd">') == 1, "not where it is not measured"
    assert text.count(orders[0]) == text.count('<option value="mcd">') == 2


def test_unseen_speakers_of_several_evaluations_stand_beside_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [evaluation(tmp_path / name, content) for name, content in (("one", "1"), ("two", "1"), ("other", "2"))]
    text = evaluation_page.write(tmp_path / "page", folders).read_text()
    table = text.split("<table>")[1].split("</table>")[0]
    for name in ("converted from clb: one", "converted from clb: two", "source clb: one", "source clb: other"):
        assert f">{name}</td>" in table
    assert "source clb: two" not in table, "the same recordings"
    assert text.count("From clb, who was not trained on") == 2 and not caplog.messages


def test_what_a_record_says_of_unseen_speakers_is_checked(tmp_path: Path) -> None:
    folder = evaluation(tmp_path / "one", "1")
    record = json.loads((folder / report.RECORD).read_text())
    (folder / report.RECORD).write_text(json.dumps(record | {"unseen": {"clb": {"paired": "yes"}}}))
    with pytest.raises(UserError, match="unseen is"):
        kept.read([folder])
