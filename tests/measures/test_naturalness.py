import sys

import numpy as np
import pytest
import soxr
import torch

from melgan_vc.errors import UserError
from melgan_vc.measures.naturalness import RATERS, DistillMos, Dnsmos, installed

PREDICTORS = [pytest.param(DistillMos, id="distillmos"), pytest.param(Dnsmos, id="dnsmos")]


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_scores_fall_with_noise(predictor, voice: tuple[np.ndarray, int]) -> None:
    rate = predictor()
    waveform, sample_rate = voice
    noise = np.random.default_rng(0).standard_normal(len(waveform)).astype(np.float32)
    level = float(np.sqrt(np.mean(waveform**2)))
    clean = rate(waveform, sample_rate)
    assert 1 <= rate(0.1 * noise, sample_rate) < clean <= 5, "noise alone"
    assert rate(waveform + 0.3 * level * noise, sample_rate) < clean - 0.3
    assert rate(waveform, sample_rate) == clean, "the same twice"


def test_dnsmos_is_that_of_its_authors(voice: tuple[np.ndarray, int]) -> None:
    from speechmos import dnsmos

    long = np.resize(soxr.resample(voice[0], voice[1], 16000), 16000 * 11)
    assert Dnsmos()(long, 16000) == pytest.approx(dnsmos.run(long, 16000)["ovrl_mos"], abs=1e-4)
    short = long[: 16000 * 4]
    assert Dnsmos()(short, 16000) == pytest.approx(dnsmos.run(short, 16000)["ovrl_mos"], abs=0.1)


def test_distillmos_of_a_long_recording_is_that_of_its_authors(voice: tuple[np.ndarray, int]) -> None:
    rate, longest = DistillMos(), 0
    long = np.resize(soxr.resample(voice[0], voice[1], 16000), round(16000 * 9.5))
    with torch.inference_mode():
        expected = float(rate.network(torch.from_numpy(long)[None]))
    network = rate.network

    def one_window(waveform: torch.Tensor) -> torch.Tensor:
        nonlocal longest
        longest = max(longest, waveform.shape[-1])
        return network(waveform)

    rate.network = one_window
    assert rate(long, 16000) == pytest.approx(expected, abs=1e-4)
    assert longest == rate.window, "in memory at once"


def test_distillmos_falls_with_clipping(voice: tuple[np.ndarray, int]) -> None:
    rate, (waveform, sample_rate) = DistillMos(), voice
    limit = 0.5 * float(np.sqrt(np.mean(waveform**2)))
    assert rate(np.clip(waveform, -limit, limit), sample_rate) < rate(waveform, sample_rate) - 0.2


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_what_is_no_speech_has_no_score(predictor) -> None:
    rate = predictor()
    for waveform in (np.zeros(0), np.zeros(16000), np.full(16000, np.nan), np.ones(100)):
        assert np.isnan(rate(waveform.astype(np.float32), 16000))


@pytest.mark.parametrize(
    ("predictor", "package", "remedy"),
    [(DistillMos, "distillmos", "pip install --no-deps distillmos"), (Dnsmos, "speechmos", "speechmos")],
)
def test_a_missing_package_is_named_with_its_remedy(predictor, package: str, remedy: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=remedy):
        predictor()


def test_a_predictor_whose_weights_are_damaged_is_left_out(monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    def damaged() -> None:
        raise RuntimeError("invalid load key\nand more")

    monkeypatch.setitem(RATERS, "dnsmos", damaged)
    assert installed(["dnsmos"]) == {}
    assert "dnsmos is not measured: its weights cannot be used (invalid load key); reinstall" in caplog.text
