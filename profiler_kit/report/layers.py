"""The layer table laid out as a tree, and as JSON and CSV.

JSON schema ``profiler_kit.layers``, version 1. Times are in µs in fields that end in ``_us``: device time, or the host
time of operators where ``of`` says so. ``forward_us``, ``backward_us`` and what follows ``host_us`` include inner
layers, ``self_us`` does not. ``total_us`` = ``attributed_us`` (the sum of ``self_us``) + ``unattributed_us``.
``passes`` has the time of each pass of the whole trace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.times.layer_times import LayerTimes
from profiler_kit.analysis.work.layer_sources import FROM_MODULES, PATH_SEPARATOR
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.quantities import with_unit

SCHEMA: Final = "profiler_kit.layers"
SCHEMA_VERSION: Final = 1

ROOT_LAYER: Final = "(model)"
"""Shown for the root module, whose qualified name is empty."""

_MARK: Final = "· "
"""Stands for one level of the tree; blanks would be lost in Markdown."""

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
        rows: Most layers, those with most time of their own; what encloses them is shown too.
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
        parts.append(Section("Layers", lead, table=_tree(result, rows), notes=(books, f"Source: {result.source}")))
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


def _tree(result: LayerTimes, rows: int) -> Table:
    """Lay out the layers with most time of their own and what encloses them, in order of the model."""
    table = result.table.assign(**times_of(result))
    separator = PATH_SEPARATOR if result.source == FROM_MODULES else "."
    path_of = {name: tuple(name.split(separator)) if name else () for name in table["layer"]}
    chosen = table.nlargest(rows, "self_ns")["layer"]
    around = {path_of[name][:depth] for name in chosen for depth in range(len(path_of[name]) + 1)}
    paths = [path for path in in_tree_order(path_of.values()) if path in around]
    by_path = {path_of[row["layer"]]: row for row in table.to_dict("records")}
    data = []
    for path, label in zip(paths, _labels(paths, separator), strict=True):
        row = by_path[path]
        times = [row[f"{name}_ns"] for name in ("forward", "backward", "self", "host")]
        moved = [row["layout_transform_ns"], row["copy_ns"]]
        data.append((label, row["type"], row["calls"], *times, row["kernels"], *moved, row["flops"], row["parameters"]))
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
    return Table(columns, data, len(table) - len(data))


def in_tree_order(paths: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Order paths so that each comes right after what encloses it; neighbours stay in their order."""
    known = list(paths)
    rank: dict[tuple[str, ...], int] = {}
    for place, path in enumerate(known):
        for depth in range(len(path) + 1):
            rank.setdefault(path[:depth], place)
    return sorted(known, key=lambda path: [rank[path[:depth]] for depth in range(len(path) + 1)])


def _labels(paths: list[tuple[str, ...]], separator: str) -> list[str]:
    """Write each path below the nearest enclosing one that is shown, one mark deeper."""
    shown = set(paths)
    labels = []
    for path in paths:
        enclosing = [depth for depth in range(len(path)) if path[:depth] in shown]
        rest = path[enclosing[-1] :] if enclosing else path
        labels.append(_MARK * len(enclosing) + (separator.join(rest) or ROOT_LAYER))
    return labels
