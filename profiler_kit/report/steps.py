"""Steps, streams and overlap laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.steps``, version 1. Times are in µs in fields that end in ``_us``; ``start_us`` is counted
from ``origin_ns``, the start of the first step (ns on the trace's clock). A missing value is ``null``. ``rows`` and
``outside`` are the tables of :class:`profiler_kit.analysis.device_time.steps.Steps`, ``trend`` has its trends,
``classes``, ``matrix``, ``streams`` and ``stream_pairs`` are those of
:class:`profiler_kit.analysis.device_time.overlap.Overlap`. In each row ``compute_us`` + ``exposed_communication_us`` +
``exposed_copy_us`` + ``exposed_memset_us`` = ``busy_us``, and ``busy_us`` + ``idle_us`` + ``outside_us`` =
``duration_us``.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.device_time.overlap import Overlap
from profiler_kit.analysis.device_time.steps import Steps
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.overlap import overlap_sections
from profiler_kit.report.quantities import is_missing, with_unit

SCHEMA: Final = "profiler_kit.steps"
SCHEMA_VERSION: Final = 1

_MAY_BE_ABSENT: Final = ("exposed_communication_ns", "exposed_copy_ns", "exposed_memset_ns", "outside_ns")
"""Columns that are left out where they would hold nothing but 0."""

NO_STEPS: Final = (
    "The trace has no profiler steps. Call prof.step() at the end of every iteration, with profiler_kit.profile or "
    "torch.profiler.profile(schedule=…)."
)


def steps_json(result: Steps, together: Overlap, source: str) -> str:
    """Render steps and overlap as JSON text."""
    content = {
        "source": source,
        "origin_ns": _origin_ns(result),
        "rows": step_rows(result),
        "outside": rows_in_microseconds(result.outside),
        "trend": [
            {
                "device": device if device >= 0 else None,
                "direction": one.direction,
                "rank_correlation": one.rank_correlation,
                "change_us": microseconds(one.change_ns),
                "steps": one.steps,
            }
            for device, one in result.trend.items()
        ],
        "classes": _in_microseconds(together.classes),
        "matrix": _in_microseconds(together.matrix),
        "streams": _in_microseconds(together.streams),
        "stream_pairs": _in_microseconds(together.stream_pairs),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def _in_microseconds(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows with times in µs; a plain ``ns`` becomes ``us``."""
    return [
        {("us" if key == "ns" else key): microseconds(value) if key == "ns" else value for key, value in row.items()}
        for row in rows_in_microseconds(table)
    ]


def step_rows(result: Steps) -> list[dict[str, Any]]:
    """Return the steps with times in µs from the first one on."""
    table = result.table.assign(start_ns=result.table["start_ns"] - _origin_ns(result))
    return rows_in_microseconds(table)


def _origin_ns(result: Steps) -> int:
    return int(result.table["start_ns"].min()) if len(result.table) else 0


def steps_csv(result: Steps) -> str:
    """Render the steps as CSV."""
    rows = step_rows(result)
    columns = [f"{name.removesuffix('_ns')}_us" if name.endswith("_ns") else name for name in result.table.columns]
    return to_csv([plain(row) for row in rows], columns)


def steps_sections(result: Steps, together: Overlap, rows: int) -> list[Section]:
    """Lay out the steps, what ran at the same time, and the streams.

    Args:
        result: The steps.
        together: What ran at the same time.
        rows: Most steps.
    """
    parts = [steps_section(result, rows)] if len(result.table) else [Section("Steps", NO_STEPS)]
    return [*parts, *overlap_sections(together, rows)]


def steps_section(result: Steps, rows: int) -> Section:
    """Lay out the steps."""
    table = result.table
    on_device = bool(table["busy_ns"].notna().any())
    many = len(table["device"].unique()) > 1
    marks = [_mark(row) for row in table.head(rows).to_dict("records")]
    columns: list[tuple[Column, str]] = [(Column("step"), "step")]
    if many:
        columns.append((Column("device", "count"), "device"))
    columns += [
        (Column("time", "duration", same_unit="time"), "duration_ns"),
        (Column("on host", "duration", from_width=WIDE, same_unit="time"), "host_ns"),
        (Column("operators", "duration", from_width=0 if not on_device else VERY_WIDE, same_unit="time"), "op_ns"),
    ]
    if on_device:
        columns += [
            (Column("kernels", "count", from_width=VERY_WIDE), "kernels"),
            (Column("busy", "duration", same_unit="time"), "busy_ns"),
            (Column("compute", "duration", from_width=ROOMY, same_unit="time"), "compute_ns"),
            (Column("exposed\ncomm.", "duration", from_width=ROOMY, same_unit="time"), "exposed_communication_ns"),
            (Column("exposed\ncopies", "duration", from_width=ROOMY, same_unit="time"), "exposed_copy_ns"),
            (Column("memsets", "duration", from_width=VERY_WIDE, same_unit="time"), "exposed_memset_ns"),
            (Column("idle", "duration", same_unit="time"), "idle_ns"),
            (Column("of it\nby host", "duration", same_unit="time"), "host_idle_ns"),
            (Column("outside", "duration", from_width=WIDE, same_unit="time"), "outside_ns"),
            (Column("critical"), "critical"),
        ]
    columns = [one for one in columns if one[1] not in _MAY_BE_ABSENT or table[one[1]].fillna(0).any()]
    shown = table.head(rows).to_dict("records")
    data = [(*(row[name] for _, name in columns), mark) for row, mark in zip(shown, marks, strict=True)]
    lead = (
        "A step's window ends when the host has ended it and the device has done all that was launched in it. Its "
        "parts add up: busy + idle + outside (before the device's first or after its last activity) = time."
        if on_device
        else "No GPU activity in this trace; this is the time of the host."
    )
    headings = [column for column, _ in columns]
    if any(marks):
        headings.append(Column("note", wrap=True))
    else:
        data = [row[:-1] for row in data]
    return Section(
        "Steps", lead, table=Table(headings, data, max(len(table) - rows, 0)), notes=_notes(result, on_device)
    )


def _mark(row: dict[Any, Any]) -> str:
    words = []
    if not is_missing(row["remark"]):
        words.append(str(row["remark"]))
    if row["outlier"]:
        words.append("outlier")
    return "; ".join(words)


def _notes(result: Steps, on_device: bool) -> list[str]:
    """Write the books, the trend, and how the critical resource was told."""
    notes = []
    for row in result.outside.to_dict("records"):
        device = "" if len(result.outside) == 1 else f" of device {row['device']}"
        inside = result.table["busy_ns"].sum() if not device else None
        if inside is not None:
            total = inside + row["busy_ns"]
            notes.append(
                f"Busy in steps {with_unit('duration', inside)} + in none {with_unit('duration', row['busy_ns'])} = "
                f"{with_unit('duration', total)}"
            )
        else:
            notes.append(f"Busy in no step{device}: {with_unit('duration', row['busy_ns'])}")
    for number, one in result.trend.items():
        of = f" on device {number}" if len(result.trend) > 1 else ""
        notes.append(
            f"Trend{of}: {one.direction} over {one.steps} steps (rank correlation {one.rank_correlation:+.2f}, "
            f"last third against first: {one.change_ns / 1e6:+,.3f} ms)."
        )
    if on_device:
        notes.append(
            "Critical: the largest part of the step; host is idle time in which the host had not asked for more."
        )
    return notes
