"""Rooflines laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.roofline``, version 1. Times are in µs in fields that end in ``_us``; a missing value is
``null``. ``total_us`` = ``covered_us`` (the operators) + ``uncovered_us``, and ``covered_us`` = the times of ``layers``
+ ``unlayered_us``. ``operators``, ``kernels`` and ``layers`` are tables documented in
:class:`profiler_kit.analysis.ledger.roofline.Roofline`, ``device`` is
:class:`profiler_kit.analysis.ledger.roofs.Roofs`, ``counters`` has what hardware counters measured
(:class:`profiler_kit.analysis.ledger.counters.Counters`), null if there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.ledger.counters import COUNTED, Counters
from profiler_kit.analysis.ledger.roofline import Roofline
from profiler_kit.analysis.ledger.roofs import ANY_UNIT, Roofs
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import is_missing, with_unit

SCHEMA: Final = "profiler_kit.roofline"
SCHEMA_VERSION: Final = 1

TABLES: Final = ("operators", "kernels", "layers")

RECORD_SHAPES: Final = (
    "The trace has no shapes that FLOPs could be counted from: record with record_shapes=True. "
    "`profiler-kit selection` and `report` show the times without."
)


@dataclass(frozen=True)
class Point:
    """One operator in a roofline plot.

    Attributes:
        label: Its name.
        unit: Arithmetic unit, None if not known.
        intensity: FLOP per byte.
        flops_per_s: Rate that was reached.
        share: Of the time of everything, 0 to 1.
        bound: compute, memory, launch or unknown.
    """

    label: str
    unit: str | None
    intensity: float
    flops_per_s: float
    share: float
    bound: str


def roofline_points(result: Roofline) -> list[Point]:
    """Return the operators that have FLOPs, most time first."""
    rows = result.operators.dropna(subset=["intensity", "flops_per_s"])
    rows = rows[(rows["flops"] > 0) & (rows["flops_per_s"] > 0)]
    return [
        Point(
            label=str(row["name"]),
            unit=None if is_missing(row["unit"]) else str(row["unit"]),
            intensity=float(row["intensity"]),
            flops_per_s=float(row["flops_per_s"]),
            share=row["total_ns"] / result.total_ns,
            bound=str(row["bound"]),
        )
        for row in rows.to_dict("records")
    ]


def peaks_to_show(result: Roofline) -> dict[str, float]:
    """Return the peaks of the units that operators use, highest first; all that are known if none is used."""
    known = dict(result.roofs.peak_flops_per_s)
    used = {unit: known[unit] for unit in result.operators["unit"].dropna().unique() if unit in known}
    chosen = {ANY_UNIT: known[ANY_UNIT]} if ANY_UNIT in known else used or known
    return dict(sorted(chosen.items(), key=lambda peak: -peak[1]))


def roofline_json(result: Roofline, counted: Counters | None, source: str) -> str:
    """Render rooflines as JSON text."""
    content = {
        "source": source,
        "of": result.of,
        "device": plain(result.roofs),
        "total_us": microseconds(result.total_ns),
        "covered_us": microseconds(result.covered_ns),
        "uncovered_us": microseconds(result.uncovered_ns),
        "unlayered_us": microseconds(result.unlayered_ns),
        **{name: rows_in_microseconds(getattr(result, name)) for name in TABLES},
        "counters": None
        if counted is None
        else {
            "joined": counted.joined,
            "metrics": list(counted.metrics),
            "kernels": rows_in_microseconds(counted.kernels),
        },
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def roofline_csv(result: Roofline, by: str) -> str:
    """Render one of the tables as CSV."""
    table: pd.DataFrame = getattr(result, by)
    rows = rows_in_microseconds(table)
    names = [f"{name.removesuffix('_ns')}_us" if name.endswith("_ns") else name for name in table.columns]
    return to_csv(rows, names)


def device_text(roofs: Roofs) -> str:
    """Write in one line what the machine can do, and how that is known."""
    words = [roofs.name or "not known"]
    if roofs.sm_count:
        words.append(f"{roofs.sm_count} {roofs.processors}")
    if roofs.kind == "cpu":
        words += [f"{with_unit('flops_per_s', peak)} {unit}" for unit, peak in roofs.peak_flops_per_s.items()]
    if roofs.bandwidth_bytes_per_s:
        words.append(with_unit("bytes_per_s", roofs.bandwidth_bytes_per_s))
    return ", ".join((*words, *roofs.sources))


def roofline_sections(result: Roofline, counted: Counters | None, rows: int, by: Sequence[str]) -> list[Section]:
    """Lay out rooflines.

    Args:
        result: The rooflines.
        counted: What hardware counters say, None if the trace has none.
        rows: Most rows of each table.
        by: Which tables to show, of `TABLES`.
    """
    parts = [_ceilings(result)]
    if not len(result.operators):
        parts.append(Section("Operators", RECORD_SHAPES))
    else:
        parts += [_table(result, name, rows) for name in by if len(getattr(result, name))]
    if counted is not None:
        parts.append(_counters(result, counted, rows))
    return parts


def _ceilings(result: Roofline) -> Section:
    """Lay out the peaks that rates are held against."""
    roofs = result.roofs
    peaks = peaks_to_show(result)
    bandwidth = roofs.bandwidth_bytes_per_s
    if not peaks or not bandwidth:
        missing = " and ".join(
            what for what, there in (("peak rates", bool(peaks)), ("bandwidth", bandwidth is not None)) if not there
        )
        how = "--device NAME, or --peak-flops and --bandwidth"
        if roofs.kind == "cpu":
            how = "--peak-flops and --bandwidth, or record with profiler_kit, which measures them"
        return Section("Roofs", f"The {missing} of this machine are not known, so that only rates are shown: {how}.")
    rows = [(unit.replace("_", " "), peak, bandwidth, peak / bandwidth) for unit, peak in peaks.items()]
    columns = (
        Column("unit"),
        Column("peak", "flops_per_s"),
        Column("bandwidth", "bytes_per_s"),
        Column("ridge point\n(FLOP/B)"),
    )
    lead = (
        "A unit's rate is attainable from the ridge point on; below it, bandwidth limits. "
        f"{'; '.join(roofs.sources)[:1].upper()}{'; '.join(roofs.sources)[1:]}."
    )
    shown = [(unit, peak, moved, f"{ridge:.3g}") for unit, peak, moved, ridge in rows]
    return Section("Roofs", lead, table=Table(columns, shown), notes=_cached(roofs, max(peaks.values())))


def _rates_of_caches(roofs: Roofs) -> dict[int, float]:
    """Return the rates at which caches move so many bytes, where that is faster than memory."""
    memory = roofs.bandwidth_bytes_per_s or 0
    return {size: rate for size, rate in roofs.cached_bytes_per_s.items() if rate > memory}


def _cached(roofs: Roofs, peak: float) -> list[str]:
    """Say that what caches hold is moved faster."""
    rates = _rates_of_caches(roofs)
    if not rates:
        return []
    fastest = max(rates, key=lambda size: rates[size])
    moved = f"{with_unit('bytes_per_s', rates[fastest])} for {with_unit('bytes', fastest)}"
    ridge = f"{peak / rates[fastest]:.3g} FLOP/B"
    return [
        f"Caches are faster: {moved}, with the ridge point at {ridge}.",
        "A row is held against the rate for the bytes of a call, its memory roof.",
    ]


def _table(result: Roofline, name: str, rows: int) -> Section:
    """Lay out one of the tables."""
    table: pd.DataFrame = getattr(result, name)
    cached = bool(_rates_of_caches(result.roofs))
    data = [_cells(name, row, result.layer_source, cached=cached) for row in table.head(rows).to_dict("records")]
    first = name.removesuffix("s")
    columns = (
        Column(first, wrap=name == "operators"),
        Column("unit", from_width=VERY_WIDE),
        Column("calls", "count", from_width=WIDE),
        Column("time", "duration"),
        Column("FLOP/B", from_width=ROOMY),
        Column("rate", "flops_per_s"),
        *([Column("memory roof", "bytes_per_s", from_width=ROOMY)] if cached else []),
        Column("attainable", "flops_per_s", from_width=WIDE),
        Column("bytes/s", "bytes_per_s", from_width=VERY_WIDE),
        Column("bound"),
        Column("of roof", "share"),
    )
    left_out = max(len(table) - rows, 0)
    return Section(
        name.capitalize(),
        _LEADS[name],
        table=Table(columns, data, left_out, bars="of roof"),
        notes=_notes(result, name),
    )


_LEADS: Final = {
    "operators": "Rate: useful FLOPs by time. Attainable: what the roofs allow at most for this intensity. "
    "Of roof: least time that the useful work can take on the whole machine, by the time that it took (the ceilings of "
    "`profiler-kit explain` are lower by a kernel's padding, tiles and idle SMs).",
    "kernels": "The kernels of operators that run a single main one; their own time.",
    "layers": "The calls that a layer makes itself, without those of its inner layers; both passes.",
}


def _cells(name: str, row: dict[Any, Any], layer_source: str, *, cached: bool) -> tuple[Any, ...]:
    if name == "layers":
        label = short_layer(str(row["layer"]), layer_source)
    else:
        label = short_kernel(str(row["name"])) if name == "kernels" else str(row["name"])
    unit = row.get("unit")
    return (
        label,
        None if is_missing(unit) else str(unit).replace("_", " "),
        row["calls"],
        row["total_ns"],
        None if is_missing(row["intensity"]) else f"{row['intensity']:.3g}",
        row["flops_per_s"] if row["flops"] else None,
        *([row["bandwidth_bytes_per_s"]] if cached else []),
        row["attainable_flops_per_s"],
        row["bytes_per_s"],
        row["bound"],
        row["fraction"],
    )


def _notes(result: Roofline, name: str) -> list[str]:
    if name == "layers":
        return [_books_of_layers(result)]
    if name != "operators":
        return []
    share = result.covered_ns / result.total_ns if result.total_ns else 1.0
    above = (result.operators["fraction"] > 1).fillna(False).any()
    books = (
        f"In these {with_unit('duration', result.covered_ns)} ({share:.1%}) + in operators whose work is not known "
        f"{with_unit('duration', result.uncovered_ns)} = {with_unit('duration', result.total_ns)} of {result.of}"
    )
    return [
        books,
        "Bytes are the least that must be moved. Launch: calls under 10 µs and below half of their roof.",
        *(["Above a roof: Winograd and FFT do fewer operations than the direct count has."] if above else []),
    ]


def _books_of_layers(result: Roofline) -> str:
    """Say how the time in layers adds up to everything."""
    inside = with_unit("duration", result.covered_ns - result.unlayered_ns)
    unlayered, uncovered, total = (
        with_unit("duration", ns) for ns in (result.unlayered_ns, result.uncovered_ns, result.total_ns)
    )
    outside = f" + in no layer {unlayered}" if result.unlayered_ns else ""
    return f"In layers {inside}{outside} + in operators whose work is not known {uncovered} = {total} of {result.of}"


def _inflation(result: Roofline, rows: int) -> list[Item]:
    """Say how many operations were executed for each useful one."""
    known = result.operators[result.operators["inflation"].notna()].head(rows)
    items = []
    for row in known.to_dict("records"):
        executed, useful = (with_unit("flops", row[name]) for name in ("executed_flops", "flops"))
        title = f"{row['name']}: {row['inflation']:.3g} × the useful operations were executed"
        items.append(Item(title, [("figures", f"{executed} by the counters, {useful} by the shapes")]))
    return items


def _counters(result: Roofline, counted: Counters, rows: int) -> Section:
    """Lay out what hardware counters measured."""
    table = counted.kernels
    data = [
        (
            short_kernel(str(row["name"])),
            row["ranges"],
            row["fp32_flops"],
            row["fp16_flops"],
            row["fp64_flops"],
            row["dram_bytes"],
        )
        for row in table.head(rows).to_dict("records")
    ]
    columns = (
        Column("kernel"),
        Column("launches", "count"),
        Column("fp32", "flops"),
        Column("fp16", "flops", from_width=ROOMY),
        Column("fp64", "flops", from_width=ROOMY),
        Column("memory", "bytes", from_width=WIDE),
    )
    lead = (
        f"Executed by the GPU, as its counters say ({len(counted.metrics)} were read); kernels were replayed for that, "
        "so their times mean nothing."
    )
    totals = ", ".join(
        with_unit("bytes" if name == "dram_bytes" else "flops", table[name].sum()) + f" {name.partition('_')[0]}"
        for name in COUNTED
        if table[name].notna().any()
    )
    notes = [f"Altogether {totals}."] if totals else []
    if not counted.joined:
        notes.append("Not as many ranges as launches: which operator launched which cannot be told.")
    shown = Table(columns, data, max(len(table) - rows, 0))
    return Section("Measured by hardware counters", lead, items=_inflation(result, rows), table=shown, notes=notes)
