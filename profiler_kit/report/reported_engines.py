"""Engines as reported by cuDNN's log, beside what the kernels' names say, laid out for readers."""

from __future__ import annotations

from typing import Any

from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.analysis.selection.reported_engines import ReportedEngines
from profiler_kit.analysis.selection.selection import Selection
from profiler_kit.report.json import plain
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.quantities import MISSING, is_missing


def reported_engines_document(result: ReportedEngines) -> dict[str, Any] | None:
    """Return what JSON says of the log; None for a trace without one. ``row`` is the place in the ledger's rows."""
    if result.missing is not None:
        return None
    return {
        "cudnn_version": result.cudnn_version,
        "records": result.records,
        "unmatched": dict(result.unmatched),
        "rows": [{str(name): plain(value) for name, value in row.items()} for row in result.table.to_dict("records")],
    }


def reported_engines_section(result: ReportedEngines, ledger: Selection, rows: int) -> Section:
    """Lay out the engines of a ledger's rows.

    Args:
        result: What the log says.
        ledger: The ledger that it was joined to.
        rows: Most rows of the table.
    """
    told = ledger.table.to_dict("records")
    data = []
    for record in result.table.head(rows).to_dict("records"):
        row = told[record["row"]]
        engine = record["algorithm"] if is_missing(record["engine"]) else f"eng{record['engine']}"
        data.append(
            (
                problem_name(row),
                row["pass"],
                engine or MISSING,
                record["knobs"] or MISSING,
                ", ".join(record["notes"]) or "none",
                row["algorithm"],
                row["tensor_cores"],
                record["calls"],
                record["evidence"],
            )
        )
    columns = (
        Column("problem"),
        Column("pass"),
        Column("engine"),
        Column("knobs", from_width=VERY_WIDE),
        Column("its notes"),
        Column("names say:\nalgorithm", from_width=ROOMY),
        Column("tensor\ncores", from_width=WIDE),
        Column("records", "count"),
        Column("joined by", from_width=VERY_WIDE),
    )
    lead = f"As reported by cuDNN {result.cudnn_version} in its own log, beside what the kernels' names say."
    notes = [f"{count} of {result.records} records are {why}." for why, count in result.unmatched.items()]
    table = Table(columns, data, max(len(result.table) - rows, 0))
    return Section("Engines as reported by cuDNN", lead, table=table, notes=notes)
