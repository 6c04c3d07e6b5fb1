"""Names that a column holds."""

from __future__ import annotations

import numpy as np
import pandas as pd


def used_names(column: pd.Series) -> list[str]:
    """Return the distinct names in a column of names, all columns of a trace having the same categories."""
    codes = column.cat.codes.to_numpy()
    used = np.zeros(len(column.cat.categories) + 1, dtype=bool)  # the last one for what has no name
    used[codes] = True
    return [str(name) for name in column.cat.categories[used[:-1]]]
