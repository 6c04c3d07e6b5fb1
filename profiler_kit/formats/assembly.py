"""All chunks of a trace to its tables: concatenation, and one numbering of names, tracks and signatures."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from profiler_kit.formats.chunk import DURATION, START, Chunk, Part
from profiler_kit.formats.events import MISSING
from profiler_kit.formats.interning import Interner, as_text, as_track
from profiler_kit.formats.nanoseconds import of_microseconds
from profiler_kit.formats.quantities import MICROSECONDS, NANOSECONDS
from profiler_kit.formats.room import Room
from profiler_kit.formats.signatures import Signatures
from profiler_kit.trace.schema import TABLES, Column
from profiler_kit.trace.skipped import NO_TIME
from profiler_kit.trace.trace import TableData

Int64Array = NDArray[np.int64]
_TEXT = "category"
_FILL: Final = {"Int64": MISSING, "Float64": np.nan}

NEGATIVE_DURATION: Final = "negative duration, read as 0"

_NO_CODE: Final = -1
_LATEST: Final = int(np.iinfo(np.int64).max)
_DTYPES: Final = {"b": np.dtype(bool), "i": np.dtype(np.int32), "q": np.dtype(np.int64), "d": np.dtype(np.float64)}
"""Type code of a plain array → dtype."""


class _Numbering:
    """One builder's codes → the trace's codes, for names, tracks or signatures."""

    def __init__(self, interner: Interner[Any]) -> None:
        self._interner = interner
        self._codes = array("i")

    def learn(self, values: list[Any]) -> None:
        self._codes.extend(self._interner.codes(values))

    def map(self, codes: NDArray[Any]) -> NDArray[np.int32]:
        mapped: NDArray[np.int32] = np.frombuffer(self._codes, dtype=np.int32).take(codes)
        return mapped


class Assembly:
    """Collects chunks, in file order, from one or several builders."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.oddities: Counter[str] = Counter()
        self.categories: set[str] = set()
        self.facts: set[str] = set()
        self.events = 0
        self._names: Interner[str] = Interner(as_text)
        self._tracks: Interner[tuple[str, str]] = Interner(as_track)
        self._signatures = Signatures()
        self._track_names: dict[tuple[str, str], str] = {}
        self._numberings: dict[int, dict[str, _Numbering]] = {}
        self._tables: dict[str, _Rows] = {}
        self._room = Room()

    def add(self, chunk: Chunk, builder: int = 0) -> None:
        """Add a chunk.

        Args:
            chunk: The chunk; chunks of one builder must come in the order in which it built them.
            builder: Which builder made it.
        """
        self._track_names |= {(pid, tid): name for pid, tid, name in chunk.track_names}
        self.skipped.update(chunk.skipped)
        self.oddities.update(chunk.oddities)
        self.categories.update(chunk.categories)
        self.facts.update(chunk.facts)
        self.events += chunk.events
        numberings = self._learn(chunk, builder)
        for part in chunk.parts:
            if part.table not in self._tables:
                self._tables[part.table] = _Rows(part.table, self._room)
            self._tables[part.table].add(part, numberings)

    def learn(self, chunk: Chunk, builder: int) -> None:
        """Take note of the names, tracks and signatures of a chunk whose rows are not wanted."""
        self._learn(chunk, builder)

    def _learn(self, chunk: Chunk, builder: int) -> dict[str, _Numbering]:
        if builder not in self._numberings:
            self._numberings[builder] = {
                _TEXT: _Numbering(self._names),
                "thread": _Numbering(self._tracks),
                "signature": _Numbering(self._signatures),
            }
        numberings = self._numberings[builder]
        numberings[_TEXT].learn(chunk.names)
        numberings["thread"].learn(chunk.tracks)
        numberings["signature"].learn(chunk.signatures)
        return numberings

    def finish(self) -> Assembled:
        """Return everything under one numbering, and complete `skipped` and `oddities`.

        The collected chunks are used up while the tables are taken.
        """
        for rows in self._tables.values():
            rows.settle_times(self.skipped, self.oddities)
        names, name_codes = self._used_names()
        lookup: dict[str, NDArray[Any]] = {_TEXT: name_codes, "signature": self._signatures.row_of_code()}
        threads = [(*track, self._track_names.get(track)) for track in self._tracks.values_in_order]
        return Assembled(names, self._signatures.rows(), threads, _Tables(self._tables, lookup))

    def _used_names(self) -> tuple[list[str], NDArray[np.int32]]:
        """Return the names that tables use, and the code of every name among them."""
        names = self._names.values_in_order
        used = np.zeros(len(names), dtype=bool)
        for rows in self._tables.values():
            for parts in rows.names():
                used[np.concatenate(parts)] = True
        codes = np.append(np.cumsum(used, dtype=np.int32) - 1, np.int32(_NO_CODE))  # the last one for `_NO_CODE`
        return [name for name, is_used in zip(names, used, strict=True) if is_used], codes


@dataclass(frozen=True)
class Assembled:
    """What :func:`profiler_kit.trace.build_trace` takes: name table, signatures, tracks and tables."""

    names: list[str]
    signatures: list[tuple[Any, ...]]
    threads: list[tuple[str, str, str | None]]
    tables: Mapping[str, TableData]


