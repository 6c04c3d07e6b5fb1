"""`Trace`: everything one file recorded, as joined tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.trace import joins
from profiler_kit.trace.dialect import DIALECT_KEY, Dialect
from profiler_kit.trace.health import Health, with_join_facts
from profiler_kit.trace.names import used_names
from profiler_kit.trace.schema import MAY_BE_EMPTY, SIGNATURE_COLUMNS, TABLES, THREAD_COLUMNS
from profiler_kit.trace.spans import METADATA_KEY

ColumnData = NDArray[Any]
TableData = Mapping[str, "ColumnData | tuple[ColumnData, NDArray[np.bool_]]"]
"""Column name → values, or (values, mask) where the mask is True at missing values. Text comes as int name codes."""


@dataclass(frozen=True)
class Trace:
    """One recorded trace: tables with the columns that :mod:`profiler_kit.trace.schema` documents.

    Attributes:
        source: Where it was read from, as the user named it.
        metadata: Top-level facts of the file other than its events (``deviceProperties``, ``distributedInfo``, …), and
            the dialect under :data:`profiler_kit.trace.dialect.DIALECT_KEY`.
        epoch_ns: Add to ``start_ns`` for nanoseconds since 1970 (0 where timestamps are absolute already).
        health: What reading met.
        dialect: How the file is written, None if the trace was not read from a file.
    """

    source: str
    metadata: Mapping[str, Any]
    epoch_ns: int
    health: Health
    ops: pd.DataFrame
    launches: pd.DataFrame
    kernels: pd.DataFrame
    copies: pd.DataFrame
    cpu_kernels: pd.DataFrame
    counters: pd.DataFrame
    annotations: pd.DataFrame
    layers: pd.DataFrame
    python_functions: pd.DataFrame
    allocations: pd.DataFrame
    flows: pd.DataFrame
    syncs: pd.DataFrame
    signatures: pd.DataFrame
    threads: pd.DataFrame
    dialect: Dialect | None = None

    @property
    def recorder_facts(self) -> Mapping[str, Any]:
        """What this package's recorder wrote beside the events; empty where it was not the recorder."""
        facts = self.metadata.get(METADATA_KEY)
        return facts if isinstance(facts, dict) else {}

    @property
    def has_gpu_activity(self) -> bool:
        """True if anything ran on a GPU: a kernel, a copy or a memset."""
        return bool(len(self.kernels) or len(self.copies))


def build_trace(
    source: str,
    *,
    metadata: Mapping[str, Any],
    epoch_ns: int,
    health: Health,
    names: Sequence[str],
    tables: Mapping[str, TableData],
    signatures: Sequence[tuple[Any, ...]],
    threads: Sequence[tuple[str, str, str | None]],
    dialect: Dialect | None = None,
) -> Trace:
    """Order the rows of a reader's columns, join the tables, and return the trace.

    Args:
        source: Where the trace was read from.
        metadata: Top-level facts of the file.
        epoch_ns: See :class:`Trace`.
        health: See :class:`Trace`.
        names: The name table; ``category`` columns hold indices into it, -1 for missing.
        tables: Table name → columns in file order. Absent tables are empty, absent columns are missing throughout.
        signatures: Rows of `signatures`.
        threads: Rows of `threads`.
        dialect: How the file is written; `external_ids` and `flows` are filled in here.

    Raises:
        KeyError: If a table or column is not in the schema.
    """
    if unknown := set(tables) - set(TABLES):
        raise KeyError(f"tables not in the schema: {sorted(unknown)}")
    text = pd.CategoricalDtype(pd.Index(list(names), dtype=object))
    empty = names.index("") if "" in names else None
    frames = {name: _frame(name, dict(tables.get(name, {})), text, empty=empty) for name in TABLES}
    _join(frames)
    health = with_join_facts(health, frames)
    if dialect is not None:
        dialect = _completed(dialect, health, frames["flows"])
        metadata = {**metadata, DIALECT_KEY: dialect.as_metadata()}
    return Trace(
        source=source,
        metadata=metadata,
        epoch_ns=epoch_ns,
        health=health,
        signatures=_object_frame(signatures, [c.name for c in SIGNATURE_COLUMNS]),
        threads=_object_frame(threads, [c.name for c in THREAD_COLUMNS]),
        dialect=dialect,
        **frames,
    )


def restore_trace(
    source: str,
    *,
    metadata: Mapping[str, Any],
    epoch_ns: int,
    health: Health,
    names: Sequence[str],
    tables: Mapping[str, TableData],
    signatures: Sequence[tuple[Any, ...]],
    threads: Sequence[tuple[str, str, str | None]],
    dialect: Dialect | None,
) -> Trace:
    """Return the trace of tables that :func:`build_trace` has ordered and joined before; arguments as there.

    Raises:
        KeyError: If a table or column is missing or not in the schema.
    """
    text = pd.CategoricalDtype(pd.Index(list(names), dtype=object))
    return Trace(
        source=source,
        metadata=metadata,
        epoch_ns=epoch_ns,
        health=health,
        signatures=_object_frame(signatures, [c.name for c in SIGNATURE_COLUMNS]),
        threads=_object_frame(threads, [c.name for c in THREAD_COLUMNS]),
        dialect=dialect,
        **{name: _frame(name, dict(tables[name]), text, derived=True) for name in TABLES},
    )


