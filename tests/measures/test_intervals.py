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
    values = [1.0, 2.0, 4.0, float("nan")]
    assert mean(values) == mean(values) and mean(values).count == 3
    assert mean(values).value == pytest.approx(7 / 3)
    assert (mean([5.0]).low, mean([5.0]).high, mean([3.0, 3.0]).low) == (5, 5, 3)
    rounded = mean([1.0, 1.0 - 1e-16, 1.0 + 3e-16])
    assert rounded.low == rounded.high == rounded.value
    assert np.isnan(mean([]).value) and mean([]).count == 0
