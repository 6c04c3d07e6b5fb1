"""Time by layer: which ``nn.Module`` each operator and each piece of GPU activity belongs to, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.call_parts import call_parts
from profiler_kit.analysis.passes.kernel_roles import layout_transforms
from profiler_kit.analysis.passes.passes import Passes, PassTimes, pass_times, passes
from profiler_kit.analysis.problems.problem_calls import KINDS
from profiler_kit.analysis.work.activity import device_activity, nested_in_same
from profiler_kit.analysis.work.compiled_regions import compiled_layers
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES, host_self_ns
from profiler_kit.analysis.work.layer_of_op import LayerOfOp
from profiler_kit.analysis.work.layer_sources import layer_parameters
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows

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
            ``{pass}_device_self_ns``, ``{pass}_host_self_ns`` without its inner layers. Of both passes together, with
            everything inside the layer: ``kernels``, ``layout_transform_ns`` (see
            :func:`profiler_kit.analysis.passes.kernel_roles.layout_transforms`), ``copy_ns`` (memory copies), ``flops``
            (useful ones of convolutions and matrix products; ``<NA>`` if those of any of them are not known), and
            ``parameters`` (numbers in the layer's own tensors, without inner layers, as the recorder wrote them down;
            ``<NA>`` if it did not).
        host_total_ns: Host time of all operators.
        host_unattributed_ns: The part in no layer.
        device_total_ns: Duration of all GPU activity.
        device_unattributed_ns: The part in no layer.
        source: Where the layers come from, in words.
        compiled: Layers that torch.compile ran as one region: what their inner layers did there is theirs.
        passes: Device time by pass, or host time where there is no GPU activity.
    """

    table: pd.DataFrame
    host_total_ns: int
    host_unattributed_ns: int
    device_total_ns: int
    device_unattributed_ns: int
    source: str
    compiled: tuple[str, ...]
    passes: PassTimes


def layer_times(trace: Trace, *, found: Passes | None = None) -> LayerTimes:
    """Sum host and device time by layer.

    Args:
        trace: The trace.
        found: What :func:`profiler_kit.analysis.passes.passes.passes` returned for the trace, if it was asked before.
    """
    found = passes(trace) if found is None else found
    attribution = found.layers
    activity = device_activity(trace)
    host_self = host_self_ns(trace)
    spans = attribution.spans
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
    _add_work(trace, found, *_launched(trace, found, activity, span), layer, table)
    host_total, device_total = int(host_self.sum()), int(device_ns.sum())
    return LayerTimes(
        table=table,
        host_total_ns=host_total,
        host_unattributed_ns=host_total - int(host_self[attribution.span != NONE].sum()),
        device_total_ns=device_total,
        device_unattributed_ns=device_total - int(device_ns[span != NONE].sum()),
        source=attribution.source,
        compiled=compiled_layers(trace, attribution),
        passes=pass_times(found),
    )


def _launched(trace: Trace, found: Passes, activity: pd.DataFrame, span: Rows) -> tuple[pd.DataFrame, Rows]:
    """Return what was launched and its layer spans: GPU activity, else the work of the host."""
    if trace.has_gpu_activity:
        return activity, span
    return found.work, found.layers.span[found.work["op"].to_numpy()]


def _add_work(
    trace: Trace, found: Passes, activity: pd.DataFrame, span: Rows, layer: Rows, table: pd.DataFrame
) -> None:
    """Add what the layers launched and computed, of both passes together with everything inside, in place.

    Args:
        trace: The trace.
        found: The pass of everything.
        activity: GPU activity; without any, the work of the host.
        span: Layer span of each row of `activity`.
        layer: Row of `table` of each layer span.
        table: The table of layers.
    """

    def inclusive(spans: Rows, values: Rows) -> Rows:
        inside = spans != NONE
        return _by_layer(spans[inside], values[inside], layer, found.layers.parents, len(table))[1]

    kind, duration = activity["kind"].to_numpy(dtype=object), activity["duration_ns"].to_numpy()
    table["kernels"] = inclusive(span, np.isin(kind, NAMED_BY_LIBRARIES).astype(np.int64))
    table["layout_transform_ns"] = inclusive(span, np.where(layout_transforms(trace, activity), duration, 0))
    table["copy_ns"] = inclusive(span, np.where(kind == "memcpy", duration, 0))
    parts = call_parts(trace, found, KINDS).table
    parts = parts[parts["has_flops"]]
    spans = parts["span"].to_numpy()
    flops = inclusive(spans, parts["flops"].fillna(0).to_numpy(np.int64))
    unknown = inclusive(spans, parts["flops"].isna().to_numpy().astype(np.int64))
    table["flops"] = pd.Series(flops).mask(unknown > 0).astype("Int64")
    table["parameters"] = table["layer"].map(dict(layer_parameters(trace))).astype("Int64")


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
    spans = attribution.spans
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
