"""Whether two means of step times differ by more than the steps spread.

A difference is judged by Welch's t test (B. L. Welch, "The generalization of 'Student's' problem when several different
population variances are involved", Biometrika 34, 1947), which asks for little where steps are alike and for much where
few steps spread. A table holds many differences, of which one in twenty would pass a test at 95 % by chance; so what is
called a change is chosen by the rule of Y. Benjamini and Y. Hochberg ("Controlling the false discovery rate", J. R.
Statist. Soc. B 57, 1995) at 5 %: of the changes that tables name, at most one in twenty on average is none, and where
nothing changed at all, nineteen tables in twenty name none. One slow step widens the spread, and so makes the test more
careful rather than less. Times that were written in whole µs are no more exact than that, even where they happen not to
vary.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SAME: Final = "same"
SLOWER: Final = "slower"
FASTER: Final = "faster"
WITHIN_NOISE: Final = "within noise"
ONLY_IN_A: Final = "only in A"
ONLY_IN_B: Final = "only in B"
NOT_JUDGED: Final = "not judged"
"""There are fewer than two steps on a side, so that nothing is known of the noise."""

FEWEST_STEPS: Final = 2

LEVEL: Final = 0.05
"""Share of the changes named in tables that may be none, on average."""

MANY_STEPS: Final = 10
"""With fewer steps on a side, how little they tell is said."""

_MOST_FREEDOM: Final = 30
"""More degrees of freedom are taken for these: the test then asks for slightly more than it has to."""

_HALVINGS: Final = 100

WHOLE_US_NS: Final = 1000.0

WHOLE_US_VARIANCE_NS2: Final = 1000.0**2 / 6
"""Variance of a duration whose start and end were both rounded to µs: the sum of two of 1 µs² / 12."""


def mean_and_variance(
    row: NDArray[np.int64], step: NDArray[np.int64], ns: NDArray[np.int64], rows: int, steps: int
) -> tuple[Floats, Floats]:
    """Return mean and variance over steps of the time that each row takes in a step, in ns and ns².

    Args:
        row: Row of each piece, shape (n,).
        step: Its step, 0 to `steps` - 1.
        ns: Its duration.
        rows: Number of rows.
        steps: Number of steps; one in which a row does not occur counts as 0.

    Returns:
        Mean, and unbiased variance (NaN with fewer than two steps), both of shape (rows,).
    """
    sums = pd.Series(ns).groupby(row * max(steps, 1) + step, sort=False).sum()
    of = sums.index.to_numpy() // max(steps, 1)
    values = sums.to_numpy(np.float64)
    mean = np.bincount(of, values, minlength=rows) / max(steps, 1)
    if steps < FEWEST_STEPS:
        return mean, np.full(rows, np.nan)
    there = np.bincount(of, minlength=rows)
    squares = np.bincount(of, (values - mean[of]) ** 2, minlength=rows) + (steps - there) * mean**2
    return mean, squares / (steps - 1)


def noise(
    difference: Floats, variances: tuple[Floats, Floats], steps: tuple[int, int], in_both: NDArray[np.bool_]
) -> Floats:
    """Return how large each difference of a table may be and still be within noise, in ns.

    Args:
        difference: Of the two means, in ns.
        variances: Of the steps of A and of B, as :func:`mean_and_variance` returns them.
        steps: Number of steps of A and of B.
        in_both: Which rows occur in both; the others are not judged by this, and do not count as tests.

    Returns:
        The noise, NaN if it is not known.
    """
    if min(steps) < FEWEST_STEPS:
        return np.full(len(difference), np.nan)
    a, b = variances[0] / steps[0], variances[1] / steps[1]
    squares = a**2 / (steps[0] - 1) + b**2 / (steps[1] - 1)
    error = np.sqrt(a + b)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(squares > 0, (a + b) ** 2 / squares, sum(steps) - 2)
        t = np.where(difference == 0, 0.0, np.abs(difference) / error)
    # The degrees of freedom are a quotient of rounded numbers: 4 must not become 3 for a last digit.
    freedom = np.clip(np.floor(freedom + 1e-9).astype(np.int64), 1, _MOST_FREEDOM)
    level = _level(_chance(t, freedom)[in_both])
    return np.asarray(_t_beyond(level)[freedom - 1] * error, dtype=np.float64)


def _level(chances: Floats) -> float:
    """Return the greatest chance at which a difference still counts as a change, after Benjamini and Hochberg."""
    tests = max(len(chances), 1)
    allowed = LEVEL * np.arange(1, len(chances) + 1) / tests
    passed = allowed[np.sort(chances) <= allowed]
    return float(passed[-1]) if len(passed) else LEVEL / tests


def _chance(t: Floats, freedom: NDArray[np.int64]) -> Floats:
    """Return the chance of a t at least as far from 0, for whole degrees of freedom up to `_MOST_FREEDOM`.

    By the finite sums of M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    angle = np.arctan(t / np.sqrt(freedom))
    sine, cosine = np.sin(angle), np.cos(angle)
    odd = freedom % 2 == 1
    term = np.where(odd, cosine, 1.0)
    total = np.where(freedom == 1, 0.0, term)
    for power in range(2, _MOST_FREEDOM - 1, 2):
        term = term * cosine**2 * np.where(odd, power / (power + 1), (power - 1) / power)
        total += np.where(freedom >= power + np.where(odd, 3, 2), term, 0.0)
    inside = np.where(odd, 2 / np.pi * (angle + sine * total), sine * total)
    return np.asarray(np.clip(1 - inside, 0.0, 1.0), dtype=np.float64)


@lru_cache(maxsize=1024)
def _t_beyond(level: float) -> Floats:
    """Return the t that chance exceeds at this level, for 1 to `_MOST_FREEDOM` degrees of freedom.

    Tables with as many rows ask for the same few levels, and each takes milliseconds to find.
    """
    freedom = np.arange(1, _MOST_FREEDOM + 1)
    low, high = np.zeros(_MOST_FREEDOM), np.full(_MOST_FREEDOM, 1 / level)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beyond = _chance(middle, freedom) > level
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    high.flags.writeable = False  # it is handed out again
    return np.asarray(high, dtype=np.float64)


def verdicts(
    difference: Floats, noise_ns: Floats, in_a: NDArray[np.bool_], in_b: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Say what each difference is: one of the constants of this module.

    Args:
        difference: B - A.
        noise_ns: What :func:`noise` returned.
        in_a: Whether the row occurs in A at all.
        in_b: Whether it occurs in B.
    """
    known = ~np.isnan(noise_ns)
    beyond = known & (np.abs(difference) > noise_ns)
    rules = [~in_b & in_a, ~in_a & in_b, difference == 0, ~known, beyond & (difference > 0), beyond & (difference < 0)]
    names = [ONLY_IN_A, ONLY_IN_B, SAME, NOT_JUDGED, SLOWER, FASTER]
    return np.select(rules, names, default=WITHIN_NOISE).astype(object)
