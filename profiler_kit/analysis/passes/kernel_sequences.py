"""Which calls launched the same kernels in the same order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def sequence_numbers(group: Rows, code: Rows, groups: int) -> Rows:
    """Number groups so that those with the same codes in the same order have the same number.

    Args:
        group: Group of each element, from 0; elements of a group in order, shape (n,).
        code: Code of each element.
        groups: Number of groups.

    Returns:
        Number of the sequence of each group, shape (groups,). An empty sequence has a number too.
    """
    order = np.argsort(group, kind="stable")
    groups_of, codes = group[order], code[order]
    starts = np.searchsorted(groups_of, np.arange(groups))
    lengths = np.bincount(groups_of, minlength=groups)
    state = np.zeros(groups, dtype=np.int64)
    free = 1
    # All groups take their next element at once; a state stands for everything that was taken so far.
    for place in range(int(lengths.max(initial=0))):
        open_ = np.flatnonzero(lengths > place)
        steps = pd.DataFrame({"state": state[open_], "code": codes[starts[open_] + place]})
        numbers = steps.groupby(["state", "code"], sort=False).ngroup().to_numpy()
        state[open_] = numbers + free
        free += int(numbers.max()) + 1
    return state
