"""What the CPU's libraries, oneDNN and MKL, ran: time by implementation and problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from profiler_kit.analysis.work.host_work import primitive_names
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace

IDENTITY_COLUMNS: Final = ("operation", "pass", "input_dtype")
"""The facts of :class:`profiler_kit.kernels.KernelIdentity` that the table carries under their own names."""

_KEYS: Final = ("name", "library", "primitive", "propagation", "algorithm", "layouts", "shapes")


@dataclass(frozen=True)
class CpuKernelTimes:
    """Time by implementation and problem. The books close: attributed and unattributed time sum up to the total.

    Attributes:
        table: One row per kernel and problem, most time first: ``name``, ``library``, ``primitive``, ``propagation``,
            ``algorithm``, ``layouts``, ``shapes`` as in the trace's `cpu_kernels` (None where the library says
            nothing), ``calls``, ``total_ns``, ``share`` (of the host time of all operators, 0 to 1), and
            `IDENTITY_COLUMNS`, where ``"unknown"`` means that the name does not tell and None that the question does
            not apply.
        total_ns: Duration of all kernels; the sum of the column ``total_ns``.
        attributed_ns: The part inside an operator that can be only one.
        unattributed_ns: The rest.
        reorder_ns: The part that only changes layouts: oneDNN's reorders.
        reorders: Number of them.
    """

    table: pd.DataFrame
    total_ns: int
    attributed_ns: int
    unattributed_ns: int
    reorder_ns: int
    reorders: int


def cpu_kernel_times(trace: Trace, host_total_ns: int) -> CpuKernelTimes:
    """Sum the time of the CPU libraries' kernels.

    Args:
        trace: The trace.
        host_total_ns: Host time of all operators, see
            :class:`profiler_kit.analysis.times.operator_times.OperatorTimes`.
    """
    kernels = trace.cpu_kernels
    texts = kernels[list(_KEYS)].astype(object)
    keys = texts.where(texts.notna(), None)
    timed = keys.assign(duration_ns=kernels["duration_ns"])
    sums = timed.groupby(list(_KEYS), dropna=False, sort=False)["duration_ns"]
    table = sums.agg(calls="size", total_ns="sum").reset_index()
    table[list(_KEYS)] = table[list(_KEYS)].astype(object).where(table[list(_KEYS)].notna(), None)
    table["share"] = table["total_ns"] / host_total_ns if host_total_ns else 0.0
    facts = [_facts(name) for name in primitive_names(table)]
    table = pd.concat([table, pd.DataFrame(facts, columns=list(IDENTITY_COLUMNS), dtype=object)], axis=1)
    table = table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True)
    total = int(kernels["duration_ns"].sum())
    attributed = int(kernels.loc[kernels["op"].notna(), "duration_ns"].sum())
    reorders = table[table["primitive"] == "reorder"]
    return CpuKernelTimes(
        table=table,
        total_ns=total,
        attributed_ns=attributed,
        unattributed_ns=total - attributed,
        reorder_ns=int(reorders["total_ns"].sum()),
        reorders=int(reorders["calls"].sum()),
    )


def _facts(name: str) -> dict[str, str | None]:
    known = identify(name).to_dict()
    return {name: known[name] for name in IDENTITY_COLUMNS}
