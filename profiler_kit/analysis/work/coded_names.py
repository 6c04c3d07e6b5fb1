"""Columns of repeated names as codes into a table of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def coded(codes: NDArray[Any], names: pd.Series | Sequence[str]) -> pd.Categorical:
    """Return the names that codes stand for.

    Args:
        codes: Place in the table of names, -1 for missing, shape (n,).
        names: The table itself, or a column of categories whose table it is.
    """
    dtype: Any = names.dtype if isinstance(names, pd.Series) else pd.CategoricalDtype(list(names))
    values: Any = codes
    return pd.Categorical.from_codes(values, dtype=dtype)


def used_codes(names: pd.Series) -> NDArray[np.int64]:
    """Return the codes that occur in a column of categories, in order."""
    counts = np.bincount(name_codes(names) + 1, minlength=1)
    return np.flatnonzero(counts[1:])


def name_codes(names: pd.Series) -> NDArray[np.int64]:
    """Return the codes of a column of categories, -1 for missing, shape (n,)."""
    return np.asarray(names.cat.codes, dtype=np.int64)
