"""Names of operators and layers where there is little room."""

from __future__ import annotations

from typing import Any, Final

from profiler_kit.report.layers import short_layer
from profiler_kit.report.quantities import MISSING, is_missing

_ENGINE: Final = "autograd::engine::evaluate_function: "
"""Before the name of every node that autograd runs."""


def short_operator(name: str) -> str:
    """Return the name of an operator without what all of autograd's nodes have in common."""
    return name.removeprefix(_ENGINE)


def layers_text(first: Any, count: int, layer_source: str) -> str:
    """Write the first of some layers and how many more there are, a dash if there is none."""
    if is_missing(first):
        return MISSING
    name = short_layer(str(first), layer_source)
    return name if count == 1 else f"{name} and {count - 1} more"


def counted(count: int, thing: str, plural: str = "s") -> str:
    """Write how many there are of something; `plural` is what the word gets for more than one."""
    return f"{count:,} {thing}{plural if count != 1 else ''}"
