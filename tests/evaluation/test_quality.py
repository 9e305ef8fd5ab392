import math

import pytest

from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.quality import voice_quality, voice_verdict
from melgan_vc.evaluation.report import verdicts
from melgan_vc.measures.intervals import Mean
from melgan_vc.measures.quality import Quality

NATURAL = {"cer": 0.006, "wer": 0.02, "distillmos": 4.2, "to_target": 0.91, "f0_cents": 0.0}
SOURCE = {"cer": 0.01, "wer": 0.02, "distillmos": 4.1, "to_target": 0.55, "f0_cents": 700.0}
WORLD = {"cer": 0.02, "wer": 0.04, "distillmos": 3.5, "to_target": 0.58, "f0_cents": 260.0}


def line(kind: str, **values: float) -> Summary:
    return Summary(kind, {name: Mean(value, math.nan, math.nan, 16) for name, value in values.items()}, {})


def summary(**converted: float) -> list[Summary]:
    return [line("source", **SOURCE), line("converted", **converted), line("WORLD", **WORLD), line("target", **NATURAL)]


def quality(**converted: float) -> float:
    return voice_quality(summary(**converted))["converted"].total


def test_quality_is_one_for_the_target_and_nothing_for_what_cheats() -> None:
    assert quality(**NATURAL) == pytest.approx(1)
    assert quality(**SOURCE) == 0, "a copy of the source"
    assert quality(**NATURAL | {"cer": 0.8, "wer": 1.0}) == 0, "one sentence of the target, whatever comes in"
    assert quality(cer=1.0, wer=1.0, distillmos=1.0, to_target=0.4) == 0, "noise"


@pytest.mark.parametrize(("measure", "worse"), [("cer", 0.3), ("to_target", 0.7), ("distillmos", 3.0)])
def test_quality_falls_with_each_of_its_parts(measure: str, worse: float) -> None:
    good = {"cer": 0.05, "wer": 0.1, "distillmos": 3.9, "to_target": 0.88}
    assert quality(**good | {measure: worse}) < 0.9 * quality(**good)


def test_quality_is_unknown_where_a_part_is() -> None:
    assert math.isnan(quality(cer=0.1, to_target=0.8))
    assert math.isnan(Quality(math.nan, 0.5, 0.5).total)
    text = voice_verdict(summary(cer=0.1, wer=0.2, to_target=0.8), ["WORLD"])
    assert "could NOT be measured" in text and "naturalness was not measured" in text


def test_verdict_says_what_is_wrong_before_it_praises() -> None:
    damaged = {"cer": 0.2, "wer": 0.4, "distillmos": 4.0, "to_target": 0.9}
    assert quality(**damaged) > voice_quality(summary(**damaged))["WORLD"].total
    text = voice_verdict(summary(**damaged), ["WORLD"])
    assert "beats" not in text and "NOT usable yet: 38% of the words are lost" in text
    good = voice_verdict(summary(cer=0.02, wer=0.05, distillmos=3.9, to_target=0.88, f0_cents=120.0), ["WORLD"])
    assert good.startswith("The model beats conversions without training: quality 0.8")
    assert "Nearly all words are kept (word error rate 0.05; source: 0.02, WORLD: 0.04, target: 0.02)" in good
    assert "the sound is natural (DistillMOS 3.9 of 5; source: 4.1, WORLD: 3.5, target: 4.2)" in good
    assert "92% of the way from the source's to the target's (WORLD: 8%)" in good
    assert good.endswith("the pitch is off by 120 cents (source: 700, WORLD: 260).")
    poor = voice_verdict(summary(**WORLD | {"distillmos": 1.2, "to_target": 0.65}), ["WORLD"])
    assert poor.startswith("The model does NOT beat conversions without training: quality 0.03 of 1 (WORLD: 0.12).")


CHEATS = {
    "a copy of the source": (SOURCE, "does NOT convert yet: the voice is still the source's"),
    "one sentence of the target": (NATURAL | {"cer": 0.78, "wer": 1.05}, "NOT usable yet: all of the words are lost"),
    "noise": ({"cer": 0.97, "wer": 1.0, "distillmos": 1.1}, "NOT usable yet: all of the words are lost"),
    "half of the words": (NATURAL | {"cer": 0.3, "wer": 0.52}, "NOT usable yet: 50% of the words are lost"),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_the_verdict_says_what_a_person_would(cheat: str) -> None:
    figures, expected = CHEATS[cheat]
    assert expected in voice_verdict(summary(**figures), ["WORLD"])
    assert quality(**figures) == 0 or cheat == "half of the words"


def test_the_floor_of_a_weak_recogniser_is_said_beside_its_figures() -> None:
    figures = summary(**NATURAL)
    about = {"sound": "voice", "baselines": ["WORLD"], "recogniser": "PocketSphinx"}
    assert "17% of the characters of natural speech wrong" in verdicts(figures, about)[1]
    assert len(verdicts(figures, about | {"recogniser": "Whisper base"})) == 1


def test_words_that_nobody_recognises_are_not_judged() -> None:
    foreign = NATURAL | {"cer": 0.8, "wer": 0.9}
    lines = [*summary(**NATURAL)[:-1], line("target", **foreign)]
    assert math.isnan(voice_quality(lines)["converted"].words)
    about = {"sound": "voice", "baselines": ["WORLD"], "recogniser": "Whisper base"}
    assert "Words cannot be judged (word error rate 0.02; source: 0.02, target: 0.90)" in verdicts(lines, about)[0]
    assert "even in the target's own recordings, 90% of the words are recognised" in verdicts(lines, about)[1]


def test_words_that_are_lost_are_lost_where_the_target_is_hard_to_recognise() -> None:
    lines = [*summary(**WORLD | {"wer": 1.0})[:-1], line("target", **NATURAL | {"cer": 0.5, "wer": 0.62})]
    found = voice_verdict(lines, ["WORLD"])
    assert "NOT usable yet: 38% of the words are lost. Word error rate 1.00 (" in found, found
    assert "judged" not in found


def test_one_speaker_in_both_domains_has_no_likeness() -> None:
    same = [line("source", **NATURAL), line("converted", **NATURAL), line("target", **NATURAL | {"to_target": 0.9})]
    assert math.isnan(voice_quality(same)["converted"].likeness)
