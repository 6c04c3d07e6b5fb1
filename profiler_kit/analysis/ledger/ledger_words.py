"""How the ledger writes numbers inside its statements."""

from __future__ import annotations


def time_text(us: float) -> str:
    """Write a time with four significant digits: ``98.18 µs``, ``129.6 µs``, ``1.204 ms``."""
    if not us:
        return "none"
    for scale, unit in ((1e6, "s"), (1e3, "ms")):
        if us >= scale:
            return f"{us / scale:.4g} {unit}"
    return f"{us:.2f} µs" if us < 100 else f"{us:.1f} µs"


def scaled(value: float) -> str:
    """Write a number before its unit, with the unit's prefix: ``924.8 M``."""
    for scale, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale:
            return f"{value / scale:.4g} {prefix}"
    return f"{value:.4g} "


def multiple(value: float) -> str:
    """Write a factor: ``15.6 ×``."""
    return f"{value:.3g} ×" if value < 1000 else f"{value:,.0f} ×"


def against(slow: str, fast: str) -> str:
    """Write what is the case on both sides, once where it is the same."""
    return slow if slow == fast else f"{slow} against {fast}"
