"""How numbers are written for people: one unit a column, so that sizes can be compared by eye."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

Kind = Literal["text", "count", "duration", "share", "ratio", "bytes", "bytes_per_s", "flops", "flops_per_s"]
"""What a column holds: durations in ns, shares from 0 to 1, ratios written as multiples."""

MISSING: Final = "–"

_SCALES: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "duration": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
    "bytes_per_s": ((1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1, "B/s")),
    "flops": ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP"), (1, "FLOP")),
    "flops_per_s": ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s"), (1e3, "kFLOP/s"), (1, "FLOP/s")),
}

_LEAST_TYPICAL: Final = 0.01
"""A value of this many units has two digits of the three after the point; of rates, which have two, one."""


def is_missing(value: Any) -> bool:
    """Tell whether a value is absent (None, ``<NA>``, NaN)."""
    # Comparing <NA> gives <NA>, which is neither true nor false; NaN differs from itself.
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def unit_of(kind: Kind, values: Sequence[Any]) -> tuple[float, str]:
    """Choose one unit for a column.

    It is that in which the largest value has one to three digits before the point, or a smaller one if the typical
    value, the median of those that are not 0, would be left with less than two digits.

    Returns:
        (divisor, unit); (1, "") for kinds without a unit.
    """
    scales = _SCALES.get(kind)
    if scales is None:
        return 1, ""
    sizes = sorted(abs(float(v)) for v in values if not is_missing(v) and v)
    largest, typical = (sizes[-1], sizes[len(sizes) // 2]) if sizes else (0.0, 0.0)
    place = next((at for at, (scale, _) in enumerate(scales) if largest >= scale), len(scales) - 1)
    while typical < _LEAST_TYPICAL * scales[place][0] and place + 1 < len(scales):
        place += 1
    return scales[place]


def write(kind: Kind, value: Any, divisor: float = 1) -> str:
    """Write one value of a column in the column's unit."""
    if is_missing(value):
        return MISSING
    if kind == "text":
        return str(value)
    if kind == "count":
        return f"{int(value):,}" if value == int(value) else f"{value:,.1f}"  # a mean of several steps
    if kind == "share":
        return f"{value:.1%}"
    if kind == "ratio":
        return f"{value:,.{3 if value < 0.1 else 2}f} ×"
    decimals = 0 if divisor == 1 else 2 if kind.endswith("_per_s") else 3
    scaled, least = float(value) / divisor, 10**-decimals
    if 0 < abs(scaled) < least / 2:
        return f"<{least:.{decimals}f}" if scaled > 0 else f">-{least:.{decimals}f}"
    return f"{scaled:,.{decimals}f}"


def with_unit(kind: Kind, value: Any) -> str:
    """Write a value that stands alone, with its unit."""
    divisor, unit = unit_of(kind, [value])
    text = write(kind, value, divisor)
    return f"{text} {unit}" if unit and text != MISSING else text


def bar(share: float, width: int) -> str:
    """Draw a share from 0 to 1 as a bar of at most `width` characters, in eighths of a character."""
    eighths = math.floor(min(max(share, 0.0), 1.0) * width * 8 + 0.5)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]