def _completed(dialect: Dialect, health: Health, flows: pd.DataFrame) -> Dialect:
    """Return the dialect with what only the tables tell."""
    return dialect._replace(external_ids=health.external_ids, flows=tuple(sorted(used_names(flows["name"]))))


def _frame(
    table: str,
    data: dict[str, Any],
    text: pd.CategoricalDtype,
    *,
    empty: int | None = None,
    derived: bool = False,
) -> pd.DataFrame:
    """Make one table's DataFrame, its rows ordered as the schema says, from columns without the derived ones.

    Args:
        table: Name of the table.
        data: Its columns.
        text: The name table.
        empty: Code of the empty text, None if there is none.
        derived: True if the derived columns are there, too, and the rows are in order.
    """
    if unknown := set(data) - {c.name for c in TABLES[table] if derived or not c.derived}:
        raise KeyError(f"columns not in the schema of {table}: {sorted(unknown)}")
    start = data.get("start_ns", np.empty(0, dtype=np.int64))
    order = None if derived else joins.time_order(start, data.get("duration_ns"))
    columns: dict[str, Any] = {}
    for column in TABLES[table]:
        if column.derived and not derived:
            continue
        values = data.pop(column.name, None)
        mask = None
        if isinstance(values, tuple):
            values, mask = values
            mask = _taken(mask, order)
        if values is None:
            columns[column.name] = _missing(column.dtype, len(start), text)
            continue
        values = _taken(values, order)
        if column.dtype == "category":
            if column.name in MAY_BE_EMPTY and empty is not None:
                values = np.where(values == empty, np.int32(-1), values)
            columns[column.name] = pd.Categorical.from_codes(values, dtype=text, validate=False)
        elif column.dtype in ("Int64", "Float64"):
            columns[column.name] = _nullable(column.dtype, values, mask)
        else:
            columns[column.name] = values.astype(column.dtype, copy=False)
    return pd.DataFrame(columns, copy=False)


def _taken(values: ColumnData, order: NDArray[np.int64] | None) -> ColumnData:
    """Return the values in the given order, themselves if they are in order."""
    return values if order is None else values.take(order)


def _missing(dtype: str, length: int, text: pd.CategoricalDtype) -> Any:
    """Return a column of the given length without any value."""
    if dtype == "category":
        return pd.Categorical.from_codes(np.full(length, -1, dtype=np.int32), dtype=text)
    if dtype in ("Int64", "Float64"):
        return _nullable(dtype, np.zeros(length, dtype=dtype.lower()), np.ones(length, dtype=bool))
    return np.zeros(length, dtype=dtype)


def _nullable(dtype: str, values: ColumnData, mask: NDArray[np.bool_] | None = None) -> Any:
    """Wrap values and mask into pandas' masked array of the dtype."""
    array = pd.arrays.IntegerArray if dtype == "Int64" else pd.arrays.FloatingArray
    if mask is None:
        mask = np.zeros(len(values), dtype=bool)
    return array(values.astype(dtype.lower(), copy=False), mask)


def _rows(rows: NDArray[np.int64]) -> Any:
    """Wrap row numbers, `joins.NONE` becoming ``<NA>``."""
    return _nullable("Int64", rows, rows == joins.NONE)


def _object_frame(rows: Sequence[tuple[Any, ...]], columns: list[str]) -> pd.DataFrame:
    """Make a DataFrame of object columns from a few rows, keeping tuples as they are."""
    data = {}
    for place, column in enumerate(columns):
        cells = np.empty(len(rows), dtype=object)
        cells[:] = [row[place] for row in rows]
        data[column] = cells
    return pd.DataFrame(data, dtype=object)


def _join(frames: dict[str, pd.DataFrame]) -> None:
    """Add the derived columns: operator nesting, launch → operator, GPU activity → launch → operator."""
    ops, launches = frames["ops"], frames["launches"]
    op_thread = ops["thread"].to_numpy(np.int64)
    op_start = ops["start_ns"].to_numpy()
    op_end = op_start + ops["duration_ns"].to_numpy()
    parents = joins.parent_rows(op_thread, op_end)
    ops["parent"] = _rows(parents)
    launch_start = launches["start_ns"].to_numpy()
    launch_end = launch_start + launches["duration_ns"].to_numpy()
    launch_op = joins.innermost_rows(
        op_thread, op_start, op_end, parents, launches["thread"].to_numpy(np.int64), launch_start, launch_end
    )
    launches["op"] = _rows(launch_op)
    has_correlation = np.flatnonzero(launches["correlation"].notna().to_numpy())
    keys = launches["correlation"].to_numpy(dtype=np.int64, na_value=0)[has_correlation]
    for activity in (frames["kernels"], frames["copies"]):
        known = activity["correlation"].notna().to_numpy()
        match = joins.first_match(keys, activity["correlation"].to_numpy(dtype=np.int64, na_value=0))
        found = known & (match != joins.NONE)
        launch = np.full(len(activity), joins.NONE, dtype=np.int64)
        launch[found] = has_correlation[match[found]]
        op = np.full(len(activity), joins.NONE, dtype=np.int64)
        op[found] = launch_op[launch[found]]
        activity["launch"] = _rows(launch)
        activity["op"] = _rows(op)
    cpu_kernels = frames["cpu_kernels"]
    start = cpu_kernels["start_ns"].to_numpy()
    end = start + cpu_kernels["duration_ns"].to_numpy()
    cpu_kernels["op"] = _rows(joins.only_rows(op_thread, op_start, op_end, parents, start, end))
