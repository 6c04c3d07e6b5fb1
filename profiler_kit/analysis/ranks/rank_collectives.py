"""The collectives of several ranks matched with each other, and what that tells about their clocks.

A collective cannot end on one rank long before it has ended on the others, so the ends of matched collectives are the
same moment on every rank, and their median distance is what one clock is ahead of another. It is waited for from a
rank's start of the collective to the start of the last rank; from then on, data is transferred. Both are derived, not
measured: a kernel does not say when it stopped waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.ranks.collectives import collective_kernels
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

_KEY: Final = ["step", "collective", "dtype", "group", "device_stream"]
_NO_STEP: Final = -1

_NORMAL_MAD: Final = 1.4826
"""Standard deviation of a normal distribution / its median absolute deviation."""

_OVERLAPPING: Final = 0.9
"""Share of the instances of one kind that have to run on all ranks at once for their order to be believed."""


@dataclass(frozen=True)
class RankCollectives:
    """Communication kernels of all ranks.

    Attributes:
        table: One row per kernel and rank, ordered by rank and start: ``rank``, the columns of
            :func:`profiler_kit.analysis.ranks.collectives.collective_kernels` with ``start_ns``, ``end_ns`` and
            ``launch_ns`` on the common clock, ``instance`` (the same number on all ranks that took part, `NONE` if not
            matched), ``waiting_ns`` (until the last rank had started; ``<NA>`` if not matched), ``transfer_ns`` (the
            rest).
        clocks: One row per rank: ``rank``, ``matched`` (its collectives that were matched), ``ahead_ns`` (how much its
            clock is ahead of the others' median by the ends of collectives; ``<NA>`` without any), ``spread_ns`` (of
            that, as a standard deviation), ``corrected_ns`` (what was taken off its times: nothing where the clock is
            ahead by no more than the spread).
        unmatched: Kernels of several ranks that could not be matched.
    """

    table: pd.DataFrame
    clocks: pd.DataFrame
    unmatched: int


def rank_collectives(traces: Mapping[int, Trace]) -> RankCollectives:
    """Match the collectives of several ranks and align their clocks.

    Collectives are matched by their order: the n-th one of the same kind, type, process group (where the kernels tell
    it) and stream in the same profiler step. Where ranks have different numbers of them in a step, those of that step
    are left out.

    Args:
        traces: Rank → trace.
    """
    parts = [_absolute(rank, trace) for rank, trace in traces.items()]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["rank", "start_ns", "end_ns"])
    instance = _by_order(table, len(traces))
    clocks = _clocks(table, instance, list(traces))
    off = clocks.set_index("rank")["corrected_ns"].reindex(table["rank"]).to_numpy(np.int64)
    for column in ("start_ns", "end_ns"):
        table[column] = table[column].to_numpy(np.int64) - off
    table["launch_ns"] = table["launch_ns"].astype("Int64") - off
    instance = _overlapping(table, instance)
    table["instance"] = instance
    matched = instance != NONE
    start = table["start_ns"].to_numpy(np.int64)
    last = pd.Series(start).groupby(instance).transform("max").to_numpy(np.int64)
    waiting = pd.Series(last - start, dtype="Int64")  # what was matched ran at the same time
    table["waiting_ns"] = waiting.mask(~matched)
    table["transfer_ns"] = (table["end_ns"] - table["start_ns"] - table["waiting_ns"]).astype("Int64")
    clocks["matched"] = pd.Series(matched).groupby(table["rank"]).sum().reindex(clocks["rank"], fill_value=0).to_numpy()
    return RankCollectives(table, clocks, int((~matched).sum()) if len(traces) > 1 else 0)


def _absolute(rank: int, trace: Trace) -> pd.DataFrame:
    """Return a rank's collectives in ns since 1970, as far as its file knows."""
    table = collective_kernels(trace)
    for column in ("start_ns", "end_ns", "launch_ns"):
        table[column] = table[column] + trace.epoch_ns
    # Streams have the same order on every rank, whatever their numbers.
    streams = table["stream"].where(table["stream"] != NONE, 0)
    table["device_stream"] = streams.rank(method="dense").astype("int64")
    table.insert(0, "rank", rank)
    return table


def _by_order(table: pd.DataFrame, ranks: int) -> Rows:
    """Number collectives so that the n-th of a kind has the same number on every rank, `NONE` where counts differ."""
    if ranks < 2 or not len(table):
        return np.full(len(table), NONE, dtype=np.int64)
    keys = table[_KEY].assign(step=table["step"].fillna(_NO_STEP).astype("int64"))
    kind = keys.groupby(_KEY, sort=False).ngroup()
    place = keys.groupby([kind, table["rank"]], sort=False).cumcount()
    counts = pd.crosstab(kind, table["rank"])
    present = counts.where(counts > 0)
    usable = (present.max(axis=1) == present.min(axis=1)) & (present.notna().sum(axis=1) > 1)
    number = pd.DataFrame({"kind": kind, "place": place}).groupby(["kind", "place"], sort=False).ngroup()
    return np.where(kind.map(usable), number, NONE).astype(np.int64)


def _clocks(table: pd.DataFrame, instance: Rows, ranks: list[int]) -> pd.DataFrame:
    """Tell by the ends of matched collectives how much each rank's clock is ahead."""
    matched = table[instance != NONE]
    end = matched["end_ns"].astype("int64")
    numbers = instance[instance != NONE]
    first = end.groupby(numbers).transform("min")
    distance = (end - first).astype("float64")  # small, so that float64 is exact
    distance -= distance.groupby(numbers).transform("median")
    ahead = distance.groupby(matched["rank"]).median()
    spread = (distance - matched["rank"].map(ahead)).abs().groupby(matched["rank"]).median() * _NORMAL_MAD
    clocks = pd.DataFrame({"rank": ranks})
    clocks["ahead_ns"] = clocks["rank"].map(ahead).round().astype("Int64")
    clocks["spread_ns"] = clocks["rank"].map(spread).round().astype("Int64")
    corrected = clocks["ahead_ns"].where(clocks["ahead_ns"].abs() > clocks["spread_ns"], 0)
    clocks["corrected_ns"] = corrected.fillna(0).astype("int64")
    return clocks


def _overlapping(table: pd.DataFrame, instance: Rows) -> Rows:
    """Undo matches of collectives that did not run at the same time: ranks of different groups may count alike."""
    matched = instance != NONE
    if not matched.any():
        return instance
    groups = table[matched].groupby(instance[matched])
    together = groups["start_ns"].max() < groups["end_ns"].min()
    kinds = groups[_KEY].first()
    believed = together.groupby([kinds[key] for key in _KEY], dropna=False).transform("mean") >= _OVERLAPPING
    good = set(together.index[(together & believed).to_numpy()])
    return np.where(np.isin(instance, list(good)), instance, NONE)
