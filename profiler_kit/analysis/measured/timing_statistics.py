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
from math import exp, inf, isfinite, log
from typing import Final, Literal

import numpy as np

Verdict = Literal["confirmed", "refuted", "undecided"]

Prediction = Literal["estimate", "at best", "at most", "at least"]
"""Kinds of predictions: a value, the most that a change can gain, and bounds of a ratio."""

LEVEL: Final = 0.95
"""Probability with which an interval holds the median, at least."""

LOOKS: Final = 3
"""So often samples may be looked at to see whether they decide, before and after more were taken."""

LEVEL_OF_LOOK: Final = 1 - (1 - LEVEL) / LOOKS
"""Probability for the interval of one look. Whoever stops at the first interval that decides picks a lucky one; that at
least one of `LOOKS` intervals misses has a probability of at most the sum of each (Bonferroni), whatever they have in
common, so all of them hold with `LEVEL` together, and so does the one that is stopped at."""

FEWEST_SAMPLES: Final = 7
"""With fewer, even the smallest and the largest sample do not enclose the median as surely as one look asks for."""

MARGIN: Final = 1.05
"""Times of the same thing, measured soundly twice, may differ by this factor: other addresses, another clock rate."""

WIDEST: Final = 1.25
"""An estimate that is off by more than this factor is wrong, however large the effect."""


DISTURBING: Final = 100
"""Preemptions a second from which on a reader is told of them. They decide nothing by themselves: on two cores, ratios
of layers that run on both stayed within 15 % at 600 a second, beside a process that kept half a core busy, and were off
twofold at 200, beside two that kept both busy. Then it is the width of the intervals that tells."""


@dataclass(frozen=True)
class MedianInterval:
    """The median of some samples with its confidence interval.

    Attributes:
        median: The median; the unit is the samples'.
        low: Lower end; NaN with fewer samples than the level asks for, `FEWEST_SAMPLES` for one look.
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


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float], level: float = LEVEL) -> MedianInterval:
    """Return the median of the ratios of times measured in the same rounds, with its confidence interval.

    Args:
        numerators: One time for each round.
        denominators: One time for each round, in the same order, none of them 0.
        level: Probability wanted.

    Raises:
        ValueError: If the numbers of rounds differ, or there are none.
    """
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} rounds against {len(denominators)}")
    ratios = np.asarray(numerators, dtype=np.float64) / np.asarray(denominators, dtype=np.float64)
    return median_interval(ratios, level)  # type: ignore[arg-type] # an array is as good as a sequence


def accepted(predicted: float, kind: Prediction = "estimate") -> tuple[float, float]:
    """Return the ratios that bear a prediction out, from the lowest to the highest.

    An estimate is borne out by an effect that is within half of the predicted one, as a factor: between the square
    root of the prediction and its power of 1.5. That band is never narrower than `MARGIN`, what two sound measurements
    of the same thing may differ by, nor wider than `WIDEST`. A bound has one open end; what is expected *at best* must
    also help, unless it is too little to be told from nothing.

    Args:
        predicted: The ratio predicted, positive.
        kind: What kind of prediction it is.
    """
    if kind == "at most":
        return 0.0, predicted * MARGIN
    if kind == "at least":
        return predicted / MARGIN, inf
    if kind == "at best":
        return predicted / MARGIN, 1.0 if predicted < 1 / MARGIN else MARGIN
    wide = exp(min(max(abs(log(predicted)) / 2, log(MARGIN)), log(WIDEST)))
    return predicted / wide, predicted * wide


def decide(measured: MedianInterval, predicted: float, kind: Prediction = "estimate") -> Verdict:
    """Say whether a measured ratio bears a predicted one out.

    This is a test of equivalence by intervals (Schuirmann's two one-sided tests): the prediction is confirmed if the
    whole confidence interval lies within what is :func:`accepted`, refuted if none of it does, and undecided if the
    noise leaves both open. A bound is confirmed as a bound, which does not bear its reason out: others would keep the
    ratio there as well. What was to help is refuted, too, if a gain worth telling (`MARGIN`) is ruled out while there
    may be none at all.

    Args:
        measured: The ratio measured, with its confidence interval.
        predicted: The ratio predicted, positive.
        kind: What kind of prediction it is.
    """
    low, high = measured.low, measured.high
    if not (isfinite(low) and isfinite(high) and isfinite(predicted) and predicted > 0):
        return "undecided"
    least, most = accepted(predicted, kind)
    if least <= low and high <= most:
        return "confirmed"
    useless = kind == "at best" and low > 1 / MARGIN and high > 1 and most == 1.0
    return "refuted" if high < least or low > most or useless else "undecided"


def with_spread(measured: MedianInterval, spread: float) -> MedianInterval:
    """Return a measured ratio with the noise of a prediction, which rests on times as well, added to its own.

    Args:
        measured: The ratio.
        spread: Factor by which the prediction may be off.
    """
    return MedianInterval(measured.median, measured.low / spread, measured.high * spread, measured.samples)


def is_disturbed(preemptions: int | None, seconds: float) -> bool:
    """Tell whether other processes took cores away so often that a reader should know.

    Args:
        preemptions: Times that this process lost a core while it measured; None where that is not counted.
        seconds: What measuring took.
    """
    return preemptions is not None and preemptions > DISTURBING * seconds


def slower(measured: MedianInterval) -> Verdict:
    """Say whether a ratio is above 1: confirmed if its whole interval is, refuted if its whole interval is not."""
    if not (isfinite(measured.low) and isfinite(measured.high)):
        return "undecided"
    return "confirmed" if measured.low > 1 else "refuted" if measured.high <= 1 else "undecided"
