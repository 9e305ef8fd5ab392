import numpy as np
import pytest

from melgan_vc.errors import UserError
from melgan_vc.measures.frechet import frechet_distance


def test_frechet_distance_has_its_closed_form() -> None:
    random = np.random.default_rng(0)
    one = random.standard_normal((2000, 3))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + np.array([3, 0, 4])) == pytest.approx(25, rel=1e-9)  # as far as the means
    scaled = one * [2, 1, 1]  # for axes alone: the sum of squared differences of standard deviations
    rotated = np.linalg.qr(random.standard_normal((3, 3)))[0]
    straight = frechet_distance(one, scaled)
    assert straight == pytest.approx(1, rel=0.1)
    assert frechet_distance(one @ rotated, scaled @ rotated) == pytest.approx(straight, rel=1e-6)


def test_frechet_distance_equals_the_formula_with_a_matrix_root() -> None:
    from scipy.linalg import sqrtm

    random = np.random.default_rng(1)
    one, other = random.standard_normal((40, 5)), random.standard_normal((60, 5)) @ random.standard_normal((5, 5))
    covariances = np.cov(one.T), np.cov(other.T)
    apart = one.mean(0) - other.mean(0)
    wanted = apart @ apart + np.trace(sum(covariances) - 2 * np.real(sqrtm(covariances[0] @ covariances[1])))
    assert frechet_distance(one, other) == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(UserError, match="two or more"):
        frechet_distance(one[:1], other)
