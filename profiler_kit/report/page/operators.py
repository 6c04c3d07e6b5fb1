"""Operators by name and by input shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from profiler_kit.report.names import shapes
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers

LEAD: Final = "Time by operator, on the host and on the device, itself and with what it calls."

_RECORD: Final = "This trace has no operators. Record with activities that include ProfilerActivity.CPU."

_TIMES: Final = (
    b.Column("calls", "Calls", "count"),
    b.Column("device_self", "Device self", "duration", "What the operator launched itself", bar=True),
    b.Column("device_total", "Device total", "duration", "With what the operators that it calls launched"),
    b.Column("host_self", "Host self", "duration", "Without the operators that it calls", bar=True),
    b.Column("host_total", "Host total", "duration"),
    b.Column("share", "Share", "share", "Of device self time; without a GPU, of host self time"),
)


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are operators."""
    return None if len(answers.trace.ops) else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    result = answers.operators
    sort = "device_self" if result.device_total_ns else "host_self"
    made = []
    if result.device_total_ns:
        made.append(
            b.breakdown(
                "books",
                "How much of the device time operators launched",
                result.device_total_ns,
                [
                    ("in operators", result.device_attributed_ns, "layer"),
                    ("in none", result.device_unattributed_ns, "unattributed"),
                ],
            )
        )
    total = result.device_total_ns or result.host_total_ns
    # Without a GPU there is nothing in the columns of one.
    device = {"device_self", "device_total"} if not result.device_total_ns else set()
    times = [replace(column, hidden=column.key in device) for column in _TIMES]
    rows = [(row["name"], *_times(row, total, sort)) for row in result.table.to_dict("records")]
    made.append(b.table("operators", "Operators", (b.Column("operator", "Operator", "mono"), *times), rows, sort=sort))
    by_shape = answers.operators_by_shape.table
    if by_shape["input_dims"].notna().any():
        columns = (
            b.Column("operator", "Operator", "mono"),
            b.Column("shapes", "Input shapes", "mono", wrap=True),
            *times,
        )
        shaped = [
            (row["name"], shapes(row["input_dims"]), *_times(row, total, sort)) for row in by_shape.to_dict("records")
        ]
        made.append(b.table("operators_by_shape", "Operators by input shapes", columns, shaped, sort=sort))
    return made


def _times(row: dict[Any, Any], total: int, sort: str) -> tuple[Any, ...]:
    return (
        row["calls"],
        row["device_self_ns"],
        row["device_total_ns"],
        row["host_self_ns"],
        row["host_total_ns"],
        row[f"{sort}_ns"] / total if total else 0.0,
    )
