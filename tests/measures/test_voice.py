import numpy as np
import pytest

from melgan_vc.measures.voice import centroid, cosine, speaker_embedder


def test_cosine_and_centroid_by_hand():
    assert cosine(np.array([3.0, 4.0]), np.array([6.0, 8.0])) == pytest.approx(1)
    assert cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(2**-0.5)
    assert np.allclose(centroid([np.array([2.0, 0.0]), np.array([0.0, 2.0])]), [2**-0.5, 2**-0.5])
    assert np.allclose(centroid([np.array([np.nan, 1.0]), np.zeros(2), np.array([0.0, 2.0])]), [0, 1])
    assert np.isnan(centroid([])).all() and np.isnan(cosine(np.zeros(2), np.ones(2)))


def test_what_has_no_voice_has_no_speaker(voice):
    embed, noise = speaker_embedder(), np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    waveform, rate = voice
    assert np.isfinite(cosine(centroid(embed(waveform, rate)), centroid(embed(0.01 * waveform, rate))))
    for nothing in (
        waveform[:0],
        0 * noise,
        1e-5 * noise,
        3e-4 * noise,
        waveform[:2000],
        np.full(32000, 0.1, np.float32),
    ):
        found = centroid(embed(nothing, rate))
        assert found.shape == (256,) and np.isnan(cosine(found, np.ones(256)))
