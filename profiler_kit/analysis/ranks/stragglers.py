"""Which rank the others waited for, step by step, and what it had been doing meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.trace.intervals import merge
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

COMPUTES: Final = "computes longer"
COPIES: Final = "copies longer"
IDLES: Final = "its GPU is idle longer, though not for want of a launch"
LAUNCHES: Final = "its GPU is idle longer: the host launches late"
BEGINS: Final = "begins later than the others"
NOTHING: Final = "nothing: the ranks differ by chance"

_CAUSES: Final = {"compute_ns": COMPUTES, "copy_ns": COPIES, "idle_ns": IDLES, "since_ns": BEGINS}
_EXCESS: Final = (*_CAUSES, "unlaunched_ns")

_STEP_COLUMNS: Final = (
    "step", "collectives", "waited_ns", "straggler", "late", "late_ns", "cause", "cause_ns"
)  # fmt: skip
_LATE_COLUMNS: Final = ("rank", "step", "late", "late_ns", "waited_ns", "cause", "cause_ns")


class BusyTime:
    """How long a rank has computed or copied up to any moment.

    Args:
        compute_start_ns: Starts of its computing kernels.
        compute_end_ns: Their ends.
        copy_start_ns: Starts of its copies and memsets.
        copy_end_ns: Their ends.
    """

    def __init__(self, compute_start_ns: Rows, compute_end_ns: Rows, copy_start_ns: Rows, copy_end_ns: Rows) -> None:
        both = np.concatenate((compute_start_ns, copy_start_ns)), np.concatenate((compute_end_ns, copy_end_ns))
        self._compute = _Covered(compute_start_ns, compute_end_ns)
        self._any = _Covered(*both)
        self.first_ns = int(both[0].min()) if len(both[0]) else None

    def compute_ns(self, start_ns: Rows, end_ns: Rows) -> Rows:
        """Return how long it computed between two moments."""
        return self._compute.before(end_ns) - self._compute.before(start_ns)

    def copy_ns(self, start_ns: Rows, end_ns: Rows) -> Rows:
        """Return how long it copied without computing between two moments."""
        busy = self._any.before(end_ns) - self._any.before(start_ns)
        return busy - self.compute_ns(start_ns, end_ns)


class _Covered:
    """Time covered by ranges up to any moment."""

    def __init__(self, start_ns: Rows, end_ns: Rows) -> None:
        self._start, self._end = merge(start_ns, end_ns)
        self._sum = np.concatenate(([0], np.cumsum(self._end - self._start)))

    def before(self, at_ns: Rows) -> Rows:
        """Return the time covered before each moment, shape (n,)."""
        if not len(self._start):
            return np.zeros(len(at_ns), dtype=np.int64)
        place = np.searchsorted(self._start, at_ns, "right") - 1
        inside = np.minimum(at_ns, self._end[place]) - self._start[place]
        return np.where(place < 0, 0, self._sum[place] + inside).astype(np.int64)


def stragglers(table: pd.DataFrame, busy: Mapping[int, BusyTime]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tell for each step which ranks the others waited for, and why they were late.

    Between two collectives every rank computes, copies or is idle. The cause is that part of which a late rank had
    most in excess of the median rank, over the collectives of the step in which it was the last to start.

    Args:
        table: Matched collectives, the table of :class:`profiler_kit.analysis.ranks.rank_collectives.RankCollectives`.
        busy: Rank → what its device did besides communicating, on the common clock.

    Returns:
        The tables ``steps`` and ``late`` of :class:`profiler_kit.analysis.ranks.rank_times.RankTimes`.
    """
    matched = table[(table["instance"] != NONE).to_numpy()] if len(table) else table
    if not len(matched):
        return pd.DataFrame(columns=list(_STEP_COLUMNS)), pd.DataFrame(columns=list(_LATE_COLUMNS))
    gaps = _gaps(matched, busy)
    last = _last_to_start(gaps)
    late = last.groupby(["rank", "step"], dropna=False, sort=True)
    by_rank = late.agg(late=("late_ns", "size"), late_ns=("late_ns", "sum"), waited_ns=("waited_ns", "sum"))
    excess = _excess(gaps, last).groupby(["rank", "step"], dropna=False, sort=True)[list(_EXCESS)].sum()
    causes = [_cause(figures) for figures in excess.to_dict("records")]
    by_rank = by_rank.reset_index().assign(cause=[name for name, _ in causes], cause_ns=[ns for _, ns in causes])
    rows = []
    for step, mine in by_rank.groupby("step", dropna=False, sort=True):
        worst = mine.sort_values("waited_ns", ascending=False, kind="stable").iloc[0]
        figures = (int(mine["late"].sum()), int(mine["waited_ns"].sum()), int(worst["rank"]))
        rows.append((step, *figures, int(worst["late"]), int(worst["late_ns"]), worst["cause"], int(worst["cause_ns"])))
    steps = pd.DataFrame(rows, columns=list(_STEP_COLUMNS)).astype({"step": "Int64"})
    return steps, by_rank[list(_LATE_COLUMNS)]


