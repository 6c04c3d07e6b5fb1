"""Finding the traces that a path stands for."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from profiler_kit.errors import TraceNotFoundError

TRACE_SUFFIXES = (".pt.trace.json", ".pt.trace.json.gz")
"""What the names of traces end in where a directory is searched; a file named by the user may be called anything."""


def find_traces(path: str | PathLike[str]) -> list[Path]:
    """Return the trace files that a path stands for.

    Args:
        path: A trace file, whatever its name, or a directory that is searched with its subdirectories.

    Returns:
        The file itself, or the directory's traces ordered by folder and time of writing.

    Raises:
        TraceNotFoundError: If the path does not exist or the directory holds no trace.
    """
    place = Path(path)
    if not place.exists():
        raise TraceNotFoundError(f"{path}: no such file or directory")
    if not place.is_dir():
        return [place]
    found = [p for p in place.rglob("*") if p.name.endswith(TRACE_SUFFIXES) and not p.name.startswith(".") and p.is_file()]
    if not found:
        raise TraceNotFoundError(
            f"{path}: no traces in this directory; record one with profiler_kit.profile, "
            f"or name the file (looked for *{' and *'.join(TRACE_SUFFIXES)})"
        )
    return sorted(found, key=lambda p: (p.parent, p.stat().st_mtime_ns, p.name))
