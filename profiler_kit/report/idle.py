"""Idle time of the devices laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.idle``, version 1. Times are in µs in fields that end in ``_us``; those that start something
are counted from ``origin_ns``, the first recorded event (ns on the trace's clock). A missing value is ``null``.
``devices``, ``causes`` and ``rows`` (the gaps) are the tables of
:class:`profiler_kit.analysis.device_time.idle.IdleTime`, ``rows`` with a sentence ``evidence``; ``launches``,
``stretches`` and ``graphs`` those of :class:`profiler_kit.analysis.device_time.launches.Launches`. Per device
``busy_us`` + ``idle_us`` = ``span_us``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.device_time.idle import IdleTime
from profiler_kit.analysis.device_time.idle_causes import ALLOCATION, SYNCHRONISATION
from profiler_kit.analysis.device_time.launches import Launches
from profiler_kit.report.document import json_text
from profiler_kit.report.launches import launch_sections
from profiler_kit.report.layout import ROOMY, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import rows_in_microseconds, to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.origin import counted, layers_text, short_operator
from profiler_kit.report.quantities import MISSING, is_missing, with_unit

SCHEMA: Final = "profiler_kit.idle"
SCHEMA_VERSION: Final = 1

NO_DEVICE: Final = "No GPU activity in this trace, so there is no idle time to speak of."

_CSV_KEYS: Final = (
    "device", "start_us", "duration_us", "cause", "evidence", "cause_us", "step", "after_sync", "operator", "layer",
    "python_function", "call", "range", "waits_for", "previous", "next", "previous_class", "next_class", "launch_us",
)  # fmt: skip

_TOLD_BY_CALL: Final = (ALLOCATION, SYNCHRONISATION)
"""Causes of which the call says more than the operator around it."""

_WHO: Final = ("operator", "python_function", "call", "range")
"""Columns that say where the host was, the most telling first."""


def origin_ns(result: IdleTime) -> int:
    """Return the time of the first recorded event."""
    devices = result.devices
    return int(devices["first_ns"].iloc[0] - devices["before_first_ns"].iloc[0]) if len(devices) else 0


def who(row: Mapping[Any, Any]) -> str:
    """Write where the host was: the operator, or else the Python function, the call or the annotation."""
    return next((str(row[name]) for name in _WHO if not is_missing(row[name])), MISSING)


def evidence(row: Mapping[Any, Any]) -> str:
    """Write in a sentence what the cause of a gap rests on."""
    words = []
    if (place := who(row)) != MISSING:
        call = "" if is_missing(row["call"]) or place == row["call"] else f" ({row['call']})"
        layer = "" if is_missing(row["layer"]) else f" of layer {row['layer']}"
        words.append(f"{_waited(row['waits_for'])} {place}{call}{layer}")
    if row["after_sync"]:
        words.append("began while the host waited for the device")
    words.append(f"next is {short_kernel(str(row['next']))}")
    if is_missing(row["launch_ns"]):
        words.append("whose launch is not in the trace")
    return "; ".join(words)


def _waited(copy: Any) -> str:
    """Write what an operator has to do with a gap: the host was in it, or it launched the copy that was waited for."""
    return "host in" if is_missing(copy) else f"waited for {copy} on another stream, launched in"


def gap_rows(result: IdleTime) -> list[dict[str, Any]]:
    """Return the gaps with times in µs from the first recorded event, and with their evidence in words."""
    gaps, origin = result.gaps, origin_ns(result)
    sentences = [evidence(row) for row in gaps.to_dict("records")]
    shifted = gaps.assign(start_ns=gaps["start_ns"] - origin, launch_ns=gaps["launch_ns"] - origin, evidence=sentences)
    return [{key: row[key] for key in _CSV_KEYS} for row in rows_in_microseconds(shifted)]


def idle_json(result: IdleTime, launches: Launches, source: str) -> str:
    """Render idle time and launches as JSON text."""
    origin = origin_ns(result)

    def counted(table: pd.DataFrame, *columns: str) -> list[dict[str, Any]]:
        return rows_in_microseconds(table.assign(**{name: table[name] - origin for name in columns}))

    content = {
        "source": source,
        "origin_ns": origin,
        "devices": counted(result.devices, "first_ns", "last_ns"),
        "causes": [
            {("us" if key == "ns" else key): value / 1000 if key == "ns" else value for key, value in row.items()}
            for row in rows_in_microseconds(result.causes)
        ],
        "launches": rows_in_microseconds(launches.calls),
        "stretches": counted(launches.stretches, "start_ns"),
        "graphs": counted(launches.graphs, "start_ns"),
        "rows": gap_rows(result),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def idle_csv(result: IdleTime) -> str:
    """Render the gaps as CSV."""
    return to_csv(gap_rows(result), _CSV_KEYS)


def idle_sections(result: IdleTime, launches: Launches, layer_source: str, rows: int) -> list[Section]:
    """Lay out the books of every device, who held it up, the longest gaps, and the launches.

    Args:
        result: Idle time.
        launches: What launching costs.
        layer_source: Where layers come from (:attr:`profiler_kit.analysis.work.layer_of_op.LayerOfOp.source`).
        rows: Most rows of each table.
    """
    if not len(result.devices):
        return [Section("Idle time", NO_DEVICE)]
    parts = [idle_section(result)]
    if len(result.gaps):
        parts += [_holders(result, layer_source, rows), _longest(result, rows)]
    return [*parts, *launch_sections(launches, layer_source, origin_ns(result), rows)]


def idle_section(result: IdleTime) -> Section:
    """Lay out the books: busy time and idle time by cause."""
    many = len(result.devices) > 1
    data: list[tuple[Any, ...]] = []
    for device in result.devices.to_dict("records"):
        causes = result.causes[result.causes["device"].fillna(-1) == _number(device["device"])]
        span = device["span_ns"]
        lines: list[tuple[Any, Any, Any]] = [("busy", None, device["busy_ns"])]
        lines += [(cause["cause"], cause["gaps"], cause["ns"]) for cause in causes.to_dict("records")]
        lines.append(("total", None, span))
        data += [
            (*([device["device"]] if many else []), name, gaps, ns, ns / span if span else 0.0)
            for name, gaps, ns in lines
        ]
    columns = [Column("what"), Column("gaps", "count"), Column("time", "duration"), Column("share", "share")]
    if many:
        columns.insert(0, Column("device", "count"))
    lead = (
        "From the first to the last activity of a device: busy, and idle by cause. Idle is when it runs nothing at "
        "all; the rules are in profiler_kit.analysis.device_time.idle_causes."
    )
    return Section("Idle time", lead, table=Table(columns, data, bars="share"), notes=_edges(result))


def _number(device: Any) -> int:
    return -1 if is_missing(device) else int(device)


def _edges(result: IdleTime) -> list[str]:
    """State the time before the first and after the last activity, which the books leave out."""
    notes = []
    for device in result.devices.to_dict("records"):
        of = "" if len(result.devices) == 1 else f" of device {device['device']}"
        notes.append(
            f"Not counted as idle: {with_unit('duration', device['before_first_ns'])} of the recording before the "
            f"first activity{of} and {with_unit('duration', device['after_last_ns'])} after the last."
        )
    after_sync = result.gaps[result.gaps["after_sync"].astype(bool)]
    if len(after_sync):
        total = with_unit("duration", after_sync["duration_ns"].sum())
        notes.append(f"{counted(len(after_sync), 'gap')} ({total}) began while the host waited for the device.")
    return notes


def _holders(result: IdleTime, layer_source: str, rows: int) -> Section:
    """Lay out where the host was during the gaps."""
    parts = result.parts
    name = parts["operator"].astype(object)
    for other in _WHO[1:]:
        name = name.where(name.notna(), parts[other].astype(object))
    call = parts["call"].astype(object).where(parts["cause"].isin(_TOLD_BY_CALL))
    named = parts.assign(who=name, call=call, layer=parts["layer"].astype(object), cause=parts["cause"].astype(object))
    groups = named.groupby(["cause", "who", "call"], observed=True, dropna=False, sort=False)
    table = groups.agg(
        layer=("layer", "first"), layers=("layer", "nunique"), gaps=("gap", "nunique"), ns=("duration_ns", "sum")
    ).reset_index()
    table = table.sort_values("ns", ascending=False, kind="stable")
    idle = int(result.devices["idle_ns"].sum())
    data: list[tuple[Any, ...]] = [
        (
            row["cause"],
            _place(row["who"], row["call"]),
            layers_text(row["layer"], row["layers"], layer_source),
            row["gaps"],
            row["ns"],
            row["ns"] / idle if idle else 0.0,
        )
        for row in table.head(rows).to_dict("records")
    ]
    columns = [
        Column("cause"),
        Column("where the host was"),
        Column("layer", from_width=WIDE),
        Column("gaps", "count", from_width=ROOMY),
        Column("time", "duration"),
        Column("of idle", "share"),
    ]
    if not table["layers"].any():
        data = [(*row[:2], *row[3:]) for row in data]
        del columns[2]
    lead = (
        "Outermost operator, or else Python function, call or annotation. A dash: none was recorded. Where work waited "
        "for a copy on another stream: where the host launched that copy."
    )
    return Section("What the host did meanwhile", lead, table=Table(columns, data, max(len(table) - rows, 0)))


def _place(who: Any, call: Any) -> str:
    """Write where the host was, with the call that told it."""
    name = MISSING if is_missing(who) else short_operator(str(who))
    return name if is_missing(call) or call == who else f"{call} in {name}"


def _longest(result: IdleTime, rows: int) -> Section:
    """Lay out the longest gaps."""
    origin = origin_ns(result)
    shown = result.gaps.nlargest(rows, "duration_ns")
    data = [
        (
            row["start_ns"] - origin,
            row["duration_ns"],
            row["cause"],
            short_operator(who(row)),
            short_kernel(str(row["next"])),
            MISSING if is_missing(row["step"]) else row["step"],
        )
        for row in shown.to_dict("records")
    ]
    columns = (
        Column("at", "duration"),
        Column("time", "duration"),
        Column("cause"),
        Column("where the host was"),
        Column("then ran", from_width=ROOMY),
        Column("step", from_width=WIDE),
    )
    lead = "At: since the first recorded event. The cause is that of most of a gap."
    return Section("Longest gaps", lead, table=Table(columns, data, max(len(result.gaps) - rows, 0)))
