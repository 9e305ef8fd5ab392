"""Means over few recordings, with their confidence intervals."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

NAN = float("nan")
RESAMPLES = 2000
ALIKE = 1e-9  # relative differences that are rounding
FEWEST = 5  # values that an interval can be told from


@dataclass(frozen=True)
class Mean:
    """A mean and the interval that covers the true one in 95 of 100 experiments.

    Attributes:
        value: mean of the measured values; NaN where there are none.
        low, high: ends of the interval; NaN where there are fewer than 5 values, or all are alike.
        count: of values.
    """

    value: float
    low: float
    high: float
    count: int

    @property
    def has_interval(self) -> bool:
        """Tell whether there are enough values, and different ones, for an interval."""
        return self.count >= FEWEST and self.low < self.high  # which NaN is not


def mean(values: Sequence[float], seed: int = 0) -> Mean:
    """The mean of values, one a recording, with its 95 % bootstrap interval (BCa: Efron, 1987); NaN is skipped.

    Args:
        seed: of the resampling, so that the same values give the same interval.
    """
    known = np.asarray([value for value in values if np.isfinite(value)], float)
    if not len(known):
        return Mean(NAN, NAN, NAN, 0)
    middle = float(known.mean())
    if len(known) < FEWEST or np.ptp(known) <= ALIKE * abs(middle):
        return Mean(middle, NAN, NAN, len(known))
    random = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # all but one value alike: there is no interval
        found = bootstrap((known,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=random).confidence_interval
    return Mean(middle, float(found.low), float(found.high), len(known))
