"""Which layer every operator belongs to, and whether it runs in the layer's backward pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.activity import nearest_rows
from profiler_kit.analysis.work.forward_ops import forward_ops
from profiler_kit.analysis.work.layer_sources import layer_spans
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows, parent_rows

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class LayerOfOp:
    """For every operator, the innermost layer span that it belongs to, and in which pass.

    Attributes:
        span: Row of `spans`, `NONE` if no layer; by row of ``trace.ops``.
        backward: True where the operator runs in the layer's backward pass.
        running: Row of `spans`: the innermost span that the operator runs in, whatever made it.
        spans: The calls of layers (:class:`profiler_kit.analysis.work.layer_sources.LayerSpans`).
        parents: For each row of `spans`, the enclosing span.
        source: Where the spans come from, in words.
        made_by: What :func:`profiler_kit.analysis.work.forward_ops.forward_ops` found.
    """

    span: Rows
    backward: NDArray[np.bool_]
    running: Rows
    spans: pd.DataFrame
    parents: Rows
    source: str
    made_by: Rows


def layers_of_ops(trace: Trace) -> LayerOfOp:
    """Attribute every operator to a layer span."""
    found, ops = layer_spans(trace), trace.ops
    spans = found.table
    thread = spans["thread"].to_numpy(np.int64)
    start = spans["start_ns"].to_numpy()
    end = start + spans["duration_ns"].to_numpy()
    parents = parent_rows(thread, end)
    op_start = ops["start_ns"].to_numpy()
    op_end = op_start + ops["duration_ns"].to_numpy()
    running = innermost_rows(thread, start, end, parents, ops["thread"].to_numpy(np.int64), op_start, op_end)
    span = running.copy()
    created_by = forward_ops(trace)
    backward = created_by != NONE
    span[backward] = span[created_by[backward]]
    source = nearest_rows(backward, row_numbers(ops["parent"]))
    inner = (source != NONE) & ~backward
    # A layer that begins inside a backward operator runs forward again there, as activation checkpointing makes it.
    again = inner & (running != NONE)
    again[again] = start[running[again]] >= op_start[source[again]]
    inner &= ~again
    span[inner] = span[source[inner]]
    backward[inner] = True
    return LayerOfOp(span, backward, running, spans, parents, found.source, created_by)
