"""A voice moved in pitch: as long and as late as its source, whatever the blocks, and as far as it was asked for."""

import numpy as np
import pytest

from melgan_vc.audio.pitch_shift.steps import PitchShifter
from melgan_vc.audio.pitch_shift.tracking import F0Meter
from melgan_vc.spec import PitchShift
from tests.conftest import hum

DOWN, UP = PitchShift(0.7, 0.89), PitchShift(1.43, 1.13)


def moved(waveform, rate, shift, size=None):
    """A waveform (N,) that came in blocks of a size, or of random ones."""
    random = np.random.default_rng(0)
    blocks, start = [], 0
    while start < len(waveform):
        end = start + (random.integers(0, 900) if size is None else size)
        blocks.append(waveform[start:end])
        start = end
    return np.concatenate(list(PitchShifter(shift, rate).blocks(blocks)))


def vowel(seconds, rate, f0, formant):
    """Pulses (N,) of a pitch in Hz through a resonance at a frequency in Hz."""
    count = round(seconds * rate)
    pulses = np.diff(np.floor(f0 * np.arange(count + 1) / rate))
    angle, radius = 2 * np.pi * formant / rate, np.exp(-np.pi * 120 / rate)
    ringing = radius ** np.arange(400) * np.sin(angle * np.arange(400))
    return (0.3 * np.convolve(pulses, ringing)[:count]).astype(np.float32)


def f0_of(waveform, rate):
    """The pitch of a steady vowel in Hz, by its autocorrelation."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), 4 * len(waveform))) ** 2
    correlation = np.fft.irfft(spectrum)
    lags = np.arange(rate // 400, rate // 80)
    return rate / lags[np.argmax(correlation[lags])]


def centre_of(waveform, rate):
    """The frequency in Hz around which a vowel's power lies."""
    power = np.abs(np.fft.rfft(waveform)) ** 2
    return float(np.sum(power * np.fft.rfftfreq(len(waveform), 1 / rate)) / power.sum())


@pytest.mark.parametrize("shift", [DOWN, UP, PitchShift(1.0, 0.9), PitchShift(0.25, 2.0), PitchShift(4.0, 0.5)])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_blocks_of_any_size_give_the_same_samples(rate, shift):
    sound = hum(0.5, rate, 180, 1)
    sound[rate // 5 : rate // 4] = 0.01 * np.random.default_rng(0).standard_normal(rate // 4 - rate // 5)
    whole = moved(sound, rate, shift, len(sound))
    assert len(whole) == len(sound)
    for size in (None, 11, 3000):
        assert np.array_equal(moved(sound, rate, shift, size), whole)


@pytest.mark.parametrize("length", [0, 1, 7, 500])
def test_the_shortest_sounds_keep_their_length(length):
    sound = hum(1, 8000, 150, 1)[:length]
    assert np.array_equal(moved(sound, 8000, DOWN, 1), moved(sound, 8000, DOWN, 100))
    assert len(moved(sound, 8000, DOWN, 100)) == length


@pytest.mark.parametrize(("rate", "f0", "shift"), [(16000, 180, DOWN), (16000, 110, UP), (44100, 180, DOWN)])
def test_pitch_and_formants_are_moved_by_their_factors(rate, f0, shift):
    sound = vowel(1.0, rate, f0, 1500)
    out = moved(sound, rate, shift, 4096)
    middle = slice(rate // 4, 3 * rate // 4)
    assert f0_of(out[middle], rate) == pytest.approx(f0 * shift.ratio, rel=0.01)
    ratio = centre_of(out[middle], rate) / centre_of(sound[middle], rate)
    assert ratio == pytest.approx(shift.formants, rel=0.04)
    change = 10 * np.log10(np.square(out[middle]).mean() / np.square(sound[middle]).mean())
    assert abs(change) < 1.5  # dB


def test_what_is_unvoiced_is_copied():
    noise = np.diff(np.random.default_rng(0).standard_normal(16001)).astype(np.float32) * 0.05  # as of an s
    out = moved(noise, 16000, DOWN, 1600)
    assert np.mean(out == noise) > 0.9


def test_silence_stays_exactly_silent():
    sound = np.concatenate([hum(0.5, 16000, 180, 1), np.zeros(8000, np.float32), hum(0.5, 16000, 180, 2)])
    out = moved(sound, 16000, DOWN, 1000)
    assert not out[8000 + 500 : 16000 - 500].any()
    assert not moved(np.zeros(5000, np.float32), 16000, UP, 1000).any()


def test_it_is_as_late_as_its_source():
    sound = np.zeros(16000, np.float32)
    sound[5000:11000] = vowel(6000 / 16000, 16000, 200, 900)
    loud = np.flatnonzero(np.abs(moved(sound, 16000, DOWN, 777)) > 0.01)
    assert abs(loud[0] - 5000) < 160 and abs(loud[-1] - 11000) < 240  # 10 and 15 ms


@pytest.mark.parametrize(("rate", "shift", "most"), [(16000, DOWN, 0.080), (48000, DOWN, 0.080), (22050, UP, 0.072)])
def test_it_gives_all_but_the_delay_it_states(rate, shift, most):
    shifter = PitchShifter(shift, rate)
    assert shifter.delay < most * rate
    state, got = shifter.start(), 0
    for number, block in enumerate(np.split(hum(0.4, rate, 120, 1)[: 400 * (rate // 1000)], 100), start=1):
        state, out = shifter.step(state, block)
        got += len(out)
        assert got == max(0, number * len(block) - shifter.delay)


def test_a_step_changes_no_state():
    shifter = PitchShifter(DOWN, 8000)
    sound = hum(1, 8000, 180, 1)
    state, _ = shifter.step(shifter.start(), sound[:5000])
    once, again = (shifter.step(state, sound[5000:]) for _ in range(2))
    assert np.array_equal(once[1], again[1])
    assert np.array_equal(shifter.end(once[0]), shifter.end(again[0]))


def test_what_is_kept_between_blocks_does_not_grow():
    shifter = PitchShifter(DOWN, 8000)
    state = shifter.start()
    kept = []
    for block in np.split(np.tile(np.concatenate([hum(1, 8000, 180, 1), np.zeros(8000, np.float32)]), 4), 64):
        state, _ = shifter.step(state, block)
        kept.append(sum(len(one) for one in (state.held, state.periods, state.marks, state.lengths, state.out)))
    assert max(kept[32:]) <= 1.2 * max(kept[8:32])


@pytest.mark.parametrize(("rate", "f0"), [(8000, 95), (16000, 180), (44100, 260)])
def test_the_median_pitch_is_that_of_the_voice_whatever_the_blocks(rate, f0):
    sound = np.concatenate([vowel(0.6, rate, f0, 1000), np.zeros(rate, np.float32), vowel(0.3, rate, 0.9 * f0, 1000)])
    found = []
    for size in (rate // 10, 777):
        meter = F0Meter(rate)
        for start in range(0, len(sound), size):
            meter.push(sound[start : start + size])
        found.append(meter.median)
    assert found[0] == found[1] == pytest.approx(f0, rel=0.01)


def test_what_has_no_voice_has_no_median_pitch():
    meter = F0Meter(8000)
    assert meter.median is None
    meter.push(np.zeros(16000, np.float32))
    assert meter.median is None
