"""Whether two means of step times differ by more than the steps spread.

A difference counts as a change only if Welch's t test (B. L. Welch, "The generalization of 'Student's' problem when
several different population variances are involved", Biometrika 34, 1947) finds it beyond chance at 99.9 %: of a
thousand comparisons of equal things about one is called a change. One slow step widens the spread, and so makes the
test more careful rather than less. Times that were written in whole µs are no more exact than that, even where they
happen not to vary.
"""

from __future__ import annotations

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

_T_999: Final = (
    636.619, 31.599, 12.924, 8.610, 6.869, 5.959, 5.408, 5.041, 4.781, 4.587, 4.437, 4.318, 4.221, 4.140, 4.073, 4.015,
    3.965, 3.922, 3.883, 3.850, 3.819, 3.792, 3.768, 3.745, 3.725, 3.707, 3.690, 3.674, 3.659, 3.646,
)  # fmt: skip
"""Two-sided 99.9 % points of Student's t distribution for 1 to 30 degrees of freedom, as tables print them."""

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
    sums = pd.DataFrame({"row": row, "step": step, "ns": ns}).groupby(["row", "step"], sort=False)["ns"].sum()
    of = sums.index.get_level_values("row").to_numpy()
    values = sums.to_numpy(np.float64)
    mean = np.bincount(of, values, minlength=rows) / max(steps, 1)
    if steps < FEWEST_STEPS:
        return mean, np.full(rows, np.nan)
    there = np.bincount(of, minlength=rows)
    squares = np.bincount(of, (values - mean[of]) ** 2, minlength=rows) + (steps - there) * mean**2
    return mean, squares / (steps - 1)


def noise(a_variance: Floats, b_variance: Floats, a_steps: int, b_steps: int) -> Floats:
    """Return the difference of two means that chance alone exceeds once in a thousand times; NaN if not known."""
    if min(a_steps, b_steps) < FEWEST_STEPS:
        return np.full(len(a_variance), np.nan)
    a, b = a_variance / a_steps, b_variance / b_steps
    squares = a**2 / (a_steps - 1) + b**2 / (b_steps - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(squares > 0, (a + b) ** 2 / squares, a_steps + b_steps - 2)
    place = np.clip(np.floor(freedom).astype(np.int64), 1, len(_T_999)) - 1
    return np.asarray(np.array(_T_999)[place] * np.sqrt(a + b), dtype=np.float64)


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
