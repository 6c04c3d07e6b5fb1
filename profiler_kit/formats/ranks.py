"""Reading the traces of one distributed job."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from profiler_kit.errors import ProfilerKitError, UnreadableTraceWarning
from profiler_kit.formats.discovery import find_traces
from profiler_kit.formats.several import read_traces
from profiler_kit.formats.source import Progress
from profiler_kit.trace import Ranks, Trace, UnreadableTrace
from profiler_kit.trace.distributed import distributed_info
from profiler_kit.trace.ranks import FROM_NAME, FROM_ORDER, FROM_TRACE

_NAME = re.compile(r"(?:rank|worker)[-_. ]?(\d{1,6})", re.IGNORECASE)


def read_ranks(path: str | PathLike[str], *, cache: bool = True, progress: Progress | None = None) -> Ranks:
    """Read all traces that a path stands for, one for each rank.

    A file that cannot be read is left out, with an :class:`~profiler_kit.UnreadableTraceWarning`.

    Args:
        path: What :func:`find_traces` takes, usually a directory.
        cache: As in :func:`read_trace`.
        progress: As in :func:`read_trace`; bytes count over all files.

    Raises:
        TraceNotFoundError: If there is no trace.
        TraceFormatError: If none of the files can be read; it tells of the first.
    """
    places = find_traces(path)
    ranks, errors = _by_rank(places, read_traces(places, cache=cache, progress=progress))
    if not ranks:
        raise errors[0]
    for error in errors:
        warnings.warn(f"left out: {error}", UnreadableTraceWarning, stacklevel=2)
    return ranks


def _by_rank(places: list[Path], found: Iterator[Trace | ProfilerKitError]) -> tuple[Ranks, list[ProfilerKitError]]:
    """Sort what is read by rank; an unreadable file without one keeps its place in the order."""
    errors: list[ProfilerKitError] = []
    traces: dict[int, Trace] = {}
    origins: dict[int, str] = {}
    superseded: list[str] = []
    unreadable: list[UnreadableTrace] = []
    unnumbered: list[Trace | ProfilerKitError] = []
    for place, one in zip(places, found, strict=True):
        rank, origin = rank_of(one, place) if isinstance(one, Trace) else (rank_in_name(place.name), FROM_NAME)
        if isinstance(one, ProfilerKitError):
            errors.append(one)
        if rank is None:
            unnumbered.append(one)
        elif isinstance(one, ProfilerKitError):
            unreadable.append(UnreadableTrace(rank, str(one)))
        else:
            if rank in traces:
                superseded.append(traces[rank].source)
            traces[rank], origins[rank] = one, origin
    taken = traces.keys() | {file.rank for file in unreadable}
    free = [number for number in range(len(taken) + len(unnumbered)) if number not in taken]
    ordered = any(isinstance(one, Trace) for one in unnumbered)
    for rank, one in zip(free, unnumbered, strict=False):
        if isinstance(one, Trace):
            traces[rank], origins[rank] = one, FROM_ORDER
        else:
            unreadable.append(UnreadableTrace(rank if ordered else None, str(one)))
    return Ranks(traces, origins, tuple(superseded), tuple(unreadable)), errors


def rank_of(trace: Trace, place: Path) -> tuple[int | None, str]:
    """Return a trace's rank and where that was read; None if nothing tells it."""
    rank = distributed_info(trace.metadata).get("rank")
    if isinstance(rank, int) and not isinstance(rank, bool) and rank >= 0:
        return rank, FROM_TRACE
    named = rank_in_name(place.name)
    return (named, FROM_NAME) if named is not None else (None, FROM_ORDER)


def rank_in_name(name: str) -> int | None:
    """Return the rank that a file's name tells, None if it tells none."""
    found = _NAME.findall(name)
    return int(found[-1]) if found else None
