import numpy as np
import pytest

from melgan_vc.measures.voice import centroid, cosine, voiced_f0


def test_f0_of_a_known_pitch():
    steady = np.sin(2 * np.pi * 140 * np.arange(8000) / 8000).astype(np.float32)
    assert np.median(voiced_f0(steady, 8000)) == pytest.approx(140, rel=0.01)


def test_cosine_and_centroid_by_hand():
    assert cosine(np.array([3.0, 4.0]), np.array([6.0, 8.0])) == pytest.approx(1)
    assert cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(2**-0.5)
    assert np.allclose(centroid([np.array([2.0, 0.0]), np.array([0.0, 2.0])]), [2**-0.5, 2**-0.5])
