import numpy as np
import pytest

from melgan_vc.measures.intervals import mean


def test_intervals_cover_the_true_mean_about_95_times_of_100() -> None:
    random = np.random.default_rng(0)
    drawn = [mean(random.gamma(4, 0.5, 20).tolist()) for _ in range(300)]  # a skewed distribution with mean 2
    covered = sum(one.low <= 2 <= one.high for one in drawn)
    assert 0.90 * 300 <= covered <= 0.98 * 300
    assert all(one.low < one.value < one.high for one in drawn)


def test_the_same_values_give_the_same_interval_and_few_give_none() -> None:
    values = [1.0, 2.0, 4.0, 3.0, 5.0, float("nan"), float("inf")]
    assert mean(values) == mean(values) and mean(values).count == 5 and mean(values).has_interval
    assert mean(values).value == pytest.approx(3)
    for few in ([5.0], [3.0, 4.0], values[1:5], [3.0] * 9, [1.0, 1.0 - 1e-16, 1.0 + 3e-16] * 2):
        found = mean(few)
        assert not found.has_interval and np.isnan([found.low, found.high]).all()
        assert found.value == pytest.approx(np.mean(few))
    assert np.isnan(mean([]).value) and mean([]).count == 0
