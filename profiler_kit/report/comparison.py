"""A comparison of measured layers, laid out like a report and rendered by the same renderers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from profiler_kit.analysis.measured.layer_comparison import LayerComparison
from profiler_kit.report import markdown, terminal
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import WIDE, Column, Item, Section, Table
from profiler_kit.report.quantities import write

SCHEMA = "profiler_kit.comparison"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ComparisonReport:
    """Measured layers side by side, ready to be rendered.

    Attributes:
        device: Where they ran, in words.
        load: How busy the machine was before, in words: other processes slow layers that use many threads.
        comparison: The figures.
    """

    device: str
    load: str
    comparison: LayerComparison

    def to_text(self, *, width: int, color: bool = False) -> str:
        """Render for a terminal of the given width."""
        return terminal.render_sections(_TITLE, self._facts(), self._sections(), width=width, color=color)

    def to_markdown(self) -> str:
        """Render as Markdown."""
        return markdown.render_sections(_TITLE, self._facts(), self._sections())

    def to_json(self) -> str:
        """Render as JSON: schema ``profiler_kit.comparison`` version 1, with the comparison's table under ``rows``."""
        content = {
            "device": self.device,
            "load": self.load,
            **plain(self.comparison),
        }
        return json_text(SCHEMA, SCHEMA_VERSION, content)

    def _facts(self) -> list[tuple[str, str]]:
        return [("device", self.device), ("load", self.load)]

    def _sections(self) -> list[Section]:
        table = self.comparison.table
        groups = table.groupby(["batch", "pass"], sort=False)
        return [*(_section(f"Batch {key[0]}, {key[1]}", rows) for key, rows in groups), _method(table)]


_TITLE = "Dense against convolution, measured"


def _section(title: str, rows: pd.DataFrame) -> Section:
    columns = (
        Column("layer"),
        Column("median", "duration"),
        Column("25%", "duration", from_width=WIDE),
        Column("75%", "duration", from_width=WIDE),
        Column("work", "flops"),
        Column("bytes", "bytes", from_width=WIDE),
        Column("rate", "flops_per_s"),
        Column("traffic", "bytes_per_s", from_width=WIDE),
        Column("time\n/ dense", "ratio"),
        Column("work\n/ dense", "ratio"),
    )
    data = [
        (
            row["layer"],
            row["median_ns"],
            row["q25_ns"],
            row["q75_ns"],
            row["flops"],
            row["bytes"],
            row["flops_per_s"],
            row["bytes_per_s"],
            row["time_ratio"],
            row["flops_ratio"],
        )
        for row in rows.to_dict("records")
    ]
    others = rows[rows["time_ratio"].notna() & (rows["flops_ratio"] != 1)]
    items = [Item(_sentence(row)) for row in others.to_dict("records")]
    return Section(title, items=items, table=Table(columns, data))


def _sentence(row: Mapping[Any, Any]) -> str:
    """State how one layer compares with the dense one, in figures of the table only."""
    time, work = row["time_ratio"], row["flops_ratio"]
    longer = f"takes {write('ratio', time)} the dense layer's time for {write('ratio', work)} its work"
    return f"{row['layer']} {longer}: it computes at {write('ratio', work / time)} the dense layer's rate."


def _method(table: pd.DataFrame) -> Section:
    """Say where the figures come from, with the arithmetic of the work, so that it can be checked by hand."""
    calls = int(table["calls"].min())
    first = table.drop_duplicates(["layer", "pass"])
    arithmetic = [
        f"{row.layer} {row.pass_}, batch {row.batch}: {row.flops_formula} = {row.flops:,} FLOP"
        for row in first.rename(columns={"pass": "pass_"}).itertuples()
    ]
    return Section(
        "How to read this",
        f"Times are measured without a profiler: the median of {calls} calls of each, in turn, after a warm-up. Work "
        "and bytes are derived from the shapes: useful operations (a multiplication and an addition count as two), and "
        "the least that must be moved (each tensor once). Ratios are to the dense layer of the same batch and pass. "
        "On a CPU, memory that a call frees is kept for the next one, as in a process that has run for a while.",
        notes=arithmetic,
    )
