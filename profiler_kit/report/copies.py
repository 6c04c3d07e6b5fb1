"""Memory copies laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.copies``, version 1. Times are in µs in fields that end in ``_us``; ``start_us`` is counted
from ``origin_ns``, the start of the first copy (ns on the trace's clock). A missing value is ``null``. ``kinds``,
``causes`` and ``rows`` (every copy) are the tables of :class:`profiler_kit.analysis.device_time.copies.Copies`;
``hidden_us`` + ``exposed_us`` = the duration in each of their rows. In ``kinds``, ``peak_of`` says what carries them
(``device memory``, ``NVLink``, or the GPU's link to its host: ``PCIe 4.0 x16``), ``peak_bytes_per_s`` what that carries
at most in one direction by the GPU's data sheet (never measured), and ``peak_share`` how much of it they reach (1:
all).
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.device_time.copies import SMALL_BYTES, Copies
from profiler_kit.analysis.device_time.copy_peaks import MEMORY
from profiler_kit.report.document import json_text
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.origin import layers_text, short_operator
from profiler_kit.report.quantities import MISSING, is_missing, with_unit

SCHEMA: Final = "profiler_kit.copies"
SCHEMA_VERSION: Final = 1

NO_COPIES: Final = "The trace has no copies and no memsets."

_CSV_KEYS: Final = (
    "start_us", "duration_us", "direction", "memory", "waits", "bytes", "hidden_us", "exposed_us", "operator", "layer",
    "step", "call_us", "wait_us", "device", "stream", "name",
)  # fmt: skip


def copy_rows(result: Copies) -> list[dict[str, Any]]:
    """Return every copy with times in µs from the first one on."""
    rows = result.rows.assign(start_ns=result.rows["start_ns"] - _origin_ns(result))
    return [{key: row[key] for key in _CSV_KEYS} for row in rows_in_microseconds(rows)]


def copies_json(result: Copies, source: str) -> str:
    """Render copies as JSON text."""
    content = {
        "source": source,
        "origin_ns": _origin_ns(result),
        "total_us": microseconds(result.total_ns),
        "bytes": result.bytes,
        "kinds": rows_in_microseconds(result.table),
        "causes": rows_in_microseconds(result.causes),
        "rows": copy_rows(result),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def copies_csv(result: Copies) -> str:
    """Render every copy as CSV."""
    return to_csv(copy_rows(result), _CSV_KEYS)


def copies_sections(result: Copies, layer_source: str, rows: int) -> list[Section]:
    """Lay out copies by kind and by who caused them.

    Args:
        result: Copies.
        layer_source: Where layers come from (:attr:`profiler_kit.analysis.work.layer_of_op.LayerOfOp.source`).
        rows: Most rows of each table.
    """
    if not len(result.table):
        return [Section("Copies and memsets", NO_COPIES)]
    return [copies_section(result, rows), _causes(result, layer_source, rows)]


def copies_section(result: Copies, rows: int) -> Section:
    """Lay out copies by direction, memory and way of waiting."""
    shown = result.table.head(rows)
    data = [
        (
            row["direction"],
            MISSING if is_missing(row["memory"]) else row["memory"],
            row["waits"],
            row["calls"],
            row["small"],
            row["bytes"],
            row["total_ns"],
            row["bytes_per_s"],
            row["peak_share"],
            row["hidden_ns"],
            row["exposed_ns"],
            row["call_ns"],
        )
        for row in shown.to_dict("records")
    ]
    columns = (
        Column("copy"),
        Column("memory", from_width=ROOMY),
        Column("host"),
        Column("calls", "count"),
        Column("small", "count", from_width=WIDE),
        Column("size", "bytes"),
        Column("time", "duration", same_unit="time"),
        Column("rate", "bytes_per_s"),
        Column("of peak", "share"),
        Column("hidden", "duration", from_width=VERY_WIDE, same_unit="time"),
        Column("exposed", "duration", same_unit="time"),
        Column("in calls", "duration", from_width=ROOMY),
    )
    exposed = int(result.table["exposed_ns"].sum())
    hidden = result.total_ns - exposed
    books = (
        f"Hidden behind kernels {with_unit('duration', hidden)} + exposed {with_unit('duration', exposed)} = "
        f"{with_unit('duration', result.total_ns)}"
    )
    lead = (
        f"Memory is the host's side. Host: whether the call or the next one waits for the copy. Small: at most "
        f"{SMALL_BYTES // 1024} KiB. Exposed: no kernel ran on the device meanwhile."
    )
    table = Table(columns, data, max(len(result.table) - rows, 0))
    return Section("Copies and memsets", lead, table=table, notes=[books, _peaks(result.table)])


def _peaks(table: pd.DataFrame) -> str:
    """Say what the shares of a peak are shares of."""
    known = table[table["peak_share"].notna()]
    if known.empty:
        return (
            "Of peak: not known. The trace names no GPU of the table, or the table has no figure of the link; "
            "profiler-kit copies --device NAME names a GPU."
        )
    named = known[["peak_of", "peak_bytes_per_s"]].dropna().drop_duplicates()
    carriers = [
        f"{of} {with_unit('bytes_per_s', peak)}{'' if of == MEMORY else ' each way'}"
        for of, peak in named.itertuples(index=False)
    ]
    said = [f"Of peak: of what the GPU's data sheet gives at most (not measured): {', '.join(carriers)}."]
    if (known["direction"] == "DtoD").any():
        said.append("A copy within the memory counts twice: it is read and written.")
    if known["direction"].isin(("HtoD", "DtoH")).any():
        said.append("The machine's slot may be slower.")
    if (known["direction"] == "P2P").any():
        said.append("A pair of GPUs may have only some of the NVLinks.")
    if (known["peak_share"] > 1).any():
        said.append("Above 100%: it went another way, such as through a cache or over NVLink to the host.")
    return " ".join(said)


def _causes(result: Copies, layer_source: str, rows: int) -> Section:
    """Lay out who caused the copies: operators, with their layers joined."""
    causes = result.causes.astype({"operator": object, "layer": object})
    groups = causes.groupby(["direction", "operator"], observed=True, dropna=False, sort=False)
    table = groups.agg(
        layer=("layer", "first"),
        layers=("layer", "nunique"),
        calls=("calls", "sum"),
        bytes=("bytes", "sum"),
        total_ns=("total_ns", "sum"),
        exposed_ns=("exposed_ns", "sum"),
        steps=("steps", "max"),
    ).reset_index()
    table = table.sort_values("total_ns", ascending=False, kind="stable")
    data: list[tuple[Any, ...]] = [
        (
            row["direction"],
            MISSING if is_missing(row["operator"]) else short_operator(row["operator"]),
            layers_text(row["layer"], row["layers"], layer_source),
            row["calls"],
            row["steps"] or None,
            row["bytes"],
            row["total_ns"],
            row["exposed_ns"],
        )
        for row in table.head(rows).to_dict("records")
    ]
    columns: tuple[Column, ...] = (
        Column("copy"),
        Column("operator"),
        Column("layer", from_width=WIDE),
        Column("calls", "count"),
        Column("steps", "count", from_width=ROOMY),
        Column("size", "bytes", from_width=ROOMY),
        Column("time", "duration", same_unit="time"),
        Column("exposed", "duration", same_unit="time"),
    )
    if not table["layers"].any():
        data = [(*row[:2], *row[3:]) for row in data]
        columns = (*columns[:2], *columns[3:])
    lead = "The outermost operator that launched them. A dash: launched in none, or the launch is not in the trace."
    return Section("Who copies", lead, table=Table(columns, data, max(len(table) - rows, 0)))


def _origin_ns(result: Copies) -> int:
    return int(pd.to_numeric(result.rows["start_ns"]).min()) if len(result.rows) else 0
