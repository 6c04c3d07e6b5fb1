"""Time by profiler step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from profiler_kit.analysis.work.activity import device_activity
from profiler_kit.analysis.work.step_windows import step_windows
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.intervals import covered_ns, merge
from profiler_kit.trace.joins import NONE


@dataclass(frozen=True)
class StepTimes:
    """Time by step. GPU activity belongs to the step during which it was launched.

    Attributes:
        table: One row per step: ``step``, ``start_ns``, ``host_ns`` (length of the step on the host), ``op_ns`` (host
            time inside outermost operators that start in it, on all threads), ``kernels``, ``device_ns`` (sum of
            the activity launched in it), ``device_busy_ns`` (time in which anything ran in its windows, summed over
            devices: what two steps run at the same time counts once, :mod:`.step_windows`).
        device_total_ns: Duration of all GPU activity.
        device_unattributed_ns: Launched outside any step, or its launch is not in the trace.
    """

    table: pd.DataFrame
    device_total_ns: int
    device_unattributed_ns: int


def step_times(trace: Trace) -> StepTimes:
    """Sum host and device time by step."""
    steps = step_ranges(trace)
    activity = device_activity(trace)
    launch = row_numbers(activity["launch"])
    step_of_activity = np.full(len(activity), NONE, dtype=np.int64)
    launched = launch != NONE
    launch_start = trace.launches["start_ns"].to_numpy()
    step_of_activity[launched] = step_at(steps, launch_start[launch[launched]])
    outermost = trace.ops[trace.ops["parent"].isna().to_numpy()]
    table = pd.DataFrame(
        {
            "step": steps["step"],
            "start_ns": steps["start_ns"],
            "host_ns": steps["duration_ns"],
            "op_ns": _sums(step_at(steps, outermost["start_ns"].to_numpy()), outermost["duration_ns"], len(steps)),
            "kernels": _sums(step_of_activity, activity["kind"] == "kernel", len(steps)),
            "device_ns": _sums(step_of_activity, activity["duration_ns"], len(steps)),
            "device_busy_ns": _busy(step_of_activity, activity, steps),
        }
    )
    total = int(activity["duration_ns"].sum())
    return StepTimes(table, total, total - int(table["device_ns"].sum()))


def step_at(steps: pd.DataFrame, time_ns: np.ndarray) -> np.ndarray:
    """Return the row of the step during which each time falls, or `NONE`."""
    if not len(steps):
        return np.full(len(time_ns), NONE, dtype=np.int64)
    order = np.argsort(steps["start_ns"].to_numpy(), kind="stable")
    start = steps["start_ns"].to_numpy()[order]
    end = start + steps["duration_ns"].to_numpy()[order]
    place = np.searchsorted(start, time_ns, "right") - 1
    inside = (place >= 0) & (time_ns < end[place])
    return np.where(inside, order[place], NONE)


def _sums(step: np.ndarray, values: pd.Series, steps: int) -> np.ndarray:
    """Sum integer values by step."""
    sums = np.zeros(steps, dtype=np.int64)
    known = step != NONE
    np.add.at(sums, step[known], values.to_numpy(np.int64)[known])
    return sums


def _busy(step: np.ndarray, activity: pd.DataFrame, steps: pd.DataFrame) -> np.ndarray:
    """Return in how much of each step's windows the devices ran anything, summed over devices."""
    busy = np.zeros(len(steps), dtype=np.int64)
    begin, host_ns = steps["start_ns"].to_numpy(), steps["duration_ns"].to_numpy()
    for _, part in activity.assign(row=step).groupby("device", dropna=False):
        start = part["start_ns"].to_numpy()
        end = start + part["duration_ns"].to_numpy()
        busy += covered_ns(*merge(start, end), *step_windows(begin, host_ns, part["row"].to_numpy(), end))
    return busy
