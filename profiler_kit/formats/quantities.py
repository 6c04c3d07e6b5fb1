"""Numbers of a trace as plain arrays: times, integers and floats from whatever JSON held.

Every function takes all values of a column at once. The first attempt is strict and runs in C; only a column that
holds something odd (``null``, ``"12"``, ``7.0``) is looked at value by value. NumPy is not used here, because loading
it takes three times as long as everything else that a worker process needs.
"""

from __future__ import annotations

import struct
from array import array
from math import isfinite, nan
from typing import Any, Final

from profiler_kit.formats.events import MISSING

MICROSECONDS: Final = "us"
NANOSECONDS: Final = "ns"

FLOAT_EXACT_BELOW_US: Final = 2.0**43
"""Up to here (101 days) neighbouring float64 differ by less than 1 ns, so every printed nanosecond survives."""

LATEST_US: Final = 9_000_000_000_000_000
"""Times beyond this many µs (year 2255) do not fit into int64 nanoseconds and are not times."""


class NeedsText(Exception):  # noqa: N818 - a request to decode again, not an error
    """These timestamps have more digits than float64 keeps: decode them as text."""


def packed(kind: str, values: list[Any]) -> array[Any]:
    """Return a column of values that all fit; to pack all at once is much faster than to give them to an array.

    Args:
        kind: Type code of array and struct.
        values: The values.

    Raises:
        struct.error: If one does not fit.
    """
    return array(kind, struct.pack(f"{len(values)}{kind}", *values))


def integers(values: list[Any]) -> array[int]:
    """Return a column of 64-bit integers, `MISSING` where a value is no integer.

    Whole floats and decimal strings count as integers. Numbers of 64 bits that are written unsigned keep their bits.
    """
    try:
        return packed("q", values)
    except struct.error:
        return array("q", map(_integer, values))


def floats(values: list[Any]) -> array[float]:
    """Return a column of 64-bit floats, NaN where a value is no finite number."""
    try:
        return packed("d", values)  # JSON has no numbers that are not finite
    except struct.error:
        return array("d", map(_float, values))


def times(values: list[Any]) -> tuple[str, array[Any]]:
    """Return points in time, in microseconds as decoded, exactly as they are.

    Returns:
        `MICROSECONDS` and the values as integers or floats; or, where a value is no number, `NANOSECONDS` and integers
        with `MISSING` in its place.

    Raises:
        NeedsText: If a float is too large to still hold its nanoseconds.
    """
    unit, column = durations(values)
    if column.typecode == "d":
        in_order = sorted(values)  # of what is nearly in order, that is faster than min and max
        if in_order[0] <= -FLOAT_EXACT_BELOW_US or in_order[-1] >= FLOAT_EXACT_BELOW_US:
            raise NeedsText
    elif unit == NANOSECONDS and any(isinstance(v, float) and abs(v) >= FLOAT_EXACT_BELOW_US for v in values):
        raise NeedsText
    return unit, column


def durations(values: list[Any]) -> tuple[str, array[Any]]:
    """Return lengths of time like :func:`times`; one too long for its float to hold nanoseconds is taken as it is."""
    for kind in "d" if isinstance(values[0], float) else "qd":
        try:
            return MICROSECONDS, packed(kind, values)
        except struct.error:
            continue
    return NANOSECONDS, array("q", map(exactly, values))


def exactly(value: Any) -> int:
    """Return the nanoseconds of one time in µs, from a number, a string, or the text of either; else `MISSING`."""
    from decimal import Decimal, InvalidOperation  # seldom needed, and workers start faster without

    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").strip('"')
    if isinstance(value, str):
        if len(value) > _LONGEST_TIME:
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


_LONGEST_TIME: Final = 64


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
        number = float(value) if isinstance(value, (int, float, str)) else nan
    except (ValueError, OverflowError):
        return nan
    return number if isfinite(number) else nan
