"""Time by kernel name with what the name tells, the same summed by any of these facts, and copies by kind."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from profiler_kit.analysis.work.kernel_facts import IDENTITY_COLUMNS
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace


@dataclass(frozen=True)
class KernelTimes:
    """Time by kernel name.

    Attributes:
        table: One row per name, most time first: ``name``, ``calls``, ``total_ns``, ``mean_ns``, ``min_ns``,
            ``max_ns``, ``share`` (of all kernel time, 0 to 1), and `IDENTITY_COLUMNS`, where ``"unknown"`` means that
            the name does not tell and None that the question does not apply.
        total_ns: Duration of all kernels; the sum of the column ``total_ns``.
    """

    table: pd.DataFrame
    total_ns: int


@dataclass(frozen=True)
class KernelGroups:
    """Kernel time by one fact about the kernels.

    Attributes:
        by: The fact, one of :data:`profiler_kit.analysis.work.kernel_facts.GROUPS`.
        table: One row per value, most time first: ``value`` (None where the question does not apply), ``kernels``
            (distinct names), ``calls``, ``total_ns``, ``share``.
        total_ns: Duration of all kernels; the sum of the column ``total_ns``.
    """

    by: str
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
    identities = pd.DataFrame(
        [identify(name).to_dict() for name in table["name"]], columns=list(IDENTITY_COLUMNS), dtype=object
    )
    table = pd.concat([table.reset_index(drop=True), identities], axis=1)
    return KernelTimes(table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True), total)


def group_kernels(times: KernelTimes, by: str) -> KernelGroups:
    """Sum kernel time by one fact about the kernels.

    Args:
        times: Time by kernel name.
        by: One of :data:`profiler_kit.analysis.work.kernel_facts.GROUPS`.
    """
    groups = times.table.groupby(by, dropna=False, sort=False)
    table = groups.agg(kernels=("name", "size"), calls=("calls", "sum"), total_ns=("total_ns", "sum")).reset_index()
    table = table.rename(columns={by: "value"})
    table["value"] = table["value"].astype(object).where(table["value"].notna(), None)
    table["share"] = table["total_ns"] / times.total_ns if times.total_ns else 0.0
    return KernelGroups(
        by, table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True), times.total_ns
    )


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
