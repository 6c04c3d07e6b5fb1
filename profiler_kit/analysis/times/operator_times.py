"""Time by operator: on the host and on the device, itself and with what it calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from profiler_kit.analysis.work.activity import (
    add_to_ancestors,
    device_activity,
    device_ns_by_op,
    nested_in_same,
)
from profiler_kit.analysis.work.host_work import host_self_ns
from profiler_kit.trace import Trace, row_numbers


@dataclass(frozen=True)
class OperatorTimes:
    """Time by operator. The books close: self times sum up to what is attributed; with the rest that is the total.

    Attributes:
        table: One row per operator name (and input shapes if asked for), most device time first, then most host time:
            ``name``, ``input_dims`` (if asked for), ``calls``, ``host_self_ns``, ``host_total_ns``,
            ``device_self_ns``, ``device_total_ns``. Totals include nested operators, each counted once. An operator
            inside another of its name (``aten::sum`` calls its own overload) is part of that call and no other one.
        device_total_ns: Duration of all kernels, copies and memsets.
        device_attributed_ns: The part launched inside an operator; the sum of ``device_self_ns``.
        device_unattributed_ns: The rest: launched outside operators, or its launch is not in the trace.
        host_total_ns: Duration of all outermost operators; the sum of ``host_self_ns``.
    """

    table: pd.DataFrame
    device_total_ns: int
    device_attributed_ns: int
    device_unattributed_ns: int
    host_total_ns: int


def operator_times(trace: Trace, *, by_shape: bool = False) -> OperatorTimes:
    """Sum host and device time by operator.

    Args:
        trace: The trace.
        by_shape: Keep calls with different input shapes apart.
    """
    activity = device_activity(trace)
    parents = row_numbers(trace.ops["parent"])
    device_self = device_ns_by_op(trace, activity)
    device_with_inner = add_to_ancestors(device_self, parents)
    host_self = host_self_ns(trace)
    keys = ["name", "input_dims"] if by_shape else ["name"]
    rows = pd.DataFrame({"name": trace.ops["name"].astype(object), "host_self_ns": host_self})
    if by_shape:
        rows["input_dims"] = _shapes(trace)
    group = rows.groupby(keys, dropna=False, sort=False).ngroup().to_numpy().astype(np.int64)
    outer = ~nested_in_same(group, parents)
    rows["outer"] = outer
    rows["host_total_ns"] = np.where(outer, trace.ops["duration_ns"], 0)
    rows["device_self_ns"] = device_self
    rows["device_total_ns"] = np.where(outer, device_with_inner, 0)
    table = rows.groupby(keys, dropna=False, sort=False).agg(
        calls=("outer", "sum"),
        host_self_ns=("host_self_ns", "sum"),
        host_total_ns=("host_total_ns", "sum"),
        device_self_ns=("device_self_ns", "sum"),
        device_total_ns=("device_total_ns", "sum"),
    )
    order = ["device_self_ns", "host_self_ns"]
    table = table.reset_index().sort_values(order, ascending=False, kind="stable", ignore_index=True)
    if by_shape:
        table["input_dims"] = table["input_dims"].astype(object).where(table["input_dims"].notna(), None)
    device_total = int(activity["duration_ns"].sum())
    attributed = int(device_self.sum())
    return OperatorTimes(
        table=table,
        device_total_ns=device_total,
        device_attributed_ns=attributed,
        device_unattributed_ns=device_total - attributed,
        host_total_ns=int(host_self.sum()),
    )


def _shapes(trace: Trace) -> pd.Series:
    """Return the input shapes of every operator, None where the trace has none."""
    dims = trace.signatures["input_dims"].to_numpy()
    row = row_numbers(trace.ops["signature"])
    shapes = np.full(len(row), None, dtype=object)
    known = row >= 0
    shapes[known] = dims[row[known]]
    return pd.Series(shapes, dtype=object)
