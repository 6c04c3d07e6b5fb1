"""What a trace says about the distributed job that it is part of."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_LONGEST_TEXT: Final = 1 << 16
"""Longer text is not looked into: the real thing is a few kilobytes at most."""


def distributed_info(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``distributedInfo`` of a trace, which writers give as an object or as the text of one.

    Args:
        metadata: Top-level facts of the trace.

    Returns:
        Its keys (``rank``, ``world_size``, ``backend``, …), nothing if the trace is not part of a job or does not say.
    """
    info = metadata.get("distributedInfo")
    if isinstance(info, str) and len(info) <= _LONGEST_TEXT:
        try:
            info = msgspec.json.decode(info)
        except (msgspec.DecodeError, RecursionError):
            try:
                info = ast.literal_eval(info)
            except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                return {}
    return info if isinstance(info, dict) else {}


def world_size(metadata: Mapping[str, Any]) -> int | None:
    """Return the number of ranks of the job that a trace is part of, None if it does not say.

    Args:
        metadata: Top-level facts of the trace.
    """
    size = distributed_info(metadata).get("world_size")
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None
