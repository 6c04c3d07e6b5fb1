"""Which steps stand out, whether they become slower, and which of them the recording cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

FEWEST_FOR_OUTLIERS: Final = 5
FEWEST_FOR_TREND: Final = 8

_MODIFIED_Z: Final = 3.5
_MAD_TO_SIGMA: Final = 0.6745
_LEAST_DEVIATION: Final = 0.05
"""Steps that differ from the median by less are no outliers, however regular the others are."""

_TWO_SIDED_1_PERCENT: Final = 2.576
_WHOLE: Final = 0.9
"""Steps with a smaller share of the operators of the smallest other one were cut."""


@dataclass(frozen=True)
class Trend:
    """How durations develop from step to step.

    Attributes:
        direction: ``rising``, ``falling`` or ``steady``.
        rank_correlation: Spearman's, of duration with the order of the steps.
        change_ns: Median of the last third of the steps minus that of the first third.
        steps: Steps that were compared.
    """

    direction: str
    rank_correlation: float
    change_ns: int
    steps: int


def outliers(duration_ns: Int64Array) -> NDArray[np.bool_]:
    """Tell which durations stand out, shape (n,).

    The test is the modified z-score, 0.6745 · |x - median| / MAD > 3.5 (Iglewicz and Hoaglin, "How to Detect and Handle
    Outliers", 1993), for differences of at least 5% of the median. Of fewer than 5 none stands out.
    """
    if len(duration_ns) < FEWEST_FOR_OUTLIERS:
        return np.zeros(len(duration_ns), dtype=bool)
    median = float(np.median(duration_ns))
    away = np.abs(duration_ns - median)
    spread = float(np.median(away))
    return np.asarray((_MAD_TO_SIGMA * away > _MODIFIED_Z * spread) & (away > _LEAST_DEVIATION * median), dtype=bool)


def trend(duration_ns: Int64Array) -> Trend | None:
    """Tell whether durations rise or fall; None for fewer than 8.

    They do if Spearman's rank correlation with their order is larger than what chance gives in one case of a hundred,
    about 2.576 / √(n - 1) (its normal approximation).
    """
    count = len(duration_ns)
    if count < FEWEST_FOR_TREND:
        return None
    order = np.arange(count, dtype=np.float64)
    rank = pd.Series(duration_ns).rank().to_numpy()
    varies = rank.std() > 0
    correlation = float(np.corrcoef(order, rank)[0, 1]) if varies else 0.0
    third = count // 3
    change = int(np.median(duration_ns[-third:]) - np.median(duration_ns[:third]))
    if abs(correlation) <= _TWO_SIDED_1_PERCENT / np.sqrt(count - 1):
        return Trend("steady", correlation, change, count)
    return Trend("rising" if correlation > 0 else "falling", correlation, change, count)


def cut_steps(operators: Int64Array) -> tuple[pd.arrays.BooleanArray, NDArray[np.object_]]:
    """Tell which steps the recording does not hold completely, by how many operators it has of each.

    The first and the last step can be cut: by a recording that began or ended in their middle. They are if they have no
    operator at all while others do (the profiler opens a step after the last ``step()`` and closes it at once), or
    fewer than 90% of the smallest step that is neither first nor last.

    Args:
        operators: Operators that begin in each step, in order, shape (n,).

    Returns:
        cut (``<NA>`` where there is nothing to compare with) and a remark that gives the figures, or None.
    """
    count = len(operators)
    cut, unknown = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    remarks = np.full(count, None, dtype=object)
    inner = operators[1:-1]
    for place in {0, count - 1} if count else ():
        if operators[place] == 0 and operators.any():
            cut[place], remarks[place] = True, "cut: no operator of it was recorded"
        elif not len(inner):
            unknown[place] = True
        elif operators[place] < _WHOLE * inner.min():
            cut[place] = True
            remarks[place] = f"cut: {operators[place]:,} operators, at least {inner.min():,} in each step between"
    return pd.arrays.BooleanArray(cut, unknown), remarks
