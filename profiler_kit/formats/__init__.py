"""Files to traces: finding them, telling their format, reading them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profiler_kit.formats.discovery import find_traces, newest_of, newest_trace
    from profiler_kit.formats.ranks import read_ranks
    from profiler_kit.formats.registry import read_trace
    from profiler_kit.formats.source import Progress

__all__ = ["Progress", "find_traces", "newest_of", "newest_trace", "read_ranks", "read_trace"]

_HOMES = {
    "Progress": "source",
    "find_traces": "discovery",
    "newest_of": "discovery",
    "newest_trace": "discovery",
    "read_ranks": "ranks",
    "read_trace": "registry",
}
"""Resolved on first use: worker processes import modules of this package and must not load pandas."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return value
