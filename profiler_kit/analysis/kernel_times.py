"""Time by kernel name, and copies by kind."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from profiler_kit.trace import Trace


@dataclass(frozen=True)
class KernelTimes:
    """Time by kernel name.

    Attributes:
        table: One row per name, most time first: ``name``, ``calls``, ``total_ns``, ``mean_ns``, ``min_ns``,
            ``max_ns``, ``share`` (of all kernel time, 0 to 1).
        total_ns: Duration of all kernels; the sum of the column ``total_ns``.
    """

    table: pd.DataFrame
    total_ns: int


@dataclass(frozen=True)
class CopyTimes:
    """Copies and memsets by kind.

    Attributes:
        table: One row per kind, most time first: ``name``, ``calls``, ``total_ns``, ``bytes``, ``bytes_per_s`` (of the
            calls that say how many bytes; ``<NA>`` if none does).
        total_ns: Duration of all of them.
        bytes: Bytes of all of them.
    """

    table: pd.DataFrame
    total_ns: int
    bytes: int


def kernel_times(trace: Trace) -> KernelTimes:
    """Sum kernel time by kernel name."""
    durations = trace.kernels.groupby("name", observed=True, sort=False)["duration_ns"]
    table = durations.agg(calls="size", total_ns="sum", mean_ns="mean", min_ns="min", max_ns="max").reset_index()
    total = int(trace.kernels["duration_ns"].sum())
    table["name"] = table["name"].astype(object)
    table["share"] = table["total_ns"] / total if total else 0.0
    return KernelTimes(table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True), total)


def copy_times(trace: Trace) -> CopyTimes:
    """Sum copies and memsets by kind, with the rate that each kind reached."""
    copies = trace.copies.assign(timed_ns=trace.copies["duration_ns"].where(trace.copies["bytes"].notna(), 0))
    table = (
        copies.groupby("name", observed=True, sort=False)
        .agg(
            calls=("bytes", "size"), total_ns=("duration_ns", "sum"), bytes=("bytes", "sum"), timed=("timed_ns", "sum")
        )
        .reset_index()
    )
    table["name"] = table["name"].astype(object)
    timed = table.pop("timed").astype("Float64")
    table["bytes_per_s"] = (table["bytes"].astype("Float64") / timed * 1e9).where(timed > 0)
    table = table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True)
    return CopyTimes(table, int(table["total_ns"].sum()), int(table["bytes"].sum()))
