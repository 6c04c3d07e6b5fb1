"""Which rows of two runs are the same work: first by layer and problem, then by what still agrees, in order."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.trace.joins import NONE

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
    columns = sorted({column for keys, _ in _ROUNDS for column in keys})
    codes_a, codes_b = pd.DataFrame(index=range(len(a))), pd.DataFrame(index=range(len(b)))
    for column in columns:
        both = pd.concat([a[column], b[column]], ignore_index=True)
        codes = pd.factorize(both, use_na_sentinel=False)[0]
        codes_a[column], codes_b[column] = codes[: len(a)], codes[len(a) :]
    pair_a, pair_b = np.full(len(a), NONE, dtype=np.int64), np.full(len(b), NONE, dtype=np.int64)
    free = 0
    for keys, alike in _ROUNDS:
        rows_a, rows_b = _next_pairs(codes_a[pair_a == NONE], codes_b[pair_b == NONE], list(keys), alike)
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


def _next_pairs(a: pd.DataFrame, b: pd.DataFrame, keys: list[str], alike: bool) -> tuple[Rows, Rows]:
    """Return the rows of one round, in pairs."""
    left = a[keys].assign(place=a.groupby(keys).cumcount(), row_a=a.index)
    right = b[keys].assign(place=b.groupby(keys).cumcount(), row_b=b.index)
    if alike:
        sizes = pd.concat([a.groupby(keys).size(), b.groupby(keys).size()], axis=1, keys=["a", "b"])
        same = sizes[sizes["a"] == sizes["b"]].reset_index()[keys]
        left = left.merge(same, on=keys)
    pairs = left.merge(right, on=[*keys, "place"])
    return pairs["row_a"].to_numpy(np.int64), pairs["row_b"].to_numpy(np.int64)
