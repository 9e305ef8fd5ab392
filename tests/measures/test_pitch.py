import sys

import numpy as np
import pytest

from melgan_vc.measures.pitch import Pyin, SwiftF0, tracker

TRACKERS = [SwiftF0, Pyin]


@pytest.mark.parametrize("build", TRACKERS)
@pytest.mark.parametrize("rate", [8000, 22050])
def test_f0_of_a_known_pitch(build, rate: int) -> None:
    time = np.arange(rate) / rate
    steady = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 9)).astype(np.float32)
    found = build()(0.2 * steady, rate)
    assert np.median(found.voiced) == pytest.approx(140, rel=0.01)
    assert len(found.f0) == pytest.approx(found.rate, abs=2), "one second of frames"


def test_both_trackers_agree_on_speech(voice: tuple[np.ndarray, int]) -> None:
    swift, pyin = (np.median(build()(*voice).voiced) for build in TRACKERS)
    assert swift == pytest.approx(pyin, rel=0.03)


@pytest.mark.parametrize("build", TRACKERS)
def test_what_has_no_voice_has_no_pitch(build) -> None:
    for nothing in (np.zeros(0), np.zeros(32000), np.full(32000, 0.1)):
        assert len(build()(nothing.astype(np.float32), 16000).voiced) == 0
    noise = 0.1 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    assert len(build()(noise, 16000).voiced) < 20


def test_pyin_stands_in_for_what_is_not_installed(monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    tracker.cache_clear()
    monkeypatch.setitem(sys.modules, "swift_f0", None)
    assert isinstance(tracker("swift_f0"), Pyin) and "pip install swift-f0" in caplog.text
    tracker.cache_clear()
