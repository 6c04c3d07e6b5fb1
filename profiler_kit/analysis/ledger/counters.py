"""What hardware counters say that kernels executed: measured FLOPs and bytes, by kernel and by operator.

FLOPs are additions, multiplications and twice the multiply-adds of all threads whose predicate was on, as Nsight
Compute's roofline counts them. Tensor cores are not among these instructions. Instructions of half precision also load
constants in kernels that compute nothing in it, so precisions are kept apart.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from profiler_kit.trace import Trace

_INSTRUCTION: Final = re.compile(r"sass_thread_inst_executed_op_([dfh])(add|mul|fma)_pred_on")
_PRECISIONS: Final = {"d": "fp64_flops", "f": "fp32_flops", "h": "fp16_flops"}
_FLOPS_OF: Final = {"add": 1, "mul": 1, "fma": 2}
_ALL_BYTES: Final = "dram__bytes.sum"
_BYTES: Final = ("dram__bytes_read.sum", "dram__bytes_write.sum")

COUNTED: Final = ("fp64_flops", "fp32_flops", "fp16_flops", "dram_bytes")
"""Columns of what is counted."""

_LAUNCHES: Final = r"LaunchKernel|LaunchCooperativeKernel"


@dataclass(frozen=True)
class Counters:
    """What was counted.

    Attributes:
        table: One row per range in the order of the trace: ``name`` (kernel, ``__missing__`` where the writer lost
            it), `COUNTED` (``<NA>`` where no such counter was asked for) and ``op`` (row of ``trace.ops`` that
            launched it, ``<NA>`` if not known).
        kernels: One row per kernel, most FLOPs first: ``name``, ``ranges`` and the sums of `COUNTED`.
        joined: Whether ranges could be told apart by launch: there are as many as kernels were launched. Their times
            are not those of the kernels, only their order tells.
        metrics: Names of all counters in the trace.
    """

    table: pd.DataFrame
    kernels: pd.DataFrame
    joined: bool
    metrics: tuple[str, ...]


def counters(trace: Trace) -> Counters:
    """Read the hardware counters of a trace."""
    ranges = trace.counters
    # Every text is different, and there is one for each kernel at most.
    read = [_metrics(text) for text in ranges["metrics"].astype(object)]
    counted = pd.DataFrame([_counted(one) for one in read], columns=list(COUNTED), dtype="Float64")
    table = pd.concat([ranges[["name"]].astype(object).reset_index(drop=True), counted], axis=1)
    launches = trace.launches[trace.launches["name"].astype(str).str.contains(_LAUNCHES)]
    joined = len(ranges) > 0 and len(launches) == len(ranges)
    table["op"] = launches["op"].array if joined else pd.array([pd.NA] * len(table), dtype="Int64")
    groups = table.groupby("name", sort=False)
    kernels = groups[list(COUNTED)].sum(min_count=1)
    kernels.insert(0, "ranges", groups.size())
    order = kernels[["fp32_flops", "fp64_flops", "fp16_flops"]].sum(axis=1).sort_values(ascending=False, kind="stable")
    metrics = tuple(dict.fromkeys(name for one in read for name in one))
    return Counters(table, kernels.loc[order.index].reset_index(), joined, metrics)


def executed_flops(found: Counters, call_of_op: np.ndarray[Any, np.dtype[np.int64]], dtype: str | None) -> pd.Series:
    """Return the executed FLOPs by call, of the precisions that a data type is computed in.

    Args:
        found: What :func:`counters` returned.
        call_of_op: Number of the call that each operator is part of, negative if none.
        dtype: Type of the data, by PyTorch's name.

    Returns:
        FLOPs indexed by the number of the call; calls without a counted kernel are missing.
    """
    columns = {"float64": ["fp64_flops"], "float32": ["fp32_flops"]}.get(dtype or "", ["fp16_flops", "fp32_flops"])
    rows = found.table[found.table["op"].notna()]
    call = call_of_op[rows["op"].to_numpy(np.int64)]
    sums: pd.Series[float] = rows[columns].sum(axis=1, min_count=1)[call >= 0]
    return sums.groupby(call[call >= 0]).sum(min_count=1)


def _metrics(text: Any) -> dict[str, float]:
    """Return counter → value of one range; what is no number is left out."""
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return {}
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
    }


def _counted(metrics: dict[str, float]) -> tuple[float | None, ...]:
    """Return the values of `COUNTED`."""
    sums: dict[str, float] = {}
    for name, value in metrics.items():
        if found := _INSTRUCTION.search(name):
            key = _PRECISIONS[found[1]]
            sums[key] = sums.get(key, 0.0) + _FLOPS_OF[found[2]] * value
    parts = [metrics[name] for name in _BYTES if name in metrics]
    moved = metrics.get(_ALL_BYTES, sum(parts) if len(parts) == len(_BYTES) else None)
    return (*(sums.get(key) for key in _PRECISIONS.values()), moved)
