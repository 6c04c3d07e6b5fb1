"""How much of everything there is in a trace, and whether it reached the GPU."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.activity import device_activity
from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.operator_classes import is_backward_convolution, is_forward_convolution
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.health import STEP_PREFIX
from profiler_kit.trace.intervals import union_ns
from profiler_kit.trace.joins import NONE, self_or_ancestor

STEP_NAME = re.compile(re.escape(STEP_PREFIX) + r"(\d+)")
"""The annotation that ``torch.profiler`` puts around each step."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a whole trace. Times in ns.

    Attributes:
        kernels: Kernels run.
        distinct_kernels: Distinct kernel names.
        kernel_ns: Sum of kernel durations.
        copies: Memory copies.
        copy_ns: Sum of their durations.
        copy_bytes: Sum of the bytes that they say they moved.
        memsets: Memsets.
        memset_ns: Sum of their durations.
        gpu_busy_ns: Time during which a device ran at least one kernel, copy or memset, summed over devices.
        gpu_span_ns: Last end minus first start of GPU activity, summed over devices.
        kernels_launched: Kernels whose launching call is in the trace.
        kernels_in_op: Those whose launching call lies inside an operator.
        conv_fwd_ns: Kernel time launched inside a forward convolution and outside any backward one.
        conv_bwd_ns: Kernel time launched inside the backward of a convolution.
        steps: Distinct profiler steps.
    """

    kernels: int
    distinct_kernels: int
    kernel_ns: int
    copies: int
    copy_ns: int
    copy_bytes: int
    memsets: int
    memset_ns: int
    gpu_busy_ns: int
    gpu_span_ns: int
    kernels_launched: int
    kernels_in_op: int
    conv_fwd_ns: int
    conv_bwd_ns: int
    steps: int

    def in_microseconds(self) -> dict[str, int | float]:
        """Return the figures with times in µs under names that end in ``_us``; the rest as it is."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            f"{name[:-3]}_us" if name.endswith("_ns") else name: value / 1000 if name.endswith("_ns") else value
            for name, value in values.items()
        }


def totals(trace: Trace) -> Totals:
    """Sum up a trace."""
    activity = device_activity(trace)
    copies = trace.copies[trace.copies["kind"] == "memcpy"]
    memsets = trace.copies[trace.copies["kind"] == "memset"]
    busy, span = _busy_and_span(activity)
    op = row_numbers(trace.kernels["op"])
    forward, backward = inside_convolutions(trace)
    in_forward = (op != NONE) & forward[op] if len(forward) else op != NONE
    in_backward = (op != NONE) & backward[op] if len(backward) else op != NONE
    duration = trace.kernels["duration_ns"].to_numpy()
    return Totals(
        kernels=len(trace.kernels),
        distinct_kernels=trace.kernels["name"].nunique(),
        kernel_ns=int(duration.sum()),
        copies=len(copies),
        copy_ns=int(copies["duration_ns"].sum()),
        copy_bytes=int(copies["bytes"].sum()),
        memsets=len(memsets),
        memset_ns=int(memsets["duration_ns"].sum()),
        gpu_busy_ns=busy,
        gpu_span_ns=span,
        kernels_launched=int(trace.kernels["launch"].notna().sum()),
        kernels_in_op=int(trace.kernels["op"].notna().sum()),
        conv_fwd_ns=int(duration[in_forward & ~in_backward].sum()),
        conv_bwd_ns=int(duration[in_backward].sum()),
        steps=len(step_ranges(trace)),
    )


def step_ranges(trace: Trace) -> pd.DataFrame:
    """Return the profiler steps: ``step`` (its number), ``thread``, ``start_ns``, ``duration_ns``, ordered by number.

    Traces of 2021 keep them among the operators, later ones among the annotations.
    """
    host = trace.annotations[trace.annotations["kind"] != "gpu_user_annotation"]
    columns = ["name", "thread", "start_ns", "duration_ns"]
    ranges = pd.concat([table.loc[_is_step(table["name"]), columns] for table in (host, trace.ops)])
    numbers = ranges["name"].astype(str).str.extract(STEP_NAME, expand=False)
    steps = ranges.assign(step=numbers.astype("int64"))[["step", "thread", "start_ns", "duration_ns"]]
    return steps.sort_values("step", kind="stable").drop_duplicates("step").reset_index(drop=True)


def _is_step(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which names are those of steps with a number."""
    return told_by_name(names, lambda name: STEP_NAME.fullmatch(name) is not None)


def _busy_and_span(activity: pd.DataFrame) -> tuple[int, int]:
    """Return (union, span) of the activity of every device, in ns, each summed over devices."""
    busy = span = 0
    for _, rows in activity.groupby("device", dropna=False):
        start = rows["start_ns"].to_numpy()
        end = start + rows["duration_ns"].to_numpy()
        busy += union_ns(start, end)
        span += int(end.max() - start.min())
    return busy, span


def inside_convolutions(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """Tell for each operator whether it is, or lies inside, a (forward, backward) convolution."""
    parents = row_numbers(trace.ops["parent"])
    names = trace.ops["name"]
    return (
        self_or_ancestor(is_forward_convolution(names), parents),
        self_or_ancestor(is_backward_convolution(names), parents),
    )
