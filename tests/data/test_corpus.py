"""What lies among recordings and cannot be used is told, and what is none of them is not."""

import logging

import pytest

from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from tests.audio.odd_files import by_libsndfile


def test_recordings_are_found_under_any_suffix_that_can_be_read(tmp_path):
    names = [
        f"x{suffix}" for suffix in (".WAV", ".Mp2", ".oga", ".aifc", ".wave", ".mpg", ".ts", ".mts", ".flv", ".3g2")
    ]
    for name in (*names, "x.txt", "x.jpg", ".hidden.wav"):
        (tmp_path / name).write_bytes(b"anything")
    assert {path.name for path in corpus.find(tmp_path)} == set(names)


def test_sound_that_cannot_be_read_is_told_once(tmp_path, caplog):
    for name in ("a.wav", "no suffix", "b.wav.old"):
        (tmp_path / name).write_bytes(by_libsndfile("WAV", seconds=0.1))
    for name in ("x.gsm", "x.RAW", "notes.txt", "empty"):
        (tmp_path / name).write_bytes(b"words" if name == "notes.txt" else b"")
    with caplog.at_level(logging.WARNING):
        found = [corpus.find(tmp_path) for _ in range(2)]
    assert [path.name for path in found[1]] == ["a.wav"]
    first, second = (record.getMessage() for record in caplog.records)
    assert "2 files are skipped (x.RAW, x.gsm); their formats cannot be read" in first
    assert "2 files are skipped (b.wav.old, no suffix); they hold sound" in second


def test_a_folder_of_nothing_that_can_be_read_is_refused(tmp_path):
    (tmp_path / "x.gsm").write_bytes(b"anything")
    with pytest.raises(UserError, match="no recordings found"):
        corpus.find(tmp_path)
