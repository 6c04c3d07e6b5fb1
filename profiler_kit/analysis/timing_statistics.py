"""Medians of repeated timings, how sure they are, and what they say about a prediction.

Timings are skewed and have outliers, so nothing here assumes a distribution. The confidence interval of a median is
the exact one by order statistics: of n independent samples, the median lies between the k-th smallest and the k-th
largest with probability 1 - 2·P(B < k), where B is binomial with n trials of probability 1/2 (Hollander & Wolfe,
*Nonparametric Statistical Methods*, section 3.6). Two things are compared by the ratio of their times in the same
round, so that whatever slows down a whole round leaves the ratio alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, sqrt
from typing import Final, Literal

import numpy as np

Verdict = Literal["confirmed", "refuted", "undecided"]

LEVEL: Final = 0.95
"""Probability with which an interval holds the median, at least."""

FEWEST_SAMPLES: Final = 6
"""With fewer, even the smallest and the largest sample do not enclose the median with probability 0.95."""

NO_EFFECT_MARGIN: Final = 1.05
"""Times that differ by less than this factor count as the same where no effect was predicted."""

SMALLEST_EFFECT: Final = 1.02
"""Predicted effects that are smaller than this factor count as none."""


@dataclass(frozen=True)
class MedianInterval:
    """The median of some samples with its confidence interval.

    Attributes:
        median: The median; the unit is the samples'.
        low: Lower end; NaN with fewer than `FEWEST_SAMPLES`.
        high: Upper end, likewise.
        samples: Number of samples.
    """

    median: float
    low: float
    high: float
    samples: int


def interval_rank(samples: int, level: float = LEVEL) -> int:
    """Return the largest k for which the k-th smallest and k-th largest sample enclose the median that surely.

    Args:
        samples: Number of samples.
        level: Probability wanted, less than 1.

    Returns:
        k from 1; 0 if there are too few samples for the level.
    """
    rank, ways, below = 0, 1, 0
    # In whole numbers, scaled by 2^samples: floats overflow beyond about a thousand samples.
    most = (1 - Fraction(level).limit_denominator(10**6)) * 2**samples
    while rank < samples // 2:
        below += ways  # P(B ≤ rank) · 2^samples, ways being "samples choose rank"
        if 2 * below > most:
            break
        ways = ways * (samples - rank) // (rank + 1)
        rank += 1
    return rank


def median_interval(values: Sequence[float], level: float = LEVEL) -> MedianInterval:
    """Return the median of samples with its exact confidence interval.

    Args:
        values: The samples, at least one.
        level: Probability wanted.

    Raises:
        ValueError: If there are no samples.
    """
    if not len(values):
        raise ValueError("a median needs at least one sample")
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    rank = interval_rank(len(ordered), level)
    low, high = (ordered[rank - 1], ordered[-rank]) if rank else (np.nan, np.nan)
    return MedianInterval(float(np.median(ordered)), float(low), float(high), len(ordered))


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> MedianInterval:
    """Return the median of the ratios of times measured in the same rounds, with its confidence interval.

    Args:
        numerators: One time for each round.
        denominators: One time for each round, in the same order, none of them 0.

    Raises:
        ValueError: If the numbers of rounds differ, or there are none.
    """
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} rounds against {len(denominators)}")
    return median_interval(np.asarray(numerators, dtype=np.float64) / np.asarray(denominators, dtype=np.float64))  # type: ignore[arg-type]


def decide(measured: MedianInterval, predicted: float) -> Verdict:
    """Say whether a measured ratio bears a predicted one out.

    The measured effect counts as the predicted one if it is nearer to it than to no effect, as a factor: the border
    is the square root of the prediction. Where no effect is predicted (a factor within `SMALLEST_EFFECT`), the times
    must agree within `NO_EFFECT_MARGIN`. Either is decided only if the whole interval lies on one side.

    Args:
        measured: The ratio measured.
        predicted: The ratio predicted, positive.

    Returns:
        ``confirmed``, ``refuted`` or ``undecided``.
    """
    low, high = measured.low, measured.high
    if not (isfinite(low) and isfinite(high) and isfinite(predicted) and predicted > 0):
        return "undecided"
    if 1 / SMALLEST_EFFECT < predicted < SMALLEST_EFFECT:
        if low >= 1 / NO_EFFECT_MARGIN and high <= NO_EFFECT_MARGIN:
            return "confirmed"
        return "refuted" if low > NO_EFFECT_MARGIN or high < 1 / NO_EFFECT_MARGIN else "undecided"
    border = sqrt(predicted)
    if predicted > 1:
        return "confirmed" if low >= border else "refuted" if high < border else "undecided"
    return "confirmed" if high <= border else "refuted" if low > border else "undecided"


def slower(measured: MedianInterval) -> Verdict:
    """Say whether a ratio is above 1: confirmed if its whole interval is, refuted if its whole interval is not."""
    if not (isfinite(measured.low) and isfinite(measured.high)):
        return "undecided"
    return "confirmed" if measured.low > 1 else "refuted" if measured.high <= 1 else "undecided"
