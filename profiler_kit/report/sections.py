"""The report as sections that text renderers share: what to show, in which order, under which heading."""

from __future__ import annotations

from typing import Any

import pandas as pd

from profiler_kit.analysis.findings.finding import WORTH_SAYING
from profiler_kit.analysis.work.facts import RecordingFacts
from profiler_kit.report.copies import copies_section
from profiler_kit.report.cpu_kernels import cpu_kernel_section
from profiler_kit.report.explanation import explanation_section
from profiler_kit.report.idle import idle_section
from profiler_kit.report.kernel_identity import types, what
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Item, Section, Table
from profiler_kit.report.memory import memory_sections
from profiler_kit.report.names import shapes, short_kernel
from profiler_kit.report.overlap import overlap_section
from profiler_kit.report.predict import report_sections
from profiler_kit.report.quantities import with_unit
from profiler_kit.report.report import Report
from profiler_kit.report.selection import selection_section
from profiler_kit.report.steps import steps_section

MEMORY_ROWS = 8
"""Most rows of what was live at a memory peak; the command shows them all."""

SELECTION_ROWS = 8
"""Most rows of the selection ledger in a report; the command shows them all, with their kernels."""


_WHY = "Why the convolution takes longer"
"""Heading of what the ledger of factors says of a convolution and a matrix product."""


def sections(report: Report, rows: int) -> list[Section]:
    """Lay out a report.

    Args:
        report: The report.
        rows: Most rows of each table.
    """
    parts = [
        _where(report),
        _findings(report),
        _layers(report, rows),
        _selection(report, rows),
        _operators(report, rows),
        _kernels(report, rows),
        _kernel_groups(report),
        _idle(report),
        _copies(report, rows),
        _overlap(report),
        cpu_kernel_section(report.cpu_kernels, rows) if len(report.cpu_kernels.table) else None,
        _steps(report, rows),
        *(memory_sections(report.memory, min(rows, MEMORY_ROWS)) if len(report.memory.devices) else ()),
        _health(report),
        None if report.explanation is None else explanation_section(report.explanation, _WHY),
        *(() if report.prediction is None else report_sections(report.prediction, rows)),
    ]
    return [part for part in parts if part]


def headline(report: Report) -> list[tuple[str, str]]:
    """Return the facts that stand above all sections, as (label, text)."""
    return headline_of(report.source, report.facts, report.totals.steps)


def headline_of(source: str, facts: RecordingFacts, step_count: int) -> list[tuple[str, str]]:
    """Return what names a trace, as (label, text): the file, the devices, the rank, and how much was recorded."""
    environment = facts.environment
    lines = [("trace", source)]
    if facts.devices:
        lines.append(
            ("device", ", ".join(f"{name or 'GPU'} (device {number})" for number, name in facts.devices.items()))
        )
    elif cpu := environment.get("cpu", {}).get("model"):
        lines.append(("device", str(cpu)))
    if version := environment.get("torch"):
        lines.append(("torch", str(version)))
    if facts.rank is not None:
        of = f" of {facts.world_size}" if facts.world_size else ""
        lines.append(("rank", f"{facts.rank}{of}"))
    spans = f"{with_unit('duration', facts.span_ns)}"
    steps = f", {step_count} step{'s'[: step_count > 1]}" if step_count else ""
    lines.append(("recorded", f"{spans}{steps}"))
    return lines


def _cut(frame: pd.DataFrame, rows: int) -> tuple[pd.DataFrame, int]:
    return frame.head(rows), max(len(frame) - rows, 0)


def _where(report: Report) -> Section:
    parts = report.breakdown
    rows = [
        (part, ns, ns / parts.total_ns if parts.total_ns else 0.0)
        for part, ns in zip(parts.table["part"], parts.table["ns"], strict=True)
    ]
    rows.append(("total", parts.total_ns, 1.0 if parts.total_ns else 0.0))
    lead = (
        "Time of the GPU from its first to its last activity."
        if parts.of == "GPU"
        else "No GPU activity in this trace; this is the time of operators on the host, each without the operators "
        "that it calls."
    )
    columns = (Column("part"), Column("time", "duration"), Column("share", "share"))
    return Section("Where the time went", lead, table=Table(columns, rows, bars="share"))


def _findings(report: Report) -> Section | None:
    if not report.findings:
        return None
    items = []
    for finding in report.findings:
        details = [("evidence", finding.evidence), ("try", finding.advice)]
        if finding.gain_ns is not None:
            details.append(("gain", f"at most {with_unit('duration', finding.gain_ns)}"))
        items.append(Item(finding.title, details))
    return Section("What stands out", items=items)


def _layers(report: Report, rows: int) -> Section | None:
    result = report.layers
    if not len(result.table):
        return Section(
            "Layers",
            "The trace has no layer spans and no module calls. Record with profiler_kit.profile(model, …) to see time "
            "by layer.",
        )
    of = "device" if result.device_total_ns else "host"
    total = result.device_total_ns if of == "device" else result.host_total_ns
    unattributed = result.device_unattributed_ns if of == "device" else result.host_unattributed_ns
    table = result.table.assign(
        own=result.table[f"forward_{of}_self_ns"] + result.table[f"backward_{of}_self_ns"]
    ).sort_values("own", ascending=False, kind="stable")
    shown, left_out = _cut(table, rows)
    data = [
        (
            short_layer(row["layer"], result.source),
            row["type"],
            row["calls"],
            row[f"forward_{of}_ns"],
            row[f"backward_{of}_ns"],
            row["own"],
            row["own"] / total if total else 0.0,
        )
        for _, row in shown.iterrows()
    ]
    columns = (
        Column("layer"),
        Column("type"),
        Column("calls", "count"),
        Column("forward", "duration", same_unit="time"),
        Column("backward", "duration", same_unit="time"),
        Column("self", "duration", same_unit="time"),
        Column("share", "share"),
    )
    note = _books("In layers", total - unattributed, "in no layer", unattributed, total)
    lead = "Device time by layer; " if of == "device" else "Host operator time by layer; "
    return Section(
        "Layers",
        lead + "self is without inner layers.",
        table=Table(columns, data, left_out),
        notes=(note, f"Source: {result.source}"),
    )


