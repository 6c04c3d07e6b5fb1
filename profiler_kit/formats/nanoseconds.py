"""Microseconds, as floats, integers or text, to exact nanoseconds, all values of a column at once."""

from __future__ import annotations

from array import array
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from profiler_kit.formats.events import MISSING
from profiler_kit.formats.quantities import LATEST_US, exactly

Int64Array = NDArray[np.int64]

_BLOCK: Final = 1 << 14

_PRODUCT_EXACT_BELOW_US: Final = 2.0**42
"""Below, a float64 lies within 2⁻¹² µs of what was printed and its product with 1000 is rounded by at most ¼ ns, which
together is less than ½ ns: rounding gives every printed nanosecond."""

_INT_LIST = msgspec.json.Decoder(list[int])


def of_microseconds(column: NDArray[np.float64] | Int64Array, out: Int64Array | None = None) -> Int64Array:
    """Return microseconds in nanoseconds; `MISSING` where a value is beyond all times.

    Args:
        column: Microseconds.
        out: Where the nanoseconds go, by default to a new array.
    """
    nanoseconds = np.empty(len(column), dtype=np.int64) if out is None else out
    for start in range(0, len(column), _BLOCK):  # whose intermediate results stay in the CPU's cache
        block = column[start : start + _BLOCK]
        first, last, inside = block.min(), block.max(), None
        if not (first >= -LATEST_US and last <= LATEST_US):
            inside = (block >= -LATEST_US) & (block <= LATEST_US)
            block = np.where(inside, block, 0)
        if block.dtype == np.int64:
            found = block * 1000
        elif first > -_PRODUCT_EXACT_BELOW_US and last < _PRODUCT_EXACT_BELOW_US:
            found = np.rint(block * 1000).astype(np.int64)
        else:
            # Splitting first keeps each step exact; the product of a 2^52 ns time would already be rounded.
            whole = np.floor(block)
            found = whole.astype(np.int64) * 1000 + np.rint((block - whole) * 1000).astype(np.int64)
        nanoseconds[start : start + _BLOCK] = found if inside is None else np.where(inside, found, MISSING)
    return nanoseconds


def of_text(texts: list[msgspec.Raw]) -> Int64Array:
    """Return microseconds, as the text of JSON numbers, in nanoseconds; `MISSING` where a text is no time."""
    joined = b",".join(texts)
    characters = np.frombuffer(joined, dtype=np.uint8)
    ends = np.append(np.flatnonzero(characters == ord(",")), len(joined))
    dots = np.flatnonzero(characters == ord("."))
    owner = np.searchsorted(ends, dots)
    try:
        digits = np.frombuffer(array("q", _INT_LIST.decode(b"[" + joined.replace(b".", b"") + b"]")), dtype=np.int64)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        digits = np.empty(0, dtype=np.int64)
    decimals = np.zeros(len(ends), dtype=np.int64)
    decimals[owner] = ends[owner] - dots - 1
    one_each = len(digits) == len(ends) == len(texts) and len(np.unique(owner)) == len(owner)
    if not one_each or (decimals > 3).any() or b"e" in joined or b"E" in joined:
        return np.fromiter((exactly(bytes(t)) for t in texts), dtype=np.int64, count=len(texts))
    factor = 10 ** (3 - decimals)
    inside = np.abs(digits) <= LATEST_US * 1000 // factor
    return np.where(inside, digits * factor, MISSING)
