"""The traces of one distributed job, by rank."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from profiler_kit.formats.discovery import find_traces
from profiler_kit.formats.several import read_traces
from profiler_kit.formats.source import Progress
from profiler_kit.trace import Trace
from profiler_kit.trace.distributed import distributed_info

FROM_TRACE: Final = "distributedInfo"
FROM_NAME: Final = "file name"
FROM_ORDER: Final = "order of files"

_NAME = re.compile(r"(?:rank|worker)[-_. ]?(\d{1,6})", re.IGNORECASE)


class Ranks(Mapping[int, Trace]):
    """Rank → trace, ascending.

    Attributes:
        origins: Rank → where it was read: `FROM_TRACE`, `FROM_NAME` or, where neither says, `FROM_ORDER`.
        superseded: Traces that were left out because a later one has the same rank.
    """

    def __init__(self, traces: Mapping[int, Trace], origins: Mapping[int, str], superseded: tuple[str, ...]) -> None:
        self._traces = dict(sorted(traces.items()))
        self.origins = dict(sorted(origins.items()))
        self.superseded = superseded

    def __getitem__(self, rank: int) -> Trace:
        return self._traces[rank]

    def __iter__(self) -> Iterator[int]:
        return iter(self._traces)

    def __len__(self) -> int:
        return len(self._traces)


def read_ranks(path: str | PathLike[str], *, cache: bool = True, progress: Progress | None = None) -> Ranks:
    """Read all traces that a path stands for, one for each rank.

    Args:
        path: What :func:`find_traces` takes, usually a directory.
        cache: As in :func:`read_trace`.
        progress: As in :func:`read_trace`; bytes count over all files.

    Raises:
        TraceNotFoundError: If there is no trace.
        TraceFormatError: If one of the files is no trace.
    """
    traces: dict[int, Trace] = {}
    origins: dict[int, str] = {}
    superseded: list[str] = []
    unnumbered: list[Trace] = []
    places = find_traces(path)
    for place, trace in zip(places, read_traces(places, cache=cache, progress=progress), strict=True):
        rank, origin = rank_of(trace, place)
        if rank is None:
            unnumbered.append(trace)
            continue
        if rank in traces:
            superseded.append(traces[rank].source)
        traces[rank], origins[rank] = trace, origin
    free = (number for number in range(len(traces) + len(unnumbered)) if number not in traces)
    for rank, trace in zip(list(free), unnumbered, strict=False):
        traces[rank], origins[rank] = trace, FROM_ORDER
    return Ranks(traces, origins, tuple(superseded))


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
