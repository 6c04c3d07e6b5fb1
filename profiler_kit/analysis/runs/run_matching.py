"""Which rows of two runs are the same work: first by layer and problem, then by what still agrees, in order."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.trace.joins import NONE, first_match

Rows = NDArray[np.int64]

_ROUNDS: Final = (
    (("layer", "operator", "pass", "exact"), False),
    (("layer", "operator", "pass", "shape"), False),
    (("layer", "operator", "pass"), True),
    (("operator", "pass", "exact"), False),
    (("operator", "pass", "shape"), False),
    (("operator", "pass"), True),
)
"""What has to agree, and whether only where both runs have the same number of rows left that agree so. Within one
round the n-th row of one run is matched with the n-th of the other."""


def match_rows(a: pd.DataFrame, b: pd.DataFrame) -> tuple[Rows, Rows]:
    """Match the rows of two runs.

    Args:
        a: Rows of the first run (:class:`profiler_kit.analysis.runs.run_pieces.RunPieces`), in order.
        b: Rows of the second.

    Returns:
        The number of the pair of each row of `a` and of each row of `b`. A row without counterpart is a pair alone.
    """
    codes = {
        column: pd.factorize(pd.concat([a[column], b[column]], ignore_index=True), use_na_sentinel=False)[0]
        for column in sorted({column for keys, _ in _ROUNDS for column in keys})
    }
    pair_a, pair_b = np.full(len(a), NONE, dtype=np.int64), np.full(len(b), NONE, dtype=np.int64)
    free = 0
    for keys, alike in _ROUNDS:
        left, right = np.flatnonzero(pair_a == NONE), np.flatnonzero(pair_b == NONE)
        if not (left.size and right.size):
            break
        key = _together([codes[column][np.concatenate((left, right + len(a)))] for column in keys])
        rows_a, rows_b = _next_pairs(key[: len(left)], key[len(left) :], alike)
        rows_a, rows_b = left[rows_a], right[rows_b]
        pair_a[rows_a] = pair_b[rows_b] = np.arange(free, free + len(rows_a))
        free += len(rows_a)
    for pair in (pair_a, pair_b):
        alone = pair == NONE
        pair[alone] = np.arange(free, free + int(alone.sum()))
        free += int(alone.sum())
    return pair_a, pair_b


def match_names(a: pd.Series, b: pd.Series) -> tuple[Rows, Rows]:
    """Match the rows of two runs that have the same name; names are distinct within each run."""
    codes = pd.factorize(pd.concat([a, b], ignore_index=True), use_na_sentinel=False)[0].astype(np.int64)
    return codes[: len(a)], codes[len(a) :]


def _together(codes: list[Rows]) -> Rows:
    """Number the rows so that those with the same codes in all columns have the same number."""
    key = codes[0]
    for column in codes[1:]:
        key = pd.factorize(key * (column.max(initial=0) + 1) + column)[0]
    return key.astype(np.int64)


def _next_pairs(a: Rows, b: Rows, alike: bool) -> tuple[Rows, Rows]:
    """Return the rows of one round in pairs, given the key of each row."""
    keys = int(max(a.max(initial=NONE), b.max(initial=NONE))) + 1
    # The n-th row of a key in `a` and that in `b` have the same place.
    place_a, place_b = (pd.Series(key).groupby(key).cumcount().to_numpy() * keys + key for key in (a, b))
    found = first_match(place_b, place_a)
    if alike:
        found[(np.bincount(a, minlength=keys) != np.bincount(b, minlength=keys))[a]] = NONE
    rows = np.flatnonzero(found != NONE)
    return rows, found[rows]
