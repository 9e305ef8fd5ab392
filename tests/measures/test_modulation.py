import numpy as np
import pytest

from melgan_vc.measures.modulation import modulation_distance, modulation_spectrum


def test_twice_the_movement_is_six_decibels_and_the_mean_does_not_count() -> None:
    course = np.random.default_rng(0).standard_normal((700, 5))
    assert modulation_distance(course, course) == 0
    assert modulation_distance(2 * course + 7, course) == pytest.approx(20 * np.log10(2), abs=1e-6)


def test_the_power_is_left_out_and_what_is_shorter_than_a_segment_cannot_be_told() -> None:
    course = np.random.default_rng(0).standard_normal((300, 3))
    assert modulation_distance(course * [9, 1, 1], course) == pytest.approx(0)
    assert np.isnan(modulation_distance(course[:100], course))


def test_a_wave_stands_at_its_frequency() -> None:
    times = np.arange(1000) * 0.005
    spectrum = modulation_spectrum(np.sin(2 * np.pi * 12.5 * times)[:, None])[0]
    assert (np.argmax(spectrum) + 1) * 200 / 128 == pytest.approx(12.5)