class _Rows:
    """The parts of one table, column by column."""

    def __init__(self, table: str, room: Room) -> None:
        self._room = room
        self._schema = [column for column in TABLES[table] if not column.derived]
        self._rows: list[int] = []
        self._columns: dict[str, dict[int, NDArray[Any]]] = {column.name: {} for column in self._schema}
        self._numbered = {column.name: _TEXT if column.dtype == _TEXT else column.name for column in self._schema}
        self._times: dict[str, list[tuple[str, NDArray[Any]]]] = {
            name: [] for name in self._columns if name in (START + NANOSECONDS, DURATION + NANOSECONDS)
        }
        self._units = {
            name.removesuffix(NANOSECONDS) + unit: (unit, times)
            for name, times in self._times.items()
            for unit in (MICROSECONDS, NANOSECONDS)
        }
        self._nanoseconds: dict[str, Int64Array] = {}
        self._keep: NDArray[np.bool_] | None = None

    def add(self, part: Part, numberings: Mapping[str, _Numbering]) -> None:
        """Add a part, its codes under the trace's numbering."""
        place = len(self._rows)
        self._rows.append(part.rows)
        for name, column in part.columns.items():
            values = _as_array(column)
            if name in self._units:
                unit, times = self._units[name]
                times.append((unit, values))
            else:
                numbering = numberings.get(self._numbered[name])
                self._columns[name][place] = values if numbering is None else numbering.map(values)

    def names(self) -> Iterator[list[NDArray[Any]]]:
        """Return the codes of names in every column of text that has some, part by part."""
        for column in self._schema:
            if column.dtype == _TEXT and (parts := self._columns[column.name]):
                yield list(parts.values())

    def settle_times(self, skipped: Counter[str], oddities: Counter[str]) -> None:
        """Make nanoseconds of all times, and find the rows that have none."""
        for name, times in self._times.items():
            whole = self._nanoseconds[name] = self._room.empty(sum(self._rows), np.int64)
            if {(unit, values.dtype.kind) for unit, values in times} == {(MICROSECONDS, "f")}:
                of_microseconds(np.concatenate([values for _, values in times]), out=whole)
            else:
                np.concatenate(
                    [of_microseconds(values) if unit == MICROSECONDS else values for unit, values in times], out=whole
                )
            times.clear()
        unknown = _unknown(*self._nanoseconds.values())
        if unknown is not None:
            self._keep = ~unknown
            skipped[NO_TIME] += int(unknown.sum())
            self._nanoseconds = {name: values[self._keep] for name, values in self._nanoseconds.items()}
        for name, values in self._nanoseconds.items():
            if name.startswith(DURATION) and (negative := values < 0).any():
                oddities[NEGATIVE_DURATION] += int(negative.sum())
                values[negative] = 0

    def take(self, column: Column) -> NDArray[Any] | None:
        """Return a whole column, and let go of it; None if it has no value anywhere."""
        if column.name in self._nanoseconds:
            return self._nanoseconds.pop(column.name)
        parts = self._columns.pop(column.name)
        if not parts:
            return None
        fill = _FILL.get(column.dtype, _NO_CODE) if column.name != "signature" else _NO_CODE
        dtype = next(iter(parts.values())).dtype
        whole = self._room.empty(sum(self._rows), dtype)
        np.concatenate(
            [parts[place] if place in parts else np.full(rows, fill, dtype) for place, rows in enumerate(self._rows)],
            out=whole,
        )
        return whole if self._keep is None else whole[self._keep]


def _unknown(start: Int64Array, duration: Int64Array | None = None) -> NDArray[np.bool_] | None:
    """Tell which rows have no start or duration, or would end beyond all times; None if no row is like that."""
    times = [start] if duration is None else [start, duration]
    latest = sum(int(values.max(initial=0)) for values in times)
    if latest <= _LATEST and all(values.min(initial=0) > MISSING for values in times):
        return None
    unknown: NDArray[np.bool_] = np.logical_or.reduce([values == MISSING for values in times])
    if duration is not None:
        unknown |= (start > 0) & (duration > _LATEST - start)
    return unknown if unknown.any() else None


def _as_array(values: Any) -> NDArray[Any]:
    return np.frombuffer(values, dtype=_DTYPES[memoryview(values).format])


class _Tables(Mapping[str, "TableData"]):
    """Concatenates a table's parts when it is taken, and lets go of them: at no time is everything there twice."""

    def __init__(self, tables: dict[str, _Rows], lookup: dict[str, NDArray[Any]]) -> None:
        self._tables = tables
        self._lookup = lookup

    def __len__(self) -> int:
        return len(self._tables)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __getitem__(self, table: str) -> TableData:
        rows = self._tables.pop(table)
        columns: dict[str, Any] = {}
        for column in TABLES[table]:
            if column.derived or (values := rows.take(column)) is None:
                continue
            codes = self._lookup.get(_TEXT if column.dtype == _TEXT else column.name)
            if codes is not None:
                values = codes.take(values)
            if column.dtype in ("Int64", "Float64"):
                mask = values == MISSING if column.dtype == "Int64" else np.isnan(values)
                if mask.any():
                    values[mask] = 0
                columns[column.name] = (values, mask)
            else:
                columns[column.name] = values
        return columns
