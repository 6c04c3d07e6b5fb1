"""Time by layer: which ``nn.Module`` each operator and each piece of GPU activity belongs to, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.activity import device_activity, host_self_ns, nested_in_same
from profiler_kit.analysis.forward_ops import forward_ops
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows, parent_rows

Rows = NDArray[np.int64]

PASSES: Final = ("forward", "backward")


@dataclass(frozen=True)
class LayerTimes:
    """Time by layer. The books close: the self times of all layers + unattributed = total, for host and device.

    A layer's forward time is what ran inside its span; its backward time is that of the autograd nodes which the
    span's operators created, found through autograd's sequence numbers.

    Attributes:
        table: One row per layer in order of first call: ``layer``, ``type``, ``calls``, and for each pass
            ``{pass}_device_ns``, ``{pass}_host_ns`` (operators only) with everything inside the layer, and
            ``{pass}_device_self_ns``, ``{pass}_host_self_ns`` without its inner layers.
        host_total_ns: Host time of all operators.
        host_unattributed_ns: The part in no layer.
        device_total_ns: Duration of all GPU activity.
        device_unattributed_ns: The part in no layer.
        source: Where the layers come from, in words.
    """

    table: pd.DataFrame
    host_total_ns: int
    host_unattributed_ns: int
    device_total_ns: int
    device_unattributed_ns: int
    source: str


@dataclass(frozen=True)
class LayerOfOp:
    """For every operator, the innermost layer span that it belongs to, and in which pass.

    Attributes:
        span: Row of ``trace.layers``, `NONE` if no layer; by row of ``trace.ops``.
        backward: True where the operator runs in the layer's backward pass.
        parents: For each row of ``trace.layers``, the enclosing span.
    """

    span: Rows
    backward: NDArray[np.bool_]
    parents: Rows


def layers_of_ops(trace: Trace) -> LayerOfOp:
    """Attribute every operator to a layer span."""
    spans, ops = trace.layers, trace.ops
    thread = spans["thread"].to_numpy(np.int64)
    start = spans["start_ns"].to_numpy()
    end = start + spans["duration_ns"].to_numpy()
    parents = parent_rows(thread, start, end)
    op_start = ops["start_ns"].to_numpy()
    op_end = op_start + ops["duration_ns"].to_numpy()
    span = innermost_rows(thread, start, end, parents, ops["thread"].to_numpy(np.int64), op_start, op_end)
    created_by = forward_ops(trace)
    backward = created_by != NONE
    span[backward] = span[created_by[backward]]
    _hand_down(span, backward, row_numbers(ops["parent"]))
    return LayerOfOp(span, backward, parents)


def _hand_down(span: Rows, backward: NDArray[np.bool_], parents: Rows) -> None:
    """Give the operators inside an attributed backward operator its layer, in place."""
    source = np.where(backward, np.arange(len(span)), NONE)
    above = parents.copy()
    while (rows := np.flatnonzero((source == NONE) & (above != NONE))).size:
        source[rows] = source[above[rows]]
        above[rows] = np.where(source[rows] == NONE, above[above[rows]], NONE)
    inner = (source != NONE) & ~backward
    span[inner] = span[source[inner]]
    backward[inner] = True


def layer_times(trace: Trace) -> LayerTimes:
    """Sum host and device time by layer."""
    attribution = layers_of_ops(trace)
    activity = device_activity(trace)
    host_self = host_self_ns(trace)
    spans = trace.layers
    layer, table = _layers(spans)
    op = row_numbers(activity["op"])
    span, backward = _spans_of_activity(trace, activity, op, attribution)
    device_ns = activity["duration_ns"].to_numpy()
    for place, name in enumerate(PASSES):
        for what, rows, flags, values in (
            ("device", span, backward, device_ns),
            ("host", attribution.span, attribution.backward, host_self),
        ):
            chosen = (rows != NONE) & (flags == bool(place))
            own, inclusive = _by_layer(rows[chosen], values[chosen], layer, attribution.parents, len(table))
            table[f"{name}_{what}_ns"] = inclusive
            table[f"{name}_{what}_self_ns"] = own
    host_total, device_total = int(host_self.sum()), int(device_ns.sum())
    return LayerTimes(
        table=table,
        host_total_ns=host_total,
        host_unattributed_ns=host_total - int(host_self[attribution.span != NONE].sum()),
        device_total_ns=device_total,
        device_unattributed_ns=device_total - int(device_ns[span != NONE].sum()),
        source="layer spans recorded by profiler_kit" if len(spans) else "none: the trace has no layer spans",
    )


def _layers(spans: pd.DataFrame) -> tuple[Rows, pd.DataFrame]:
    """Number the layers in order of first call; returns (number by span, table with ``layer, type, calls``)."""
    keyed = pd.DataFrame({"layer": spans["layer"].astype(object), "type": spans["type"].astype(object)})
    groups = keyed.groupby(["layer", "type"], sort=False)
    number = groups.ngroup().to_numpy().astype(np.int64)
    return number, groups.size().rename("calls").reset_index()


def _spans_of_activity(
    trace: Trace, activity: pd.DataFrame, op: Rows, attribution: LayerOfOp
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return layer span and pass of every row of GPU activity: its operator's, else that around its launch."""
    spans = trace.layers
    span = np.full(len(activity), NONE, dtype=np.int64)
    backward = np.zeros(len(activity), dtype=bool)
    in_op = op != NONE
    span[in_op], backward[in_op] = attribution.span[op[in_op]], attribution.backward[op[in_op]]
    launch = row_numbers(activity["launch"])
    bare = np.flatnonzero((launch != NONE) & ~in_op)
    calls = trace.launches.iloc[launch[bare]]
    start = spans["start_ns"].to_numpy()
    call_start = calls["start_ns"].to_numpy()
    span[bare] = innermost_rows(
        spans["thread"].to_numpy(np.int64),
        start,
        start + spans["duration_ns"].to_numpy(),
        attribution.parents,
        calls["thread"].to_numpy(np.int64),
        call_start,
        call_start + calls["duration_ns"].to_numpy(),
    )
    return span, backward


def _by_layer(span: Rows, values: Rows, layer: Rows, parents: Rows, layers: int) -> tuple[Rows, Rows]:
    """Sum values by layer: (of its own, with its inner layers)."""
    own, inclusive = np.zeros(layers, dtype=np.int64), np.zeros(layers, dtype=np.int64)
    by_span = np.zeros(len(layer), dtype=np.int64)
    np.add.at(by_span, span, values)
    np.add.at(own, layer, by_span)
    counted_above = nested_in_same(layer, parents)
    rows, above = np.arange(len(layer)), np.arange(len(layer))
    while rows.size:
        outer = ~counted_above[above]
        np.add.at(inclusive, layer[above[outer]], by_span[rows[outer]])
        above = parents[above]
        rows, above = rows[above != NONE], above[above != NONE]
    return own, inclusive
