"""Who asked for a piece of work: the outermost operator around it, and the layer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import coded
from profiler_kit.analysis.work.layer_of_op import LayerOfOp
from profiler_kit.analysis.work.operator_classes import is_step
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]


def origins(trace: Trace, op: Int64Array, layers: LayerOfOp) -> tuple[pd.Categorical, pd.Categorical]:
    """Name outermost operator and layer of some operators.

    Args:
        trace: The trace.
        op: Rows of ``trace.ops``, or `NONE`.
        layers: The layer of every operator.

    Returns:
        Names of the outermost operators (steps, which are operators in traces of 2021, do not count) and of the layers,
        missing where there is none; shape of `op`.
    """
    names = trace.ops["name"]
    codes = names.cat.codes.to_numpy()
    top = _outermost(op, ~is_step(names), row_numbers(trace.ops["parent"]))
    operator = np.where(top == NONE, -1, codes[top] if len(codes) else top)
    span = _at(layers.span, op)
    of_span = layers.spans["layer"]
    span_codes = of_span.cat.codes.to_numpy()
    layer = np.where(span == NONE, -1, span_codes[span] if len(span_codes) else span)
    return coded(operator, names), coded(layer, of_span)


def _outermost(rows: Int64Array, flag: NDArray[np.bool_], parents: Int64Array) -> Int64Array:
    """Return the outermost flagged row that is, or encloses, each of some rows, or `NONE`."""
    found, above = np.full(len(rows), NONE, dtype=np.int64), rows.copy()
    open_ = np.flatnonzero(above != NONE)
    while open_.size:
        here = above[open_]
        found[open_[flag[here]]] = here[flag[here]]
        above[open_] = parents[here]
        open_ = open_[above[open_] != NONE]
    return found


def _at(values: Int64Array, rows: Int64Array) -> Int64Array:
    """Return the value at each row, `NONE` where there is no row."""
    return np.where(rows == NONE, NONE, values[rows]) if len(values) else np.full(len(rows), NONE, dtype=np.int64)
