"""The columns of one recorded trace, and how its tables join."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profiler_kit.trace.dialect import Dialect
    from profiler_kit.trace.health import Health
    from profiler_kit.trace.joins import row_numbers
    from profiler_kit.trace.ranks import Ranks, UnreadableTrace
    from profiler_kit.trace.trace import Trace, build_trace

__all__ = ["Dialect", "Health", "Ranks", "Trace", "UnreadableTrace", "build_trace", "row_numbers"]

_HOMES = {
    "Dialect": "dialect",
    "Health": "health",
    "Ranks": "ranks",
    "Trace": "trace",
    "UnreadableTrace": "ranks",
    "build_trace": "trace",
    "row_numbers": "joins",
}
"""Resolved on first use: worker processes need the schema but not pandas."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return value
