"""Memory over time and at its peak, laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.memory``, version 1. Times are in µs since the first memory event in fields that end in
``_us``, sizes in bytes. ``devices`` and ``rows`` (what was live at the peaks) are the tables of
:class:`profiler_kit.analysis.device_time.memory_use.MemoryUse`; ``timeline`` has the points that draw each device's
line, peaks included. ``missing`` says how to record memory where the trace has none of it, else it is ``null``.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.device_time.memory_use import COUNTED, HOW_TO_RECORD, MemoryUse
from profiler_kit.report.document import json_text
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import ROOMY, Column, Item, Section, Table
from profiler_kit.report.microseconds import rows_in_microseconds, to_csv
from profiler_kit.report.quantities import is_missing, with_unit

SCHEMA: Final = "profiler_kit.memory"
SCHEMA_VERSION: Final = 1

DRAWN_BUCKETS: Final = 500
"""Stretches of time of which the series for drawing keeps the first, last, lowest and highest point."""

_WORTH_A_TABLE: Final = 0.001
"""Devices with a smaller share of the largest peak (scalars on the CPU) get no line and no table of what was live."""

_LINE_WIDTH: Final = 56
_LEVELS: Final = "▁▂▃▄▅▆▇█"

_LIVE_KEYS: Final = ("device", "layer", "operator", "blocks", "bytes", "share")


def memory_document(result: MemoryUse) -> dict[str, Any]:
    """Return what JSON says of memory, times counted from the first event."""
    start = int(result.timeline["start_ns"].min()) if len(result.timeline) else 0
    drawn = [result.drawn(device, DRAWN_BUCKETS) for device in result.devices["device"]]
    timeline = pd.concat(drawn) if drawn else result.timeline
    return {
        "missing": None if len(result.devices) else HOW_TO_RECORD,
        "layer_source": result.layer_source,
        "devices": rows_in_microseconds(result.devices.assign(peak_ns=result.devices["peak_ns"] - start)),
        "rows": rows_in_microseconds(result.live),
        "timeline": rows_in_microseconds(timeline.assign(start_ns=timeline["start_ns"] - start)),
    }


def memory_json(result: MemoryUse, source: str) -> str:
    """Render memory as JSON text."""
    content = {
        "source": source,
        **memory_document(result),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def memory_csv(result: MemoryUse) -> str:
    """Render what was live at the peaks as CSV."""
    return to_csv(rows_in_microseconds(result.live), _LIVE_KEYS)


def memory_sections(result: MemoryUse, rows: int) -> list[Section]:
    """Lay out memory: every device with its line, and what was live at each peak.

    Args:
        result: Memory by device.
        rows: Most rows of each table.
    """
    if not len(result.devices):
        return [Section("Memory", HOW_TO_RECORD)]
    return [memory_section(result), *_live_sections(result, rows)]


def memory_section(result: MemoryUse) -> Section:
    """Lay out the devices, each with its line over time."""
    columns = (
        Column("device"),
        Column("peak", "bytes", same_unit="memory"),
        Column("reserved", "bytes", same_unit="memory"),
        Column("at start", "bytes", same_unit="memory", from_width=ROOMY),
        Column("at end", "bytes", same_unit="memory", from_width=ROOMY),
        Column("peak after", "duration"),
        Column("allocations", "count"),
        Column("in all", "bytes"),
    )
    start = int(result.timeline["start_ns"].min())
    data = [
        (
            row["device"],
            row["peak_bytes"],
            row["peak_reserved_bytes"],
            None if row["source"] == COUNTED else row["first_bytes"],
            None if row["source"] == COUNTED else row["last_bytes"],
            row["peak_ns"] - start,
            row["allocations"],
            row["allocated_bytes"],
        )
        for row in result.devices.to_dict("records")
    ]
    drawn = _worth_a_table(result).to_dict("records")
    items = [_line(result, row["device"], int(row["peak_bytes"])) for row in drawn]
    notes = []
    if (result.devices["source"] == COUNTED).any():
        notes.append("The trace has no totals: these are changes since the first event; what was there is not known.")
    if not len(result.live):
        notes.append("The events carry no addresses, so what was live at the peak is not known.")
    lead = "Most memory allocated at once, by device; reserved is what the caching allocator took from the driver."
    return Section("Memory", lead, items=items, table=Table(columns, data), notes=notes)


def _line(result: MemoryUse, device: str, peak: int) -> Item:
    """Draw allocated memory over the recording, highest value of each stretch."""
    rows = result.timeline[result.timeline["device"] == device]
    levels = highest_levels(rows["start_ns"], rows["allocated_bytes"], _LINE_WIDTH)
    drawn = "".join(
        " " if is_missing(one) else _LEVELS[min(int(one / peak * (len(_LEVELS) - 1) + 0.5), 7) if peak > 0 else 0]
        for one in levels
    )
    span = with_unit("duration", int(rows["start_ns"].iloc[-1] - rows["start_ns"].iloc[0]))
    return Item(f"{device}: peak {with_unit('bytes', peak)}", [("over time", drawn), ("", f"0 … {span}")])


def highest_levels(time_ns: pd.Series, values: pd.Series, buckets: int) -> list[Any]:
    """Return the highest value in each stretch of time; where nothing changes, the last one goes on."""
    first = int(time_ns.iloc[0])
    step = max(-(-(int(time_ns.iloc[-1]) - first + 1) // buckets), 1)
    groups = values.groupby(((time_ns - first) // step).to_numpy())
    places = range(min(buckets, len(values)) if step == 1 else buckets)
    carried = groups.last().reindex(places).ffill().shift()
    highest = groups.max().reindex(places)
    return pd.concat([highest, carried], axis=1).max(axis=1).tolist()


def _worth_a_table(result: MemoryUse) -> pd.DataFrame:
    largest = int(result.devices["peak_bytes"].max())
    chosen: pd.DataFrame = result.devices[result.devices["peak_bytes"] >= _WORTH_A_TABLE * largest]
    return chosen


def _live_sections(result: MemoryUse, rows: int) -> list[Section]:
    """Lay out what was live at the peak of each device that is worth it."""
    sections = []
    for device in _worth_a_table(result)["device"]:
        live = result.live[result.live["device"] == device]
        if not len(live):
            continue
        columns = [Column("operator"), Column("blocks", "count"), Column("size", "bytes"), Column("share", "share")]
        shown = live.head(rows)
        data: list[tuple[Any, ...]] = [
            (row["operator"], row["blocks"], row["bytes"], row["share"]) for row in shown.to_dict("records")
        ]
        notes = [f"Together {with_unit('bytes', int(live['bytes'].sum()))}, the peak."]
        if live["layer"].notna().any():
            columns.insert(0, Column("layer"))
            names = [_layer(name, result.layer_source) for name in shown["layer"]]
            data = [(name, *row) for name, row in zip(names, data, strict=True)]
            notes.append(f"Source of layers: {result.layer_source}")
        table = Table(columns, data, max(len(live) - rows, 0), bars="share")
        lead = "What had been allocated and not yet freed, by the operator that asked for it."
        sections.append(Section(f"Live at the peak of {device}", lead, table=table, notes=notes))
    return sections


def _layer(name: Any, source: str) -> str | None:
    return None if is_missing(name) else short_layer(name, source)
