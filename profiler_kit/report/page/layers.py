"""The tree of layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.work.layer_sources import FROM_MODULES, PATH_SEPARATOR
from profiler_kit.report.layer_tree import in_tree_order
from profiler_kit.report.layers import ROOT_LAYER, compiled_notes, times_of, total_and_unattributed
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers

LEAD: Final = "Time by layer of the model, forward and backward, with everything inside each layer."

_RECORD: Final = (
    "This trace has no layer spans and no module calls. Record with profiler_kit.profile(model, logdir), or with "
    "torch.profiler's with_modules=True or with_stack=True."
)

_COLUMNS: Final = (
    b.Column("layer", "Layer"),
    b.Column("type", "Type"),
    b.Column("calls", "Calls", "count"),
    b.Column("forward", "Forward", "duration", "What ran inside the layer's calls, inner layers included", bar=True),
    b.Column("backward", "Backward", "duration", "What the layer's autograd nodes ran", bar=True),
    b.Column("self", "Self", "duration", "Both passes, without inner layers", bar=True),
    b.Column("share", "Share", "share", "Of all device time (without a GPU: host operator time), by self"),
    b.Column("host", "Host", "duration", "Host time of operators, both passes"),
    b.Column("kernels", "Kernels", "count"),
    b.Column("layout_transforms", "Layout transforms", "duration", "Kernels that only change a tensor's layout"),
    b.Column("copies", "Copies", "duration"),
    b.Column("flops", "Work", "flops", "Useful operations of convolutions and matrix products, derived from shapes"),
    b.Column("rate", "Rate", "flops_per_s", "Work by time of both passes"),
    b.Column("parameters", "Parameters", "count", "Numbers in the layer's own tensors", hidden=True),
    b.Column("path", "Qualified name", "mono", hidden=True),
)


_MAY_BE_EMPTY: Final = {
    "backward": "backward_ns",
    "layout_transforms": "layout_transform_ns",
    "copies": "copy_ns",
    "kernels": "kernels",
    "flops": "flops",
    "rate": "flops",
}
"""Key of a column → the column of the result that it shows."""


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are layers."""
    return None if len(answers.passes.layers.spans) else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    result = answers.layers
    table = result.table.assign(**times_of(result))
    total, unattributed = total_and_unattributed(result)
    separator = PATH_SEPARATOR if result.source == FROM_MODULES else "."
    by_path: dict[tuple[str, ...], list[dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        by_path.setdefault(_path(row["layer"], separator), []).append(row)  # a name may have had two types of module
    listed = [(path, row) for path in in_tree_order(by_path) for row in by_path[path]]
    paths = [path for path, _ in listed]
    place = {path: number for number, path in reversed(list(enumerate(paths)))}
    parents = [_parent(path, place) for path in paths]
    rows = [_row(path, parents[n], paths, row, separator, total) for n, (path, row) in enumerate(listed)]
    of = "device time" if result.device_total_ns else "host operator time"
    passes = result.passes.table
    return [
        b.breakdown(
            "books",
            f"How much of the {of} lies in layers",
            total,
            [("in layers", total - unattributed, "layer"), ("in no layer", unattributed, "unattributed")],
        ),
        b.table(
            "layers",
            "Layers",
            _columns(table),
            rows,
            lead=" ".join(
                f"{sentence}."
                for sentence in (
                    of.capitalize(),
                    "Self leaves out inner layers",
                    f"Source: {result.source}",
                    *compiled_notes(result),
                )
            ),
            parents=parents,
            link=("layer", "selection"),
        ),
        b.breakdown(
            "passes",
            f"The {of} by pass",
            result.passes.total_ns,
            list(zip(passes["pass"], passes["total_ns"], strict=True)),
        ),
    ]


def _columns(table: pd.DataFrame) -> list[b.Column]:
    """Return the columns; those in which nothing is known, or everything is 0, are hidden at first."""
    empty = {key for key, name in _MAY_BE_EMPTY.items() if not table[name].fillna(0).any()}
    return [replace(column, hidden=column.hidden or column.key in empty) for column in _COLUMNS]


def _path(name: str, separator: str) -> tuple[str, ...]:
    return tuple(name.split(separator)) if name else ()


def _parent(path: tuple[str, ...], place: dict[tuple[str, ...], int]) -> int:
    """Return the row of the nearest enclosing layer that is there, -1 if none is."""
    return next((place[path[:depth]] for depth in range(len(path) - 1, -1, -1) if path[:depth] in place), -1)


def _row(
    path: tuple[str, ...],
    parent: int,
    paths: list[tuple[str, ...]],
    row: dict[Any, Any],
    separator: str,
    total: int,
) -> tuple[Any, ...]:
    label = separator.join(path[len(paths[parent]) :] if parent >= 0 else path) or ROOT_LAYER
    spent = row["forward_ns"] + row["backward_ns"]
    rate = row["flops"] / spent * 1e9 if spent and not pd.isna(row["flops"]) else None
    return (
        label,
        row["type"],
        row["calls"],
        row["forward_ns"],
        row["backward_ns"],
        row["self_ns"],
        row["self_ns"] / total if total else 0.0,
        row["host_ns"],
        row["kernels"],
        row["layout_transform_ns"],
        row["copy_ns"],
        row["flops"],
        rate,
        row["parameters"],
        row["layer"] or ROOT_LAYER,
    )
