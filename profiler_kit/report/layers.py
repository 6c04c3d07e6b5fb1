"""The layer table laid out as a tree, and as JSON and CSV.

JSON schema ``profiler_kit.layers``, version 1. Times are in µs in fields that end in ``_us``: device time, or the host
time of operators where ``of`` says so. ``forward_us``, ``backward_us`` and what follows ``host_us`` include inner
layers, ``self_us`` does not. ``compiled_layers`` are those that torch.compile ran as one region, in which nothing tells
inner layers apart. ``total_us`` = ``attributed_us`` (the sum of ``self_us``) + ``unattributed_us``.
``passes`` has the time of each pass of the whole trace.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from profiler_kit.analysis.times.layer_times import LayerTimes
from profiler_kit.analysis.work.layer_sources import FROM_MODULES, PATH_SEPARATOR
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layer_tree import cut_tree
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.quantities import MISSING, with_unit

SCHEMA: Final = "profiler_kit.layers"
SCHEMA_VERSION: Final = 1

ROOT_LAYER: Final = "(model)"
"""Shown for the root module, whose qualified name is empty."""

_MARK: Final = "· "
"""Stands for one level of the tree; blanks would be lost in Markdown."""

_CLOSED: Final = "▸ "
"""Stands before a layer of whose inner layers none is shown."""

_MOST_NAMES: Final = 8
"""Compiled layers that are named one by one."""

_KEYS: Final = (
    "layer",
    "type",
    "calls",
    "forward_us",
    "backward_us",
    "self_us",
    "host_us",
    "layout_transform_us",
    "copy_us",
    "flops",
    "forward_self_us",
    "backward_self_us",
    "kernels",
    "parameters",
)


def layer_rows(result: LayerTimes) -> list[dict[str, Any]]:
    """Return the rows of the layer table with times in µs."""
    shown = result.table.assign(**times_of(result))
    rows = rows_in_microseconds(shown)
    return [{key: row[key] for key in _KEYS} for row in rows]


def layers_json(result: LayerTimes, source: str) -> str:
    """Render the layer table as JSON text."""
    total, unattributed = total_and_unattributed(result)
    content = {
        "source": source,
        "of": _of(result),
        "layer_source": result.source,
        "compiled_layers": list(result.compiled),
        "total_us": microseconds(total),
        "attributed_us": microseconds(total - unattributed),
        "unattributed_us": microseconds(unattributed),
        "passes": rows_in_microseconds(result.passes.table),
        "rows": plain(layer_rows(result)),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def layers_csv(result: LayerTimes) -> str:
    """Render the layer table as CSV."""
    return to_csv(layer_rows(result), _KEYS)


def layers_sections(result: LayerTimes, rows: int) -> list[Section]:
    """Lay out the layer table as a tree, and the passes.

    Args:
        result: Time by layer.
        rows: Most layers, those with most time, inner layers included; what encloses them is shown too.
    """
    of = "Device time" if _of(result) == "GPU" else "Host operator time"
    parts = []
    if len(result.table):
        lead = f"{of} of each layer with its inner layers; self is without. Deeper indented, inside the one above."
        total, unattributed = total_and_unattributed(result)
        inside = total - unattributed
        share = inside / total if total else 1.0
        books = (
            f"In layers {with_unit('duration', inside)} ({share:.1%}) + in no layer "
            f"{with_unit('duration', unattributed)} = {with_unit('duration', total)}"
        )
        table, left = _tree(result, rows)
        notes = [books, f"Source: {result.source}", *compiled_notes(result)]
        if left:
            notes.insert(0, f"{left:,} of {len(result.table):,} layers are not shown one by one; --rows shows more.")
            lead += f" {_CLOSED.strip()}: of the layers inside none is shown."
        parts.append(Section("Layers", lead, table=table, notes=notes))
    else:
        parts.append(Section("Layers", f"Source of layers: {result.source}."))
    columns = (Column("pass"), Column("pieces", "count"), Column("time", "duration"), Column("share", "share"))
    data = [tuple(row) for row in result.passes.table.itertuples(index=False)]
    lead = f"{of}. Backward: the trace does not show of which gradient; other: in operators of no known pass."
    parts.append(Section("Passes", lead, table=Table(columns, data, bars="share")))
    return parts


def short_layer(layer: str, source: str) -> str:
    """Return what names a layer where there is little room: of a path of objects the last, whose number is its own."""
    return (layer.rpartition(PATH_SEPARATOR)[2] if source == FROM_MODULES else layer) or ROOT_LAYER


def compiled_notes(result: LayerTimes) -> list[str]:
    """Say which layers are compiled regions; nothing if none is."""
    if not result.compiled:
        return []
    names = [short_layer(name, result.source) for name in result.compiled]
    shown = ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES} more" * (len(names) > _MOST_NAMES))
    return [f"Run by torch.compile as one region, in which inner layers cannot be told apart: {shown}"]


def _of(result: LayerTimes) -> str:
    return "GPU" if result.device_total_ns else "host operators"


def total_and_unattributed(result: LayerTimes) -> tuple[int, int]:
    """Return what the shown times add up to, and the part of it in no layer, in ns."""
    if _of(result) == "GPU":
        return result.device_total_ns, result.device_unattributed_ns
    return result.host_total_ns, result.host_unattributed_ns


def times_of(result: LayerTimes) -> dict[str, pd.Series]:
    """Return the times that are shown: of the device, or of the host where nothing ran on a GPU."""
    table, of = result.table, "device" if _of(result) == "GPU" else "host"
    own = {f"{name}_self_ns": table[f"{name}_{of}_self_ns"] for name in ("forward", "backward")}
    return {
        "forward_ns": table[f"forward_{of}_ns"],
        "backward_ns": table[f"backward_{of}_ns"],
        "self_ns": own["forward_self_ns"] + own["backward_self_ns"],
        "host_ns": table["forward_host_ns"] + table["backward_host_ns"],
        **own,
    }


def _tree(result: LayerTimes, rows: int) -> tuple[Table, int]:
    """Lay out the layers with most time in order of the model; returns the table and how many layers have no row."""
    table = result.table.assign(**times_of(result))
    separator = PATH_SEPARATOR if result.source == FROM_MODULES else "."
    paths = [tuple(name.split(separator)) if name else () for name in table["layer"]]
    data: list[tuple[Any, ...]] = []
    left = len(table)
    for branch in cut_tree(paths, (table["forward_ns"] + table["backward_ns"]).to_numpy(np.int64), rows):
        layers = table.iloc[list(branch.layers)]
        sums: list[Any] = [layers[name].sum(skipna=False) for name in _SUMS]
        if branch.left_out:
            sums[_SUMS.index("self_ns")] = None
            data.append((f"{_MARK * branch.depth}and {len(layers)} more", MISSING, None, *sums, None))
            continue
        left -= 1
        name = (_CLOSED if branch.closed else "") + (separator.join(branch.name) or ROOT_LAYER)
        row = layers.iloc[0]
        data.append((_MARK * branch.depth + name, row["type"], row["calls"], *sums, row["parameters"]))
    columns = (
        Column("layer"),
        Column("type", from_width=ROOMY),
        Column("calls", "count"),
        Column("forward", "duration", same_unit="time"),
        Column("backward", "duration", same_unit="time"),
        Column("self", "duration", same_unit="time"),
        Column("host", "duration", from_width=WIDE),
        Column("kernels", "count", from_width=ROOMY),
        Column("layout\ntransforms", "duration", from_width=WIDE),
        Column("copies", "duration", from_width=VERY_WIDE),
        Column("work", "flops", from_width=WIDE),
        Column("parameters", "count", from_width=VERY_WIDE),
    )
    return Table(columns, data), left


_SUMS: Final = (
    "forward_ns",
    "backward_ns",
    "self_ns",
    "host_ns",
    "kernels",
    "layout_transform_ns",
    "copy_ns",
    "flops",
)
"""What is added up where layers are left out, in the order of the table; not their self time, since that would lack
the self time of the layers inside them."""
