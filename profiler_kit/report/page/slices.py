"""What is known of one slice of the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from profiler_kit.report.layers import ROOT_LAYER
from profiler_kit.report.names import shapes
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.blocks import cell, shown
from profiler_kit.report.quantities import Kind, is_missing, with_unit
from profiler_kit.trace.joins import NONE

LEAD: Final = (
    "Streams, host threads and layers against time; click a kernel to follow it to its launch, operator and layer."
)

_RECORD: Final = "Nothing in this trace has a start and an end. Record with profiler_kit.profile(model, logdir)."

_UNITS: Final[dict[str, Kind]] = {"duration_ns": "duration", "bytes": "bytes", "shared_memory_bytes": "bytes"}

_PLAIN: Final = {
    "kernels": (
        "device",
        "stream",
        "registers_per_thread",
        "shared_memory_bytes",
        "blocks_per_sm",
        "warps_per_sm",
        "occupancy_percent",
        "correlation",
    ),
    "copies": ("kind", "device", "stream", "bytes", "correlation"),
    "ops": ("sequence",),
    "launches": ("correlation",),
    "cpu_kernels": ("library", "primitive", "propagation", "algorithm", "shapes", "layouts"),
}
"""Columns that are shown as they are, by table."""


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are slices."""
    return None if answers.facts.span_ns or len(answers.trace.cpu_kernels) else _RECORD


def slice_facts(answers: Answers, number: int) -> dict[str, Any]:
    """Return what is known of one slice.

    Args:
        answers: Answers about the trace.
        number: The slice, a row of :class:`profiler_kit.analysis.timeline.timeline.Timeline`.

    Raises:
        IndexError: If there is no such slice.
    """
    given = answers.timeline
    table = given.tables[int(given.table[number])]
    name = given.names[int(given.name[number])]
    facts: dict[str, Any] = {
        "index": number,
        "name": shown(name),
        "facts": [[label, cell(text)] for label, text in _facts(answers, number, table)],
    }
    return {**facts, "kernel": shown(name)} if table in ("kernels", "cpu_kernels") else facts


def _facts(answers: Answers, number: int, table: str) -> Iterator[tuple[str, Any]]:
    given = answers.timeline
    frame = getattr(answers.trace, table, None)
    if frame is None:
        return
    row = frame.iloc[int(given.row[number])] if table != "layers" else pd.Series(dtype=object)
    for name in _PLAIN.get(table, ()):
        if not is_missing(row[name]):
            label = name.removesuffix("_bytes").replace("_", " ") or "bytes"
            yield label, with_unit(_UNITS[name], row[name]) if name in _UNITS else str(row[name])
    if table == "kernels":
        for name in ("grid", "block"):
            sizes = [row[f"{name}_{axis}"] for axis in "xyz"]
            if not any(map(is_missing, sizes)):
                yield name, " × ".join(map(str, sizes))
    if table == "ops":
        yield from _operator(answers, int(given.row[number]))


def _operator(answers: Answers, row: int) -> Iterator[tuple[str, Any]]:
    trace, layers = answers.trace, answers.passes.layers
    signature = trace.ops["signature"].iloc[row]
    if not is_missing(signature):
        known = trace.signatures.iloc[int(signature)]
        if known["input_dims"] is not None:
            yield "input shapes", shapes(known["input_dims"])
        if known["input_types"] is not None:
            yield "input types", ", ".join(filter(None, map(str, known["input_types"])))
    if layers.span[row] != NONE:
        yield "layer", layers.spans["layer"].iloc[int(layers.span[row])] or ROOT_LAYER
        yield "pass", "backward" if layers.backward[row] else "forward"
