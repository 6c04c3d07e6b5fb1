"""How much of each step's work is convolution, matrix product and layout transform."""

from __future__ import annotations

import numpy as np
import pandas as pd

from profiler_kit.analysis.passes.kernel_roles import layout_transforms
from profiler_kit.analysis.work.activity import device_activity
from profiler_kit.analysis.work.host_work import host_self_ns
from profiler_kit.analysis.work.operator_classes import is_matrix_product
from profiler_kit.analysis.work.step_times import step_at
from profiler_kit.analysis.work.totals import inside_convolutions, step_ranges
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, self_or_ancestor


def step_work(trace: Trace) -> pd.DataFrame:
    """Sum work by step: of the GPU that was launched in it, or of the host's operators where nothing ran on a GPU.

    Returns:
        One row per step: ``step``, ``total_ns``, of it ``convolution_ns`` (launched inside convolutions, both passes)
        and ``product_ns`` (inside matrix products that are no part of a convolution), ``layout_transform_ns`` (wherever
        it was launched) and ``copy_ns`` (memory copies). On the host the last two are 0.
    """
    steps = step_ranges(trace)
    forward, backward = inside_convolutions(trace)
    convolution = forward | backward
    product = self_or_ancestor(is_matrix_product(trace.ops["name"]), row_numbers(trace.ops["parent"])) & ~convolution
    if trace.has_gpu_activity:
        activity = device_activity(trace)
        duration, op = activity["duration_ns"].to_numpy(np.int64), row_numbers(activity["op"])
        launch = row_numbers(activity["launch"])
        place = np.full(len(activity), NONE, dtype=np.int64)
        launched = launch != NONE
        place[launched] = step_at(steps, trace.launches["start_ns"].to_numpy()[launch[launched]])
        inside = op != NONE
        flags = {
            "convolution": inside & convolution[op] if len(convolution) else inside,
            "product": inside & product[op] if len(product) else inside,
            "layout_transform": layout_transforms(trace, activity),
            "copy": (activity["kind"] == "memcpy").to_numpy(dtype=bool),
        }
    else:
        duration, place = host_self_ns(trace), step_at(steps, trace.ops["start_ns"].to_numpy())
        nothing = np.zeros(len(duration), dtype=bool)
        flags = {"convolution": convolution, "product": product, "layout_transform": nothing, "copy": nothing}
    table = pd.DataFrame({"step": steps["step"], "total_ns": _sums(place, duration, len(steps))})
    for name, flag in flags.items():
        table[f"{name}_ns"] = _sums(np.where(flag, place, NONE), duration, len(steps))
    return table


def _sums(place: np.ndarray, values: np.ndarray, steps: int) -> np.ndarray:
    """Sum ns by step; what is in none is left out."""
    sums = np.zeros(steps, dtype=np.int64)
    np.add.at(sums, place[place != NONE], values[place != NONE])
    return sums
