"""Measures of likeness against cases whose answers are known."""

import numpy as np
import pytest

from melgan_vc.measures.cepstra import (
    ORDER,
    Voice,
    analysed,
    likeness,
    mel_cepstra,
    pitch,
    warp,
    warping,
)


def made(frames: int = 60, seed: int = 0) -> Voice:
    random = np.random.default_rng(seed)
    steps = np.cumsum(random.standard_normal((frames, ORDER + 1)), axis=0)  # no frame is like another
    return Voice(steps, 100 + 50 * random.random(frames))


def test_a_signal_is_like_itself() -> None:
    same = likeness(made(), made())
    assert (same.mcd, same.f0_cents, same.voicing) == (0, 0, 1)
    assert same.f0_correlation == pytest.approx(1)


def test_a_known_offset_of_cepstra_gives_what_the_formula_gives() -> None:
    one = made()
    offset = np.zeros(ORDER + 1)
    offset[[0, 3, 7]] = 5.0, 0.03, 0.04  # the power does not count
    found = likeness(Voice(one.cepstra + offset, one.f0), one)
    assert found.mcd == pytest.approx(10 / np.log(10) * np.sqrt(2 * (0.03**2 + 0.04**2)), rel=1e-6)


def test_power_and_voicing_count_where_asked_for() -> None:
    one = made()
    louder = one.cepstra + np.eye(ORDER + 1)[0] * 0.5
    assert likeness(Voice(louder, one.f0), one, power=True).mcd == pytest.approx(10 / np.log(10) * np.sqrt(2) * 0.5)
    half = np.arange(len(one.f0)) < 30
    changed = Voice(one.cepstra + 0.01 * half[:, None] * np.eye(ORDER + 1)[1], np.where(half, one.f0, 0))
    every, voiced = likeness(changed, one).mcd, likeness(changed, one, voiced_only=True).mcd
    assert voiced == pytest.approx(2 * every) == pytest.approx(10 / np.log(10) * np.sqrt(2) * 0.01)
    assert np.isnan(likeness(Voice(one.cepstra, 0 * one.f0), one, voiced_only=True).mcd)


def test_another_tempo_does_not_count() -> None:
    one = made()
    slow = Voice(one.cepstra.repeat(2, axis=0), one.f0.repeat(2))
    assert likeness(slow, one).mcd == 0 and likeness(slow, one).f0_cents == 0


def test_a_known_shift_of_pitch_is_so_many_cents() -> None:
    f0 = np.array(3 * [0, 100, 110, 121, 0, 150.0])
    cents, correlation, voicing = pitch(f0 * 2 ** (3 / 12), f0)
    assert cents == pytest.approx(300) and correlation == pytest.approx(1) and voicing == 1


def test_voicing_is_scored_by_f1_and_what_cannot_be_told_is_nan() -> None:
    assert pitch(np.array([0, 100, 100, 0.0]), np.array([100, 100, 0, 0.0]))[2] == pytest.approx(0.5)
    nothing = pitch(np.zeros(3), np.array([0, 90, 90.0]))
    assert np.isnan(nothing[:2]).all() and nothing[2] == 0
    assert np.isnan(pitch(np.array([100, 100.0]), np.array([90, 95.0]))[1])
    assert np.isnan(pitch(np.zeros(3), np.zeros(3))).all(), "nobody speaks"
    rising = np.linspace(100, 120, 9)
    assert np.isnan(pitch(rising, rising)[1]), "too few frames"
    assert np.isnan(pitch(np.full(30, 100.0) + 1e-7 * np.arange(30), np.linspace(90, 95, 30))[1]), (
        "nothing but rounding"
    )


def test_mel_cepstra_of_a_flat_spectrum_hold_its_level_alone() -> None:
    found = mel_cepstra(np.full((2, 513), np.e**2), 16000)
    assert found[:, 0] == pytest.approx(1) and np.abs(found[:, 1:]).max() < 1e-12


def test_warping_is_the_published_one_and_evaluates_the_warped_spectrum() -> None:
    assert warping(16000) == pytest.approx(0.42, abs=0.01) and warping(48000) == pytest.approx(0.55, abs=0.01)
    cepstrum = np.array([0.3, -0.2, 0.1, 0.05])
    constant, angle = 0.42, 1.1
    warped = angle + 2 * np.arctan2(constant * np.sin(angle), 1 - constant * np.cos(angle))
    plain = sum(value * np.cos(place * angle) for place, value in enumerate(cepstrum))
    again = warp(4, 60, constant) @ cepstrum
    assert sum(value * np.cos(place * warped) for place, value in enumerate(again)) == pytest.approx(plain, abs=1e-9)


def test_a_recording_is_taken_apart(voice: tuple[np.ndarray, int]) -> None:
    waveform, rate = voice
    found = analysed(waveform, rate)
    assert found.cepstra.shape == (len(found.f0), ORDER + 1)
    assert len(found.f0) == pytest.approx(len(waveform) / rate / 0.005, abs=2)
    assert 130 < np.median(found.f0[found.f0 > 0]) < 230
    assert likeness(analysed(0.5 * waveform, rate), found).mcd < 0.5, "the level does not count"
