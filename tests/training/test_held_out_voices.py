"""What is measured of voices while training, with models whose answers are known."""

import sys

import numpy as np
import pytest
import soundfile

from melgan_vc.errors import UserError
from melgan_vc.measures import words as words_module
from melgan_vc.measures.pitch import Contour
from melgan_vc.training.build import build
from melgan_vc.training.held_out_voices import VoiceMeasures, VoiceModels, preview_texts
from tests.conftest import hum
from tests.test_configs import composed
from tests.training.test_resume import settings, train

RATE = 8000
VOICE = "callbacks.validation.voice=true"
SPEAKERS = {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [0.6, 0.8]}  # by the first sample of a waveform
SCORES = {1: 4.5, 2: 4.0, 3: 2.5}
HEARD = {1: "one two three four", 2: "five six", 3: "one two three for"}


def sound(number, seconds=0.1):
    return np.full(round(seconds * RATE), number, np.float32)


def of(table):
    return lambda waveform, sample_rate: table[int(waveform[0])]


def models(**others):
    found = {
        "track": lambda waveform, sample_rate: Contour(100.0 * waveform[:3], 50.0),
        "embed": lambda waveform, sample_rate: np.array([SPEAKERS[int(waveform[0])]]),
        "raters": {"distillmos": of(SCORES)},
        "recognise": of(HEARD),
    }
    return VoiceModels(**found | others)


def voices(texts=(None, None), **others):
    source, target = ([text] for text in texts)
    return VoiceMeasures(
        models(**others), RATE, {"source": [sound(1)], "target": [sound(2)]}, {"source": source, "target": target}
    )


def test_each_measure_is_that_of_its_model():
    found = voices().measure([sound(3)])
    assert found["cer"] == pytest.approx(1 / 18) and found["wer"] == pytest.approx(1 / 4)
    assert (found["distillmos"], found["f0_ratio"]) == (2.5, 1.5)
    assert (found["to_target"], found["to_source"]) == pytest.approx((0.8, 0.6))
    words, likeness = 1 - 1 / 18 / 0.75, 0.8
    assert found["quality"] == pytest.approx(2 * words * likeness / (words + likeness) * 1.5 / 3)


def test_quality_is_nothing_for_what_cheats():
    assert voices().measure([sound(1)])["quality"] == 0, "a copy of the source"
    assert voices().measure([sound(2)])["quality"] == 0, "a sentence of the target, whatever comes in"
    assert voices(texts=("five six", None)).measure([sound(2)])["quality"] == 1, "the target says the sentence"


def test_a_transcript_goes_before_what_is_heard():
    assert voices(texts=("One, two: three, for!", None)).measure([sound(3)])["wer"] == 0
    hard = voices(texts=(None, "five sax"))  # so that the recogniser makes an error in the target's own recording
    assert hard.measure([sound(3)])["quality"] > voices().measure([sound(3)])["quality"]


@pytest.mark.parametrize("absent", [{"recognise": None}, {"raters": {}}, {"embed": None}])
def test_without_a_part_there_is_no_quality(absent):
    found = voices(**absent).measure([sound(3)])
    assert "quality" not in found and "f0_ratio" in found


def test_what_a_model_cannot_measure_is_not_a_number(caplog):
    def fail(waveform, sample_rate):
        raise ValueError("too odd")

    found = voices(raters={"distillmos": fail, "dnsmos": of(SCORES)}).measure([sound(3)])
    assert np.isnan(found["distillmos"]) and found["dnsmos"] == 2.5 and "quality" not in found
    assert "a preview: distillmos cannot be measured: too odd" in caplog.text


def test_previews_are_measured_once(caplog):
    caplog.set_level("INFO")
    counted = []

    def counting(table):
        return lambda waveform, sample_rate: counted.append(int(waveform[0])) or of(table)(waveform, sample_rate)

    measures = voices(raters={"distillmos": counting(SCORES)}, recognise=counting(HEARD))
    for _ in range(3):
        measures.measure([sound(3)])
    assert sorted(counted) == [1, 1, 2] + [3] * 6, "the source is heard and rated, the target is rated"
    assert caplog.text.count("distillmos of the held-out clips before conversion: source 4.50, target 4.00") == 1


def test_texts_of_previews_are_those_of_whole_recordings(tmp_path):
    domains = tmp_path / "source", tmp_path / "target"
    for folder in domains:
        folder.mkdir()
        for name, seconds in (("a", 1.0), ("b", 3.0), ("c", 1.0)):
            soundfile.write(folder / f"{name}.wav", hum(seconds, RATE, 150, ord(name)), RATE)
            if name != "c":
                (folder / f"{name}.txt").write_text(f"This is {name}.")
    _, data = build(composed(*settings(domains, tmp_path, "data.validation_share=0.99")))
    data.setup()
    found = data.splits["source"].validation
    frames = [mel.shape[1] for mel in data.held_out("source", 9, 2.0)]
    texts = dict(zip((segment.path[0] for segment in found), preview_texts(data, "source", frames), strict=True))
    assert len(texts) == 2
    assert texts == {name: {"a": "This is a.", "b": None, "c": None}[name] for name in texts}


@pytest.mark.parametrize(
    ("missing", "more", "said"),
    [
        (
            ["faster_whisper", "pocketsphinx"],
            [VOICE],
            "words=true: no speech recogniser is installed: run pip",
        ),
        (["jiwer"], [VOICE], "jiwer is not installed"),
        ([], [VOICE, "callbacks.validation.listen=0"], "needs clips to hear"),
        ([], [], "words has an effect only with callbacks.validation.voice=true"),  # which is false in these tests
    ],
)
def test_words_that_cannot_be_recognised_are_refused_before_training(
    missing, more, said, two_domains, tmp_path, monkeypatch
):
    find_spec = words_module.find_spec
    monkeypatch.setattr(words_module, "find_spec", lambda name: None if name in missing else find_spec(name))
    with pytest.raises(UserError, match=said):
        train(two_domains, tmp_path, "callbacks.validation.words=true", *more)
    assert not (tmp_path / "prepared").exists()


def test_an_absent_predictor_is_named_once_and_trains(two_domains, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "distillmos", None)
    more = [VOICE, "callbacks.validation.every_batches=3", "trainer.max_batches=6"]
    train(two_domains, tmp_path, *more)
    assert caplog.text.count("DistillMOS is not measured: its package is not installed") == 1
    assert "distillmos" not in (tmp_path / "run" / "metrics.csv").read_text()


def test_speakers_that_cannot_be_told_are_named_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    found = VoiceModels.load()
    assert found.embed is None and caplog.text.count("likeness is not measured: speaker similarity needs") == 1
