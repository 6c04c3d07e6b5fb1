"""The selection ledger laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.selection``, version 1. Times are in µs in fields that end in ``_us``; a missing value is
``null``. ``total_us`` = ``attributed_us`` (the rows) + ``unattributed_us``, which is ``other_operators_us`` +
``no_operator_us``. The rows' fields are those of :class:`profiler_kit.analysis.selection.selection.Selection`, with
``kernels`` [name, role, calls (launches), us, library, operation, algorithm, tensor_cores] and ``sequences`` (the
different sequences of kernels: kernels, calls, us, steps). ``reported_engines`` is what cuDNN's log says of the
convolutions (:class:`profiler_kit.analysis.selection.reported_engines.ReportedEngines`), ``null`` for a trace without
it. ``flops`` are those of one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.analysis.selection.selection import UNKNOWN, Selection
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING, is_missing, with_unit

SCHEMA: Final = "profiler_kit.selection"
SCHEMA_VERSION: Final = 1

TITLES: Final = {"conv": "convolutions", "linear": "matrix products", "all": "convolutions and matrix products"}

_FIRST_KEYS: Final = (
    "operator",
    "pass",
    "input_shape",
    "weight_shape",
    "dtype",
    "memory_format",
    "calls",
    "device_us",
    "main_us",
    "layout_transform_us",
    "helper_us",
    "memset_us",
    "flops",
    "tensor_cores",
    "algorithm",
    "kernels",
    "layers",
)

_ATEN: Final = "aten::"

_EXPLAINED = 5
"""Problems whose kernels are listed one by one."""

_MOST_KERNELS = 8
"""Kernels listed for one problem."""


def selection_rows(result: Selection) -> list[dict[str, Any]]:
    """Return the rows of the ledger with times in µs and with their kernels."""
    kernels: dict[int, list[dict[str, Any]]] = {}
    for kernel in result.kernels.to_dict("records"):
        facts = {name: plain(kernel[name]) for name in ("library", "operation", "algorithm", "tensor_cores")}
        us = microseconds(kernel["total_ns"])
        kernels.setdefault(kernel["row"], []).append(
            {"name": kernel["name"], "role": kernel["role"], "calls": kernel["launches"], "us": us, **facts}
        )
    sequences: dict[int, list[dict[str, Any]]] = {}
    for one in result.sequences.to_dict("records"):
        names, steps = list(one["kernels"]), list(one["steps"])
        us = microseconds(one["total_ns"])
        sequences.setdefault(one["row"], []).append({"kernels": names, "calls": one["calls"], "us": us, "steps": steps})
    rows = []
    for number, row in enumerate(rows_in_microseconds(result.table)):
        row |= {"kernels": kernels.get(number, []), "sequences": sequences.get(number, [])}
        rows.append({**{key: row[key] for key in _FIRST_KEYS}, **row})
    return rows


def selection_document(result: Selection) -> dict[str, Any]:
    """Return what JSON says of the ledger, without the facts about the file."""
    sums = ("total", "attributed", "unattributed", "other_operators", "no_operator")
    return {
        "op": result.op,
        "of": result.of,
        "layer_source": result.layer_source,
        **{f"{name}_us": microseconds(getattr(result, f"{name}_ns")) for name in sums},
        "backward_evidence": rows_in_microseconds(result.passes),
        "rows": selection_rows(result),
    }


def selection_json(result: Selection, source: str, reported: dict[str, Any] | None = None) -> str:
    """Render the ledger as JSON text, with the engines that cuDNN's log reports if the trace has one."""
    content = {
        "source": source,
        **selection_document(result),
        "reported_engines": reported,
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def selection_csv(result: Selection) -> str:
    """Render the rows of the ledger as CSV."""
    rows = selection_rows(result)
    given = [key for key in (rows[0] if rows else _FIRST_KEYS) if key != "sequences"]
    return to_csv(rows, given)


def selection_sections(result: Selection, rows: int) -> list[Section]:
    """Lay out the ledger: its table, the kernels of the longest problems, and the books.

    Args:
        result: The ledger.
        rows: Most rows of the table.
    """
    section = selection_section(result, rows)
    parts = [replace(section, notes=(*section.notes, *_sources(result)))]
    if items := [_item(result, place) for place in range(min(len(result.table), rows, _EXPLAINED))]:
        parts.append(Section("What was launched for those with most time", items=items))
    return parts


def selection_section(result: Selection, rows: int) -> Section:
    """Lay out the table of the ledger."""
    if not len(result.table):
        return Section(f"Kernel selection: {TITLES[result.op]}", f"The trace has no {TITLES[result.op]}.")
    shown = result.table.head(rows)
    data = [
        (
            str(row["operator"]).removeprefix(_ATEN),
            problem_name(row),
            row["pass"],
            row["dtype"] or "unknown",
            row["memory_format"],
            row["algorithm"],
            row["tensor_cores"],
            _layers(row["layers"], result.layer_source),
            row["calls"],
            row["device_ns"],
            row["median_ns"],
            row["p95_ns"],
            row["layout_transform_ns"] / row["device_ns"] if row["device_ns"] else 0.0,
            row["flops_per_s"],
        )
        for row in shown.to_dict("records")
    ]
    columns = (
        Column("operator", from_width=2 * ROOMY),  # the details have it, and the problem needs the room
        Column("problem"),
        Column("pass"),
        Column("type", from_width=WIDE),
        Column("format", from_width=VERY_WIDE),
        Column("algorithm"),
        Column("tensor\ncores", from_width=VERY_WIDE),
        Column("layers", from_width=VERY_WIDE),
        Column("calls", "count"),
        Column("time", "duration"),
        Column("median", "duration", from_width=VERY_WIDE, same_unit="a call"),
        Column("p95", "duration", from_width=VERY_WIDE, same_unit="a call"),
        Column("layout", "share", from_width=ROOMY),
        Column("rate", "flops_per_s", from_width=WIDE),
    )
    of = "device time" if result.of == "GPU" else "host time"
    lead = f"Distinct problems by {of}. Layout: share of it in layout transforms. Rate: useful FLOPs by time."
    left_out = max(len(result.table) - rows, 0)
    return Section(
        f"Kernel selection: {TITLES[result.op]}", lead, table=Table(columns, data, left_out), notes=_notes(result)
    )


def _layers(names: Sequence[str], source: str) -> str:
    if not names:
        return MISSING
    first = short_layer(names[0], source)
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _item(result: Selection, place: int) -> Item:
    """Write one problem with everything that was launched for it."""
    row = result.table.iloc[place].to_dict()
    details = [
        (
            str(kernel["role"]).removesuffix("_transform"),
            f"{with_unit('duration', kernel['total_ns'])} in {kernel['launches']} × {short_kernel(kernel['name'])}",
        )
        for kernel in result.kernels[result.kernels["row"] == place].head(_MOST_KERNELS).to_dict("records")
    ]
    facts = [f"{row['calls']} call{'s'[: row['calls'] != 1]}", f"median {with_unit('duration', row['median_ns'])}"]
    if not is_missing(row["flops"]):
        facts.append(f"{with_unit('flops', row['flops'])} a call")
    if not is_missing(row["flops_per_s"]):
        facts.append(with_unit("flops_per_s", row["flops_per_s"]))
    facts += [f"algorithm: {row['algorithm']}", f"tensor cores: {row['tensor_cores']}"]
    details.append(("figures", ", ".join(facts)))
    if row["layers"]:
        details.append(("layers", _layers(row["layers"], result.layer_source)))
    if row["note"]:
        details.append(("note", row["note"]))
    operator = str(row["operator"]).removeprefix(_ATEN)
    what = problem_name(row) if operator in problem_name(row) else f"{operator} {problem_name(row)}"
    return Item(f"{what}, {row['pass']}: {with_unit('duration', row['device_ns'])}", details)


def _sources(result: Selection) -> list[str]:
    """Write what layers and passes rest on."""
    notes = [f"Source of layers: {result.layer_source}"]
    evidence = result.passes[result.passes["evidence"].notna()].groupby("evidence")["total_ns"].sum()
    if len(evidence):
        told = (f"{why} ({with_unit('duration', ns)})" for why, ns in evidence.sort_values(ascending=False).items())
        notes.append(f"Which gradient a backward convolution's work is for is told by: {', '.join(told)}")
    return notes


def _notes(result: Selection) -> list[str]:
    """Write the books, and what else has to be said about the rows."""
    share = result.attributed_ns / result.total_ns if result.total_ns else 1.0
    books = (
        f"In these {with_unit('duration', result.attributed_ns)} ({share:.1%}) + in other operators "
        f"{with_unit('duration', result.other_operators_ns)} + in no operator "
        f"{with_unit('duration', result.no_operator_ns)} = {with_unit('duration', result.total_ns)}"
    )
    notes = [books]
    if result.table["input_shape"].isna().any():
        notes.append("Shapes were not recorded for all of these: rows without are told apart by what was launched.")
    if result.of != "GPU" and (result.table["library"] == UNKNOWN).all():
        notes.append("What oneDNN and MKL ran was not recorded: profile(…, cpu_kernels=True) does that.")
    if differing := int((result.table["selections"] > 1).sum()):
        notes.append(f"{differing} of these got different kernels in different calls.")
    return notes
