"""How many CTAs each kernel launched."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

AXES: Final = ("x", "y", "z")

_IN_WORK_ITEMS: Final = ("hipExtModuleLaunchKernel", "hipExtLaunchKernel")
"""Calls that take a grid in work items (threads) and not in blocks: HIP's ``hip_ext.h``."""


def grids(trace: Trace) -> pd.DataFrame:
    """Return the grid of every kernel in CTAs (blocks, workgroups): ``x``, ``y``, ``z``, ``<NA>`` where not known."""
    launch = row_numbers(trace.kernels["launch"])
    by_call = trace.launches["name"].isin(_IN_WORK_ITEMS).to_numpy(dtype=bool)
    in_work_items = np.zeros(len(launch), dtype=bool)
    in_work_items[launch != NONE] = by_call[launch[launch != NONE]]
    columns = {}
    for axis in AXES:
        grid, block = trace.kernels[f"grid_{axis}"], trace.kernels[f"block_{axis}"]
        whole = grid.mask(in_work_items, -(-grid // block.mask(block < 1)))
        columns[axis] = whole.mask(whole < 1)
    return pd.DataFrame(columns)