def _selection(report: Report, rows: int) -> Section | None:
    return selection_section(report.selection, min(rows, SELECTION_ROWS)) if len(report.selection.table) else None


def _operators(report: Report, rows: int) -> Section:
    result = report.operators
    by_shape = "input_dims" in result.table
    total = result.device_total_ns or result.host_total_ns
    own = "device_self_ns" if result.device_total_ns else "host_self_ns"
    shown, left_out = _cut(result.table, rows)
    columns = [Column("operator")]
    if by_shape:
        columns.append(Column("input shapes"))
    columns.append(Column("calls", "count"))
    if result.device_total_ns:
        columns += [
            Column("device self", "duration", same_unit="time"),
            Column("device total", "duration", from_width=WIDE, same_unit="time"),
        ]
    columns += [
        Column("host self", "duration", same_unit="time"),
        Column("host total", "duration", from_width=WIDE if result.device_total_ns else 0, same_unit="time"),
        Column("share", "share"),
    ]
    data = []
    for _, row in shown.iterrows():
        cells: list[Any] = [row["name"]]
        if by_shape:
            cells.append(shapes(row["input_dims"]))
        cells.append(row["calls"])
        if result.device_total_ns:
            cells += [row["device_self_ns"], row["device_total_ns"]]
        cells += [row["host_self_ns"], row["host_total_ns"], row[own] / total if total else 0.0]
        data.append(tuple(cells))
    notes = []
    if result.device_total_ns:
        notes.append(
            _books(
                "Device time in operators",
                result.device_attributed_ns,
                "in none",
                result.device_unattributed_ns,
                result.device_total_ns,
            )
        )
    lead = f"Share is of {'device' if result.device_total_ns else 'host operator'} self time."
    return Section("Operators", lead, table=Table(columns, data, left_out), notes=notes)


def _kernels(report: Report, rows: int) -> Section | None:
    result = report.kernels
    if not len(result.table):
        return None
    shown, left_out = _cut(result.table, rows)
    data = [
        (
            short_kernel(row["name"]),
            row["library"],
            what(row),
            types(row),
            row["layout"],
            row["tensor_cores"],
            row["calls"],
            row["total_ns"],
            row["share"],
            row["mean_ns"],
        )
        for row in shown.to_dict("records")
    ]
    columns = (
        Column("kernel"),
        Column("library", from_width=ROOMY),
        Column("what", from_width=WIDE),
        Column("types", from_width=VERY_WIDE),
        Column("layout", from_width=VERY_WIDE),
        Column("tensor\ncores"),
        Column("calls", "count"),
        Column("total", "duration"),
        Column("share", "share"),
        Column("mean", "duration", from_width=WIDE),
    )
    return Section("Kernels", table=Table(columns, data, left_out))


def _kernel_groups(report: Report) -> Section | None:
    result = report.kernel_groups
    if result is None:
        return None
    data = [
        (row["value"], row["kernels"], row["calls"], row["total_ns"], row["share"])
        for row in result.table.to_dict("records")
    ]
    data.append(("total", len(report.kernels.table), int(report.kernels.table["calls"].sum()), result.total_ns, 1.0))
    columns = (
        Column(result.by.replace("_", " ")),
        Column("names", "count"),
        Column("calls", "count"),
        Column("time", "duration"),
        Column("share", "share"),
    )
    lead = "A dash: the question does not apply to these kernels; unknown: their names do not tell."
    return Section(f"Kernels by {result.by.replace('_', ' ')}", lead, table=Table(columns, data, bars="share"))


def _copies(report: Report, rows: int) -> Section | None:
    result = report.device_time.copies
    return copies_section(result, rows) if len(result.table) else None


def _idle(report: Report) -> Section | None:
    devices = report.device_time.idle.devices
    matters = int(devices["idle_ns"].sum()) > WORTH_SAYING * int(devices["span_ns"].sum())
    return idle_section(report.device_time.idle) if matters else None


def _overlap(report: Report) -> Section | None:
    result = report.device_time.overlap
    return overlap_section(result) if int(result.classes["hidden_ns"].sum()) else None


def _steps(report: Report, rows: int) -> Section | None:
    return steps_section(report.device_time.steps, rows) if len(report.device_time.steps.table) else None


def _books(inside: str, inside_ns: int, outside: str, outside_ns: int, total_ns: int) -> str:
    """Write a closed sum: what is attributed, what is not, and the total."""
    share = inside_ns / total_ns if total_ns else 1.0
    return (
        f"{inside} {with_unit('duration', inside_ns)} ({share:.1%}) + {outside} "
        f"{with_unit('duration', outside_ns)} = {with_unit('duration', total_ns)}"
    )


def _health(report: Report) -> Section | None:
    remarks = tuple(report.health.remarks())
    return Section("Health of the trace", notes=remarks) if remarks else None
