"""Columns of repeated names as codes into a table of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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


def used_codes(codes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the codes that occur, in order; -1 does not count."""
    return np.flatnonzero(np.bincount(codes + 1, minlength=1)[1:])


def matching(names: pd.Series, pattern: str | re.Pattern[str]) -> NDArray[np.bool_]:
    """Tell whose names a pattern is found in, looking at each name once; a missing name has none, shape (n,).

    Args:
        names: A column of categories, or of text.
        pattern: A regular expression.
    """
    found = re.compile(pattern)
    return told_by_name(names, lambda text: found.search(text) is not None)


def told_by_name(names: pd.Series, tell: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Ask a question of each name once; a missing name is answered with no.

    Args:
        names: A column of categories, or of text, shape (n,).
        tell: The question.

    Returns:
        The answers by row, shape (n,).
    """
    codes, texts = coded_texts(names)
    answers = np.zeros(len(texts) + 1, dtype=bool)  # the last one is that of missing names
    for code in used_codes(codes).tolist():
        answers[code] = tell(str(texts[code]))
    return answers.take(codes, mode="wrap")


def coded_texts(names: pd.Series) -> tuple[NDArray[Any], NDArray[np.object_]]:
    """Return a column as codes, -1 for missing, and the texts that they stand for.

    Args:
        names: A column of categories, or of text.
    """
    if not isinstance(names.dtype, pd.CategoricalDtype):
        names = names.astype("category")
    return names.cat.codes.to_numpy(), names.cat.categories.to_numpy(dtype=object)


def name_codes(names: pd.Series) -> NDArray[np.int64]:
    """Return the codes of a column of categories, -1 for missing, shape (n,)."""
    return np.asarray(names.cat.codes, dtype=np.int64)
