"""Which reader opens a file: told by its content, not only by its name."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from profiler_kit.errors import TraceNotFoundError
from profiler_kit.formats import kineto
from profiler_kit.trace import Trace


def read_trace(path: str | PathLike[str]) -> Trace:
    """Read one trace file.

    Args:
        path: A trace as PyTorch writes it, ``.json`` or ``.json.gz``.

    Raises:
        TraceNotFoundError: If there is no such file.
        TraceFormatError: If the file is no trace.
    """
    file = Path(path)
    if not file.is_file():
        raise TraceNotFoundError(f"{path}: no such file")
    return kineto.read(file)
