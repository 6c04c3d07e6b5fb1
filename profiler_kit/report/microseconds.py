"""Tables of results as rows with times in µs, for JSON and CSV whose keys end in ``_us``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pandas as pd

from profiler_kit.printable import printable
from profiler_kit.report.json import plain
from profiler_kit.report.quantities import is_missing

_NS, _US = "_ns", "_us"

_FORMULA = ("=", "+", "-", "@")
"""Spreadsheets run text that begins with one of these."""


def in_microseconds(name: str) -> str:
    """Return the name of a column of ns once it is in µs; others keep theirs."""
    return f"{name.removesuffix(_NS)}{_US}" if name.endswith(_NS) else name


def microseconds(ns: Any) -> float | None:
    """Turn integer ns into µs; missing stays missing."""
    return None if is_missing(ns) else float(ns) / 1000


def rows_in_microseconds(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a table into rows, times in µs under names that end in ``_us``."""
    return [
        {
            in_microseconds(str(name)): microseconds(value) if str(name).endswith(_NS) else plain(value)
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def to_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Write rows as CSV with a heading; missing values are empty, lists are written with blanks, shapes with ``x``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if is_missing(value):
        return ""
    if isinstance(value, dict):
        return printable(f"{value['name']} ({value['role']})") if "role" in value else ""
    if isinstance(value, list):
        numbers = bool(value) and all(isinstance(item, int) for item in value)
        return ("x" if numbers else "; ").join(str(_cell(item)) for item in value)
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value
