import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from melgan_vc.measures import cache
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


@pytest.mark.parametrize("damage", ["text", "torn", "empty"])
def test_a_damaged_database_costs_its_results_and_no_more(damage: str, tmp_path: Path) -> None:
    place = tmp_path / NAME
    if damage == "torn":
        recall = MeasureCache(tmp_path).texts(Counted("words " * 10000), "long")
        recall(WAVE, 16000), recall(-WAVE, 16000)
        content = place.read_bytes()
        place.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    else:
        place.write_text("no database " * 1000 if damage == "text" else "")
    measure = Counted(2.5)
    recall = MeasureCache(tmp_path).numbers(measure, "x")
    assert recall(WAVE, 16000) == recall(WAVE, 16000) == MeasureCache(tmp_path).numbers(measure, "x")(WAVE, 16000)
    assert MeasureCache(tmp_path).numbers(measure, "x")(WAVE, 16000) == 2.5
    assert measure.calls == 1, "the new database is used"
    assert (tmp_path / f"{NAME}.damaged").exists() == (damage != "empty")


def test_without_a_usable_folder_results_are_kept_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / NAME).mkdir()
    measure = Counted(2.5)
    recall = MeasureCache(tmp_path).numbers(measure, "x")
    assert recall(WAVE, 16000) == recall(WAVE, 16000) == 2.5 and measure.calls == 1
    assert len(caplog.records) == 1 and "set MELGAN_VC_CACHE" in caplog.text


def test_what_cannot_be_written_to_is_read(tmp_path: Path, monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    MeasureCache(tmp_path).numbers(Counted(2.5), "x")(WAVE, 16000)

    def read_only(self: MeasureCache) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)

    monkeypatch.setattr(MeasureCache, "connect", read_only)
    shared, measure = MeasureCache(tmp_path), Counted(1.5)
    assert shared.numbers(measure, "y")(WAVE, 16000) == shared.numbers(measure, "z")(WAVE, 16000) == 1.5
    assert shared.numbers(measure, "x")(WAVE, 16000) == 2.5
    assert len(caplog.records) == 1 and "readonly" in caplog.text


def test_the_older_half_is_forgotten_where_more_is_kept_than_should_be(tmp_path: Path, monkeypatch) -> None:
    for step in range(20):
        MeasureCache(tmp_path).texts(Counted("x" * 10_000), str(step))(WAVE, 16000)
    whole = (tmp_path / NAME).stat().st_size
    monkeypatch.setattr(cache, "LARGEST", 100_000)
    measure = Counted("y" * 10_000)
    for step in (19, 0):
        assert MeasureCache(tmp_path).texts(measure, str(step))(WAVE, 16000)[0] == ("x" if step else "y")
    assert (tmp_path / NAME).stat().st_size <= whole, "what is freed is filled again"


def test_caches_share_a_database(tmp_path: Path) -> None:
    """As two evaluations at once do."""
    with ThreadPoolExecutor(4) as pool:
        written = [
            pool.submit(MeasureCache(tmp_path).numbers(Counted(float(number)), str(number)), WAVE, 16000)
            for number in range(40)
        ]
        assert [one.result() for one in written] == list(range(40))
    measure = Counted(-1.0)
    found = [MeasureCache(tmp_path).numbers(measure, str(number))(WAVE, 16000) for number in range(40)]
    assert found == list(range(40)) and measure.calls == 0


@pytest.mark.parametrize("foreign", ["{", "null", "[[1, 2], [3]]", '[["a"]]', "[" * 100_000, "7"])
def test_a_foreign_result_is_measured_again(foreign: str, tmp_path: Path) -> None:
    vectors = np.ones((2, 3), np.float32)
    first = MeasureCache(tmp_path)
    first.arrays(Counted(vectors), "x")(WAVE, 16000)
    with closing(first.connect()) as database, database:
        database.execute("UPDATE results SET value = ?", (foreign,))
    np.testing.assert_array_equal(MeasureCache(tmp_path).arrays(Counted(vectors), "x")(WAVE, 16000), vectors)


def test_a_wrong_kind_of_result_is_measured_again(tmp_path: Path) -> None:
    MeasureCache(tmp_path).numbers(Counted(2.5), "x")(WAVE, 16000)
    assert MeasureCache(tmp_path).texts(Counted("words"), "x")(WAVE, 16000) == "words"
