"""Layers in which torch.compile ran several modules as one region, so that nothing tells them apart any more."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.layer_of_op import LayerOfOp
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows, parent_rows

REGION_PREFIX: Final = "Torch-Compiled Region"
"""How the operator around a call of compiled code is named (``torch/_dynamo/eval_frame.py``)."""


def compiled_layers(trace: Trace, attribution: LayerOfOp) -> tuple[str, ...]:
    """Return the layers whose own code, not that of a layer inside, calls compiled regions, in order of first call.

    From PyTorch 2.14 on, what torch.compile looks at is called a region even if it compiles nothing in it. One in which
    only calls of inner layers did something does not count.
    """
    regions = np.flatnonzero(told_by_name(trace.ops["name"], lambda name: name.startswith(REGION_PREFIX)))
    regions = regions[~_with_layers(trace, attribution, regions) | _with_work(trace, attribution, regions)]
    spans = attribution.running[regions]
    return tuple(attribution.spans["layer"].iloc[spans[spans != NONE]].drop_duplicates())


def _with_layers(trace: Trace, attribution: LayerOfOp, regions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell in which regions (rows of ``trace.ops``) layers are called."""
    ops, spans = trace.ops.iloc[regions], attribution.spans
    thread, start = ops["thread"].to_numpy(np.int64), ops["start_ns"].to_numpy()
    end = start + ops["duration_ns"].to_numpy()
    span_start = spans["start_ns"].to_numpy()
    span_end = span_start + spans["duration_ns"].to_numpy()
    parents = parent_rows(thread, end)
    around = innermost_rows(thread, start, end, parents, spans["thread"].to_numpy(np.int64), span_start, span_end)
    found = np.zeros(len(regions), dtype=bool)
    while (around := around[around != NONE]).size:
        found[around] = True
        around = parents[around]
    return found


def _with_work(trace: Trace, attribution: LayerOfOp, regions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which regions ran operators or launched kernels outside the layers called in them."""
    parent = row_numbers(trace.ops["parent"])
    inside = np.setdiff1d(np.flatnonzero(np.isin(parent, regions)), regions)
    own = inside[attribution.running[inside] == attribution.running[parent[inside]]]
    return np.isin(regions, parent[own]) | np.isin(regions, row_numbers(trace.launches["op"]))
