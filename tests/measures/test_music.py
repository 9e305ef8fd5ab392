from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melgan_vc.measures.music import COEFFICIENTS, GenreClassifier, chroma, chroma_similarity, timbre
from tests.conftest import ROOT

MUSIC = ROOT / "melgan_vc" / "bundled" / "music"
RATE = 22050


def melody(notes: list[int], wave: Callable[[np.ndarray], np.ndarray] = np.sin) -> np.ndarray:
    time = np.arange(RATE) / RATE
    return np.concatenate([0.3 * wave(2 * np.pi * 220 * 2 ** (note / 12) * time) for note in notes]).astype(np.float32)


def test_a_melody_is_like_itself_in_another_sound_and_not_like_another_one() -> None:
    notes = [0, 4, 7, 5, 9]
    one = chroma(melody(notes), RATE)
    assert chroma_similarity(one, one) == pytest.approx(1, abs=1e-6)
    octave_above = chroma(
        melody([note + 12 for note in notes], lambda phase: np.sin(phase) + 0.3 * np.sin(2 * phase)), RATE
    )
    other = chroma(melody([1, 6, 8, 3, 10]), RATE)
    assert chroma_similarity(one, octave_above) > 0.85
    assert chroma_similarity(one, other) < chroma_similarity(one, octave_above) - 0.3


def test_silence_has_no_melody() -> None:
    assert np.isnan(chroma_similarity(np.zeros((12, 5)), np.ones((12, 5))))


def test_timbre_is_cut_in_pieces_and_a_level_does_not_count() -> None:
    waveform = melody([0, 4, 7, 5, 9, 3, 2])
    found = timbre(waveform, RATE)
    assert found.shape == (3, 4 * COEFFICIENTS)
    assert timbre(0.5 * waveform, RATE) == pytest.approx(found, abs=1)
    assert timbre(waveform[:4000], RATE).shape == (1, 4 * COEFFICIENTS)


def vectors(folder: Path, count: int) -> list[np.ndarray]:
    return [timbre(*soundfile.read(path, dtype="float32")) for path in sorted(folder.iterdir())[:count]]


def test_the_classifier_tells_held_out_clips_of_the_bundled_genres() -> None:
    classifier = GenreClassifier.trained(vectors(MUSIC / "source", 5), vectors(MUSIC / "target", 5))
    for domain, right in (("source", False), ("target", True)):
        for one in vectors(MUSIC / "heldout" / domain, 4):
            assert (classifier.target_share(one) > 0.5) == right
            assert classifier.scaled(one).shape == one.shape
