from pathlib import Path

import numpy as np
import pytest

from melgan_vc.measures.cache import NAME, MeasureCache

WAVE = np.linspace(-1, 1, 1000, dtype=np.float32)


class Counted:
    def __init__(self, result: object) -> None:
        self.result, self.calls = result, 0

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> object:
        self.calls += 1
        return self.result


def test_results_are_remembered_by_content_measure_and_rate(tmp_path: Path) -> None:
    measure = Counted("words")
    for _ in range(2):
        recall = MeasureCache(tmp_path).texts(measure, "one")
        assert recall(WAVE, 16000) == recall(WAVE.copy(), 16000) == "words"
    assert measure.calls == 1
    recall(-WAVE, 16000), recall(WAVE, 8000), MeasureCache(tmp_path).texts(measure, "two")(WAVE, 16000)
    assert measure.calls == 4


def test_numbers_and_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((3, 256)).astype(np.float32)
    for kind, value in (("numbers", 1 / 3), ("numbers", float("nan")), ("arrays", vectors)):
        for _ in range(2):
            measure = Counted(value)
            recall = getattr(MeasureCache(tmp_path), kind)(measure, f"{kind} {np.sum(value)}")
            np.testing.assert_array_equal(recall(WAVE, 16000), value)
        assert measure.calls == 0, "read"
    none = MeasureCache(tmp_path).arrays(Counted(np.zeros((0, 256))), "none")
    assert len(none(WAVE, 16000)) == len(none(WAVE, 16000)) == 0


@pytest.mark.parametrize("damage", ["text", "folder", "empty"])
def test_a_damaged_database_costs_a_measurement_and_no_more(damage: str, tmp_path: Path) -> None:
    if damage == "folder":
        (tmp_path / NAME).mkdir()
    else:
        (tmp_path / NAME).write_text("no database " * 1000 if damage == "text" else "")
    recall = MeasureCache(tmp_path).numbers(Counted(2.5), "x")
    assert recall(WAVE, 16000) == recall(WAVE, 16000) == 2.5


def test_a_wrong_kind_of_result_is_measured_again(tmp_path: Path) -> None:
    MeasureCache(tmp_path).numbers(Counted(2.5), "x")(WAVE, 16000)
    assert MeasureCache(tmp_path).texts(Counted("words"), "x")(WAVE, 16000) == "words"
