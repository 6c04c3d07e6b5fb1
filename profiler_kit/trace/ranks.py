"""The traces of one distributed job, by rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from profiler_kit.trace.distributed import world_size
from profiler_kit.trace.trace import Trace

FROM_TRACE: Final = "distributedInfo"
FROM_NAME: Final = "file name"
FROM_ORDER: Final = "order of files"

_LARGEST_JOB: Final = 1 << 17
"""Ranks beyond which a size of the job is not believed enough to name all that are missing."""


class UnreadableTrace(NamedTuple):
    """A file of a job that could not be read.

    Attributes:
        rank: Whose trace it would be, None if nothing tells.
        reason: One line that names the file and what is wrong with it.
    """

    rank: int | None
    reason: str


class Ranks(Mapping[int, Trace]):
    """Rank → trace, ascending.

    Attributes:
        origins: Rank → where it was read: `FROM_TRACE`, `FROM_NAME` or, where neither says, `FROM_ORDER`.
        superseded: Traces that were left out because a later one has the same rank.
        unreadable: Files that were left out because they could not be read.
    """

    def __init__(
        self,
        traces: Mapping[int, Trace],
        origins: Mapping[int, str] = MappingProxyType({}),
        superseded: tuple[str, ...] = (),
        unreadable: tuple[UnreadableTrace, ...] = (),
    ) -> None:
        self._traces = dict(sorted(traces.items()))
        self.origins = dict(sorted(origins.items()))
        self.superseded = superseded
        self.unreadable = unreadable

    def __getitem__(self, rank: int) -> Trace:
        return self._traces[rank]

    def __iter__(self) -> Iterator[int]:
        return iter(self._traces)

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def world_size(self) -> int | None:
        """Ranks of the job, None if its traces do not say."""
        sizes = (world_size(trace.metadata) for trace in self._traces.values())
        return max((size for size in sizes if size is not None), default=None)

    @property
    def missing(self) -> tuple[int, ...]:
        """Ranks of the job without a readable trace, ascending; as far as its size and the files tell."""
        size = self.world_size
        expected = {file.rank for file in self.unreadable if file.rank is not None}
        if size is not None and size <= _LARGEST_JOB:
            expected.update(range(size))
        return tuple(sorted(expected - self._traces.keys()))
