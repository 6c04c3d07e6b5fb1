"""Numbers of a trace as columns: exact nanoseconds, integers and floats from whatever JSON held.

Every function takes all values of a column at once. The first attempt is strict and runs in C; only a column that
holds something odd (``null``, ``"12"``, ``7.0``) is looked at value by value.
"""

from __future__ import annotations

from array import array
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from profiler_kit.formats.events import MISSING

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]

FLOAT_EXACT_BELOW_US: Final = 2.0**43
"""Up to here (101 days) neighbouring float64 differ by less than 1 ns, so every printed nanosecond survives."""

LATEST_US: Final = 9_000_000_000_000_000
"""Times beyond this many µs (year 2255) do not fit into int64 nanoseconds and are not times."""

_INT_LIST = msgspec.json.Decoder(list[int])


class NeedsText(Exception):  # noqa: N818 - a request to decode again, not an error
    """These timestamps have more digits than float64 keeps: decode them as text."""


def integers(values: list[Any]) -> Int64Array:
    """Return a column of int64, `MISSING` where a value is no integer.

    Whole floats and decimal strings count as integers. Numbers of 64 bits that are written unsigned keep their bits.
    """
    if values and values[0] is MISSING and values.count(MISSING) == len(values):
        return np.full(len(values), MISSING)
    try:
        return np.frombuffer(array("q", values), dtype=np.int64)
    except (TypeError, OverflowError):
        return np.fromiter(map(_integer, values), dtype=np.int64, count=len(values))


def floats(values: list[Any]) -> Float64Array:
    """Return a column of float64, NaN where a value is no finite number."""
    try:
        column = np.frombuffer(array("d", values), dtype=np.float64)
    except (TypeError, OverflowError):
        column = np.fromiter(map(_float, values), dtype=np.float64, count=len(values))
    return column if np.isfinite(column).all() else np.where(np.isfinite(column), column, np.nan)


def nanoseconds(values: list[Any]) -> Int64Array:
    """Return microseconds, as decoded, in nanoseconds; `MISSING` where a value is no time.

    Raises:
        NeedsText: If a float is too large to still hold its nanoseconds.
    """
    try:
        whole = np.frombuffer(array("q", values), dtype=np.int64)
    except (TypeError, OverflowError):
        return _fractional(values)
    inside = np.abs(whole) <= LATEST_US
    return whole * 1000 if inside.all() else np.where(inside, whole * 1000, MISSING)


def _fractional(values: list[Any]) -> Int64Array:
    try:
        column = np.frombuffer(array("d", values), dtype=np.float64)
    except (TypeError, OverflowError):
        if any(isinstance(v, float) and abs(v) >= FLOAT_EXACT_BELOW_US for v in values):
            raise NeedsText from None
        return np.fromiter(map(_time, values), dtype=np.int64, count=len(values))
    if not (np.abs(column) < FLOAT_EXACT_BELOW_US).all():
        raise NeedsText
    # Splitting first keeps each step exact; the product of a 2^52 ns time would already be rounded.
    whole = np.floor(column)
    return whole.astype(np.int64) * 1000 + np.rint((column - whole) * 1000).astype(np.int64)


def nanoseconds_of_text(texts: list[msgspec.Raw]) -> Int64Array:
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
        return np.fromiter((_time(bytes(t)) for t in texts), dtype=np.int64, count=len(texts))
    factor = 10 ** (3 - decimals)
    inside = np.abs(digits) <= LATEST_US * 1000 // factor
    return np.where(inside, digits * factor, MISSING)


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, str) and len(value) <= 20:
        try:
            value = int(value)
        except ValueError:
            return MISSING
    if not isinstance(value, int):
        return MISSING
    if 2**63 <= value < 2**64:
        return value - 2**64
    return value if MISSING < value < 2**63 else MISSING


def _float(value: Any) -> float:
    try:
        return float(value) if isinstance(value, (int, float, str)) else np.nan
    except (ValueError, OverflowError):
        return np.nan


def _time(value: Any) -> int:
    """Return the nanoseconds of one time in µs, from a number, a string, or the text of either."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").strip('"')
    if isinstance(value, str):
        if len(value) > 64:
            return MISSING
        try:
            value = Decimal(value)
        except InvalidOperation:
            return MISSING
        if not value.is_finite():
            return MISSING
    elif not isinstance(value, (int, float)):
        return MISSING
    if not -LATEST_US <= value <= LATEST_US:
        return MISSING
    return round(Decimal(value) * 1000)
