"""What launching costs, laid out for readers."""

from __future__ import annotations

from profiler_kit.analysis.device_time.launches import SHORTEST_STRETCH, Launches
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import ROOMY, WIDE, Column, Section, Table
from profiler_kit.report.origin import counted, short_operator
from profiler_kit.report.quantities import MISSING, is_missing, with_unit


def launch_sections(result: Launches, layer_source: str, origin_ns: int, rows: int) -> list[Section]:
    """Lay out the calls, the launch-bound stretches and the graph replays.

    Args:
        result: What launching costs.
        layer_source: Where layers come from.
        origin_ns: Time that starts are counted from.
        rows: Most rows of each table.
    """
    parts = []
    if len(result.calls):
        parts.append(_calls(result, rows))
    if len(result.stretches):
        parts.append(_stretches(result, layer_source, origin_ns, rows))
    if len(result.graphs):
        parts.append(_graphs(result, origin_ns, rows))
    return parts


def _calls(result: Launches, rows: int) -> Section:
    shown = result.calls.head(rows)
    data = [
        (
            row.name,
            row.calls,
            row.activities,
            row.call_ns,
            row.median_call_ns,
            row.median_delay_ns,
            row.p95_delay_ns,
        )
        for row in shown.itertuples(index=False)
    ]
    columns = (
        Column("call"),
        Column("calls", "count"),
        Column("activities", "count", from_width=ROOMY),
        Column("in calls", "duration"),
        Column("median\ncall", "duration"),
        Column("median\ndelay", "duration", same_unit="delay"),
        Column("p95\ndelay", "duration", from_width=ROOMY, same_unit="delay"),
    )
    lead = "Delay: from the beginning of a call to the start of what it launched, so it includes time in the queue."
    notes = []
    if result.kernels_launched:
        notes.append(
            f"{result.short_kernels:,} of {result.kernels_launched:,} kernels launched one by one are shorter than "
            f"their launch: {with_unit('duration', result.short_kernel_ns)} of kernels, "
            f"{with_unit('duration', result.short_call_ns)} in calls."
        )
    if len(result.stretches):
        notes.append(
            f"Launch-bound: {counted(len(result.stretches), 'stretch', 'es')} of at least {SHORTEST_STRETCH} launches, "
            f"in which the device was idle for {with_unit('duration', result.stretches['idle_ns'].sum())}."
        )
    table = Table(columns, data, max(len(result.calls) - rows, 0))
    return Section("Launches", lead, table=table, notes=notes)


def _stretches(result: Launches, layer_source: str, origin_ns: int, rows: int) -> Section:
    shown = result.stretches.head(rows)
    data = [
        (
            row["start_ns"] - origin_ns,
            row["duration_ns"],
            row["launches"],
            row["busy_ns"] / row["duration_ns"] if row["duration_ns"] else 0.0,
            row["idle_ns"],
            MISSING if is_missing(row["operator"]) else short_operator(row["operator"]),
            MISSING if is_missing(row["layer"]) else short_layer(row["layer"], layer_source),
        )
        for row in shown.to_dict("records")
    ]
    columns = (
        Column("at", "duration"),
        Column("time", "duration", same_unit="stretch"),
        Column("launches", "count"),
        Column("busy", "share"),
        Column("idle", "duration", same_unit="stretch"),
        Column("begins in"),
        Column("layer", from_width=WIDE),
    )
    lead = "Launches in a row that each came when the device had run out of work."
    return Section("Launch-bound stretches", lead, table=Table(columns, data, max(len(result.stretches) - rows, 0)))


def _graphs(result: Launches, origin_ns: int, rows: int) -> Section:
    shown = result.graphs.nlargest(rows, "duration_ns")
    data = [
        (
            row["start_ns"] - origin_ns,
            row["duration_ns"],
            row["kernels"],
            row["busy_ns"] / row["duration_ns"] if row["duration_ns"] else 0.0,
            row["call_ns"],
            row["delay_ns"],
        )
        for row in shown.to_dict("records")
    ]
    columns = (
        Column("at", "duration"),
        Column("time", "duration"),
        Column("kernels", "count"),
        Column("busy", "share"),
        Column("call", "duration"),
        Column("delay", "duration"),
    )
    lead = f"{result.graph_replays:,} replays, each one launch. The longest:"
    return Section("Graph replays", lead, table=Table(columns, data, max(len(result.graphs) - rows, 0)))
