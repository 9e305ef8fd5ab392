import math

import pytest

from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.quality import voice_quality, voice_verdict
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
    assert good.startswith("The model beats what needs no training: quality 0.8")
    assert "Nearly all words are kept" in good and "120 cents off" in good and "92% of the way" in good
    assert "does NOT beat" in voice_verdict(summary(**WORLD | {"distillmos": 3.0}), ["WORLD"])
