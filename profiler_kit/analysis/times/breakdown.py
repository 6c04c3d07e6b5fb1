"""Where the time went, in one small table whose lines add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from profiler_kit.analysis.work.host_work import host_self_ns
from profiler_kit.analysis.work.operator_classes import is_matrix_product
from profiler_kit.analysis.work.totals import Totals, inside_convolutions
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, self_or_ancestor

CONV_FORWARD: Final = "convolution, forward"
CONV_BACKWARD: Final = "convolution, backward"
MATRIX_PRODUCT: Final = "matrix products (linear, matmul)"
OTHER_OPERATORS: Final = "other operators"
NO_OPERATOR: Final = "kernels outside any operator"
_CLASSES: Final = (CONV_FORWARD, CONV_BACKWARD, MATRIX_PRODUCT, OTHER_OPERATORS)


@dataclass(frozen=True)
class Breakdown:
    """Where the time went. The lines of the table add up to the total, to the nanosecond.

    Attributes:
        of: What is broken down: "GPU" (time from first to last GPU activity, summed over devices) or "host operators"
            (self time of all operators; the breakdown of a trace without GPU activity).
        table: ``part``, ``ns``; most time first, then overlap (negative: time that several streams spent at once and
            that the lines above count more than once) and idle time, where there is a GPU.
        total_ns: Sum of the table.
    """

    of: str
    table: pd.DataFrame
    total_ns: int


def breakdown(trace: Trace, sums: Totals) -> Breakdown:
    """Break down the GPU's time, or the host's where the trace has no GPU activity.

    Args:
        trace: The trace.
        sums: Its totals.
    """
    classes = _class_of_ops(trace)
    if not trace.has_gpu_activity:
        parts = _sum_by_class(classes, host_self_ns(trace))
        return _result("host operators", parts)
    kernels = trace.kernels
    op = row_numbers(kernels["op"])
    of_kernel = np.full(len(kernels), len(_CLASSES), dtype=np.int64)
    of_kernel[op != NONE] = classes[op[op != NONE]]
    parts = _sum_by_class(of_kernel, kernels["duration_ns"].to_numpy())
    parts |= {"memory copies": sums.copy_ns, "memsets": sums.memset_ns}
    activity_ns = sums.kernel_ns + sums.copy_ns + sums.memset_ns
    closing = {
        "overlap of streams (counted twice above)": sums.gpu_busy_ns - activity_ns,
        "idle between first and last activity": sums.gpu_span_ns - sums.gpu_busy_ns,
    }
    return _result("GPU", parts, closing)


def _class_of_ops(trace: Trace) -> np.ndarray:
    """Return the index in `_CLASSES` of every operator: its own class, or that of the operator it is part of."""
    forward, backward = inside_convolutions(trace)
    product = self_or_ancestor(is_matrix_product(trace.ops["name"]), row_numbers(trace.ops["parent"]))
    return np.select([backward, forward, product], [1, 0, 2], default=3)


def _sum_by_class(of_row: np.ndarray, ns: np.ndarray) -> dict[str, int]:
    """Sum ns by class; the class after the last is that of kernels without an operator."""
    sums = np.zeros(len(_CLASSES) + 1, dtype=np.int64)
    np.add.at(sums, of_row, ns)
    return {part: int(value) for part, value in zip((*_CLASSES, NO_OPERATOR), sums, strict=True)}


def _result(of: str, parts: dict[str, int], closing: dict[str, int] | None = None) -> Breakdown:
    """Order the parts by time, leave out empty ones, and close with overlap and idle time."""
    ordered = sorted(((part, ns) for part, ns in parts.items() if ns), key=lambda item: -item[1])
    ordered += [(part, ns) for part, ns in (closing or {}).items() if ns]
    table = pd.DataFrame(ordered, columns=["part", "ns"]).astype({"ns": "int64"})
    return Breakdown(of, table, int(table["ns"].sum()))
