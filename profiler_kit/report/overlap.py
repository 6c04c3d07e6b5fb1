"""What ran at the same time, laid out for readers."""

from __future__ import annotations

from typing import Any

from profiler_kit.analysis.device_time.device_time_classes import CLASSES
from profiler_kit.analysis.device_time.overlap import Overlap
from profiler_kit.report.layout import ROOMY, WIDE, Column, Section, Table
from profiler_kit.report.quantities import MISSING, is_missing


def overlap_sections(result: Overlap, rows: int) -> list[Section]:
    """Lay out the classes with what hid them, and the streams where there are several.

    Args:
        result: What ran at the same time.
        rows: Most streams.
    """
    parts = []
    if len(result.classes):
        parts.append(overlap_section(result))
    if len(result.streams) > result.streams["device"].nunique(dropna=False):
        parts.append(_streams(result, rows))
    return parts


def overlap_section(result: Overlap) -> Section:
    """Lay out exposed and hidden time of each class, and how long it ran beside each other one."""
    present = [name for name in CLASSES if name in set(result.classes["class"])]
    many = result.classes["device"].nunique(dropna=False) > 1
    beside = {
        (_number(row["device"]), row["class"], row["other"]): row["ns"] for row in result.matrix.to_dict("records")
    }
    data = []
    for row in result.classes.to_dict("records"):
        device = _number(row["device"])
        others = [beside[device, row["class"], other] if other != row["class"] else None for other in present]
        head = (MISSING if is_missing(row["device"]) else row["device"],) if many else ()
        data.append((*head, row["class"], row["activities"], row["ns"], row["exposed_ns"], row["hidden_ns"], *others))
    columns = [
        Column("class"),
        Column("activities", "count", from_width=ROOMY),
        Column("ran", "duration", same_unit="time"),
        Column("exposed", "duration", same_unit="time"),
        Column("hidden", "duration", same_unit="time"),
        *(Column(f"beside\n{name}", "duration", from_width=ROOMY, same_unit="time") for name in present),
    ]
    if many:
        columns.insert(0, Column("device"))
    lead = (
        "Ran: at least one of the class, whatever the stream. Hidden: while a class above it in this table ran too. "
        "Exposed times add up to the busy time."
    )
    return Section("Overlap", lead, table=Table(columns, data))


def _number(device: Any) -> int:
    return -1 if is_missing(device) else int(device)


def _streams(result: Overlap, rows: int) -> Section:
    """Lay out the streams."""
    many = result.streams["device"].nunique(dropna=False) > 1
    shown = result.streams.head(rows)
    data = []
    for row in shown.to_dict("records"):
        head = (row["device"],) if many else ()
        sums = [row[f"{name}_ns"] for name in CLASSES]
        data.append((*head, row["stream"], row["activities"], row["busy_ns"], row["share"], row["alone_ns"], *sums))
    columns = [
        Column("stream"),
        Column("activities", "count"),
        Column("busy", "duration", same_unit="time"),
        Column("share", "share"),
        Column("alone", "duration", same_unit="time"),
        *(Column(name, "duration", from_width=WIDE, same_unit="time") for name in CLASSES),
    ]
    if many:
        columns.insert(0, Column("device"))
    pairs = [
        f"streams {row['stream']} and {row['other']} for {row['ns'] / 1e6:,.3f} ms"
        for row in result.stream_pairs.head(rows).to_dict("records")
    ]
    notes = [f"At once: {', '.join(pairs)}."] if pairs else ["No two streams ran anything at the same time."]
    lead = "Share is of the device's time from its first to its last activity; alone: no other stream ran."
    table = Table(columns, data, max(len(result.streams) - rows, 0))
    return Section("Streams", lead, table=table, notes=notes)
