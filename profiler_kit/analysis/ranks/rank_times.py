"""What every rank of a distributed job did with its time, which rank the others waited for, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_time_classes import COMMUNICATION, COMPUTE, classified_activity
from profiler_kit.analysis.ranks.collectives import bus_factor, collective_bytes
from profiler_kit.analysis.ranks.rank_collectives import RankCollectives, rank_collectives
from profiler_kit.analysis.ranks.stragglers import BusyTime, stragglers
from profiler_kit.trace import Ranks, Trace, UnreadableTrace
from profiler_kit.trace.intervals import union_ns
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

BREAKDOWN: Final = ("compute_ns", "copy_ns", "transfer_ns", "waiting_ns", "other_communication_ns", "idle_ns")
"""Columns that add up to ``span_ns``. Time in which several things happen goes to the first of them."""


@dataclass(frozen=True)
class RankTimes:
    """The ranks of one job.

    Attributes:
        ranks: One row per rank: ``rank``, ``source``, ``span_ns`` (from its first to its last device activity), which
            is the sum of ``compute_ns``, ``copy_ns`` (copies and memsets beside no computation), ``transfer_ns`` and
            ``waiting_ns`` (collectives beside neither), ``other_communication_ns`` (of collectives that could not be
            matched), ``idle_ns``; ``communication_ns`` (duration of all communication kernels), ``hidden_ns`` (the
            part of it beside computation or copies), ``kernels``.
        steps: One row per step and one more, ``<NA>``, for what lies in none: ``step``, ``collectives`` (matched
            ones), ``waited_ns`` (by all ranks together), ``straggler`` (the rank that most of it was waited for),
            ``late`` (collectives in which it was the last to start), ``late_ns`` (how much later than the rank before
            it, summed: what the others would have gained had it kept up), ``cause``, ``cause_ns`` (its excess over the
            median rank).
        late: What each rank made the others wait: ``rank``, ``step``, ``late``, ``late_ns``, ``waited_ns`` (by the
            others, for it), ``cause``, ``cause_ns``.
        collectives: One row per kind of collective: ``collective``, ``dtype``, ``bytes`` (size as nccl-tests count it;
            ``<NA>`` if not known), ``ranks`` (of the process group; of the job, where kernels do not tell theirs),
            ``calls``, ``communication_ns`` (all ranks), ``waiting_ns`` and ``transfer_ns`` (both ``<NA>`` if not
            matched), ``median_transfer_ns`` (of one call), ``bytes_per_s`` (size / that), ``bus_bytes_per_s`` (by
            nccl-tests' factors), most time first.
        matching: How collectives were matched, and the clocks.
        world_size: Ranks of the job, None if the traces do not say.
        missing: Ranks of the job without a readable trace.
        unreadable: Files that were left out because they could not be read.
    """

    ranks: pd.DataFrame
    steps: pd.DataFrame
    late: pd.DataFrame
    collectives: pd.DataFrame
    matching: RankCollectives
    world_size: int | None
    missing: tuple[int, ...] = ()
    unreadable: tuple[UnreadableTrace, ...] = ()


def rank_times(traces: Mapping[int, Trace]) -> RankTimes:
    """Compare the ranks of a job.

    Args:
        traces: Rank → trace, as :func:`profiler_kit.formats.read_ranks` returns them.
    """
    job = traces if isinstance(traces, Ranks) else Ranks(traces)
    matching = rank_collectives(traces)
    rows, busy = [], {}
    off = dict(zip(matching.clocks["rank"], matching.clocks["corrected_ns"], strict=True))
    for rank, trace in traces.items():
        shift = trace.epoch_ns - int(off[rank])
        activity = classified_activity(trace)
        start, end = activity["start_ns"].to_numpy() + shift, activity["end_ns"].to_numpy() + shift
        mine = matching.table[matching.table["rank"] == rank]
        rows.append({"rank": rank, "source": trace.source, **_breakdown(activity, start, end, mine)})
        compute = (activity["class"] == COMPUTE).to_numpy()
        copies = ~compute & (activity["class"] != COMMUNICATION).to_numpy()
        busy[rank] = BusyTime(start[compute], end[compute], start[copies], end[copies])
    world = job.world_size
    steps, late = stragglers(matching.table, busy)
    return RankTimes(
        ranks=pd.DataFrame(rows),
        steps=steps,
        late=late,
        collectives=_collectives(matching.table, world),
        matching=matching,
        world_size=world,
        missing=job.missing,
        unreadable=job.unreadable,
    )


def _breakdown(activity: pd.DataFrame, start: Rows, end: Rows, collectives: pd.DataFrame) -> dict[str, int]:
    """Divide a rank's time. Layer after layer is laid on the union of those before; what it adds is its own time."""
    if not len(activity):
        return dict.fromkeys(("span_ns", *BREAKDOWN, "communication_ns", "hidden_ns", "kernels"), 0)
    compute = (activity["class"] == COMPUTE).to_numpy()
    communication = (activity["class"] == COMMUNICATION).to_numpy()
    copies = ~compute & ~communication
    matched = (collectives["instance"] != NONE).to_numpy()
    own_start, own_end = collectives["start_ns"].to_numpy(np.int64), collectives["end_ns"].to_numpy(np.int64)
    until = own_start + collectives["waiting_ns"].fillna(0).to_numpy(np.int64)
    layers = {
        "compute_ns": (start[compute], end[compute]),
        "copy_ns": (start[copies], end[copies]),
        "transfer_ns": (until[matched], own_end[matched]),
        "waiting_ns": (own_start[matched], until[matched]),
        "other_communication_ns": (own_start[~matched], own_end[~matched]),
    }
    result, covered = {"span_ns": int(end.max() - start.min())}, 0
    starts, ends = start[:0], end[:0]
    for name, (more_starts, more_ends) in layers.items():
        starts, ends = np.concatenate((starts, more_starts)), np.concatenate((ends, more_ends))
        union = union_ns(starts, ends)
        result[name], covered = union - covered, union
    result["idle_ns"] = result["span_ns"] - covered
    exposed = result["transfer_ns"] + result["waiting_ns"] + result["other_communication_ns"]
    in_all = union_ns(start[communication], end[communication])
    result["communication_ns"] = int((end - start)[communication].sum())
    result["hidden_ns"] = in_all - exposed
    result["kernels"] = int((compute | communication).sum())
    return result


def _collectives(table: pd.DataFrame, world: int | None) -> pd.DataFrame:
    """Sum collectives by kind and size, with the bandwidth that they reached once all ranks were there."""
    rows = []
    keys = ["collective", "dtype", "input_bytes", "group_size"]
    for _, group in table.groupby(keys, sort=False, dropna=False):
        collective, dtype, size, told = group[keys].iloc[0]
        matched = group[group["instance"] != NONE]
        instances = matched.groupby("instance")
        ranks = int(instances["rank"].nunique().max()) if len(matched) else 0
        members = int(told) if not pd.isna(told) else max(ranks, world or 0) or None
        total = collective_bytes(collective, int(size), members) if not pd.isna(size) and members else pd.NA
        # The last rank to start does not wait: its time is that of the transfer.
        transfer = instances["transfer_ns"].min() if len(matched) else (group["end_ns"] - group["start_ns"])
        median = int(transfer.median()) if len(transfer) else 0
        rate = total / median * 1e9 if median and total is not pd.NA and len(matched) else pd.NA
        factor = bus_factor(collective, members or 0)
        everywhere = len(matched) == len(group)
        rows.append(
            {
                "collective": collective,
                "dtype": dtype,
                "bytes": total,
                "ranks": members,
                "calls": len(instances) if everywhere else len(group),
                "communication_ns": int((group["end_ns"] - group["start_ns"]).sum()),
                "waiting_ns": int(group["waiting_ns"].sum()) if everywhere else pd.NA,
                "transfer_ns": int(group["transfer_ns"].sum()) if everywhere else pd.NA,
                "median_transfer_ns": median if len(matched) else pd.NA,
                "bytes_per_s": rate,
                "bus_bytes_per_s": rate * factor if factor is not None and rate is not pd.NA else pd.NA,
            }
        )
    kinds = ["bytes", "ranks", "waiting_ns", "transfer_ns", "median_transfer_ns"]
    columns = [
        "collective", "dtype", "bytes", "ranks", "calls", "communication_ns", "waiting_ns", "transfer_ns",
        "median_transfer_ns", "bytes_per_s", "bus_bytes_per_s",
    ]  # fmt: skip
    result = pd.DataFrame(rows, columns=columns)
    result = result.astype({**dict.fromkeys(kinds, "Int64"), "bytes_per_s": "Float64", "bus_bytes_per_s": "Float64"})
    return result.sort_values("communication_ns", ascending=False, kind="stable", ignore_index=True)
