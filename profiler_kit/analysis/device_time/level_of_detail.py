"""Long series made short enough to be drawn, without losing what the eye looks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


def drawn_rows(time_ns: Int64Array, values: Int64Array, buckets: int) -> Int64Array:
    """Choose the points of a series that draw the same line as all of them.

    Time is cut into buckets of equal length, of which the first, the last, a lowest and a highest point are kept: the
    M4 aggregation of Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation" (VLDB 2014), which is
    free of error where a bucket is a column of pixels. The overall peak is one of the points that stay.

    Args:
        time_ns: Times in ascending order, shape (n,).
        values: Values, shape (n,).
        buckets: Number of buckets.

    Returns:
        Row numbers in ascending order, at most four for each bucket; all of them where there are no more than that.
    """
    if len(time_ns) <= 4 * buckets:
        return np.arange(len(time_ns))
    span = int(time_ns[-1] - time_ns[0]) + 1
    bucket = (time_ns - time_ns[0]) // -(-span // buckets)
    rows = np.arange(len(time_ns))
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[:1] - 1))
    ends = np.concatenate((starts[1:], [len(rows)])) - 1
    by_value = np.lexsort((rows, values, bucket))  # buckets keep their places, each ordered by value
    highest = np.lexsort((-rows, values, bucket))[ends]
    return np.unique(np.concatenate((starts, ends, by_value[starts], highest)))