def _gaps(matched: pd.DataFrame, busy: Mapping[int, BusyTime]) -> pd.DataFrame:
    """Say for every collective what its rank did since the end of the one before."""
    parts = []
    for rank, mine in matched.groupby("rank", sort=True):
        mine = mine.sort_values("start_ns", kind="stable")
        start = mine["start_ns"].to_numpy(np.int64)
        ends = np.maximum.accumulate(mine["end_ns"].to_numpy(np.int64))
        of_rank = busy[int(str(rank))]
        first = start[0] if of_rank.first_ns is None else min(of_rank.first_ns, start[0])
        since = np.minimum(np.concatenate(([first], ends[:-1])), start)
        compute, copy = of_rank.compute_ns(since, start), of_rank.copy_ns(since, start)
        launch = mine["launch_ns"].fillna(0).to_numpy(np.int64)
        parts.append(
            mine[["rank", "step", "instance", "start_ns", "waiting_ns"]].assign(
                since_ns=since,
                compute_ns=compute,
                copy_ns=copy,
                idle_ns=start - since - compute - copy,
                unlaunched_ns=np.maximum(launch - since, 0),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _last_to_start(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return for every collective the rank that started last: how much after the one before it, and what it cost."""
    ordered = gaps.sort_values(["instance", "start_ns"], kind="stable")
    waited = ordered.groupby("instance", sort=True)["waiting_ns"].sum()
    last = np.flatnonzero(~ordered["instance"].duplicated(keep="last").to_numpy())
    start = ordered["start_ns"].to_numpy(np.int64)
    table = ordered.iloc[last]  # every collective has at least two ranks, so the row before is of the same one
    return table.assign(late_ns=start[last] - start[last - 1], waited_ns=table["instance"].map(waited).astype("int64"))


def _excess(gaps: pd.DataFrame, last: pd.DataFrame) -> pd.DataFrame:
    """Return how far the last rank exceeds the median of the others before each collective, in everything it did."""
    # Times of day are too large for the floats that medians are.
    figures = gaps.assign(since_ns=gaps["since_ns"] - gaps["since_ns"].min()).set_index("instance")
    is_last = figures["rank"].to_numpy() == last.set_index("instance")["rank"].reindex(figures.index).to_numpy()
    median = figures[~is_last].groupby(level="instance")[list(_EXCESS)].median()
    mine = figures[is_last]
    excess: pd.DataFrame = mine[["rank", "step"]].join(mine[list(_EXCESS)] - median)
    return excess


def _cause(excess: Mapping[Any, float]) -> tuple[str, int]:
    """Return in what a rank exceeds the others most, and by how much in all."""
    name = max(_CAUSES, key=lambda part: excess[part])
    value = round(excess[name])
    if value <= 0:
        return NOTHING, 0
    launches_late = name == "idle_ns" and excess["unlaunched_ns"] >= value / 2
    return LAUNCHES if launches_late else _CAUSES[name], value
