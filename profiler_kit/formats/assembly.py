"""All chunks of a trace to its tables: concatenation, and one numbering of names, tracks and signatures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from profiler_kit.formats.columns import SIGNATURE_SEPARATOR, Chunk
from profiler_kit.formats.events import MISSING
from profiler_kit.formats.interning import Interner, as_bytes, as_text, as_track
from profiler_kit.formats.repair import repair
from profiler_kit.formats.salvage import DECODE_ERRORS
from profiler_kit.trace.schema import TABLES
from profiler_kit.trace.trace import TableData

Int64Array = NDArray[np.int64]
_TEXT = "category"


class _Numbering:
    """One builder's codes → the trace's codes, for names, tracks or signatures."""

    def __init__(self, interner: Interner[Any]) -> None:
        self._interner = interner
        self._codes = np.empty(0, dtype=np.int32)

    def learn(self, values: list[Any]) -> None:
        if values:
            self._codes = np.append(self._codes, np.array(self._interner.codes(values), dtype=np.int32))

    def map(self, codes: NDArray[Any]) -> NDArray[np.int32]:
        mapped: NDArray[np.int32] = self._codes[codes]
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
        self._signatures: Interner[bytes] = Interner(as_bytes)
        self._track_names: dict[tuple[str, str], str] = {}
        self._numberings: dict[int, dict[str, _Numbering]] = {}
        self._columns: dict[str, dict[str, list[NDArray[Any]]]] = {}

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
        for table, columns in chunk.tables.items():
            collected = self._columns.setdefault(table, {c.name: [] for c in TABLES[table] if c.name in columns})
            for column in TABLES[table]:
                if column.name not in columns:
                    continue
                values = columns[column.name]
                if (numbering := numberings.get(column.name if column.dtype != _TEXT else _TEXT)) is not None:
                    values = numbering.map(values)
                collected[column.name].append(values)

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
        """Return everything under one numbering. The collected chunks are used up while the tables are taken."""
        names, name_codes = self._used_names()
        signatures, signature_codes = _canonical(self._signatures.values_in_order)
        lookup: dict[str, NDArray[Any]] = {_TEXT: name_codes, "signature": signature_codes}
        threads = [(*track, self._track_names.get(track)) for track in self._tracks.values_in_order]
        return Assembled(names, signatures, threads, _Tables(self._columns, lookup))

    def _used_names(self) -> tuple[list[str], NDArray[np.int32]]:
        """Return the names that tables use, and the code of every name among them."""
        names = self._names.values_in_order
        used = np.zeros(len(names), dtype=bool)
        for table, columns in self._columns.items():
            for column in TABLES[table]:
                if column.dtype == _TEXT:
                    for values in columns.get(column.name, ()):
                        used[values] = True
        return [name for name, is_used in zip(names, used, strict=True) if is_used], np.cumsum(used, dtype=np.int32) - 1


@dataclass(frozen=True)
class Assembled:
    """What :func:`profiler_kit.trace.build_trace` takes: name table, signatures, tracks and tables."""

    names: list[str]
    signatures: list[tuple[Any, ...]]
    threads: list[tuple[str, str, str | None]]
    tables: Mapping[str, TableData]


class _Tables(Mapping[str, "TableData"]):
    """Concatenates a table's chunks when it is taken, and lets go of them: at no time is everything there twice."""

    def __init__(self, columns: dict[str, dict[str, list[NDArray[Any]]]], lookup: dict[str, NDArray[Any]]) -> None:
        self._columns = columns
        self._lookup = lookup

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __getitem__(self, table: str) -> TableData:
        chunks = self._columns.pop(table)
        columns: dict[str, Any] = {}
        for column in TABLES[table]:
            if column.name not in chunks:
                continue
            values = np.concatenate(chunks.pop(column.name))
            codes = self._lookup.get(_TEXT if column.dtype == _TEXT else column.name)
            if codes is not None:
                values = codes[values]
            if column.dtype in ("Int64", "Float64"):
                mask = values == MISSING if column.dtype == "Int64" else np.isnan(values)
                values[mask] = 0
                columns[column.name] = (values, mask)
            else:
                columns[column.name] = values
        return columns


def _canonical(raw: list[bytes]) -> tuple[list[tuple[Any, ...]], Int64Array]:
    """Decode signatures: the distinct ones, and for every raw text the row that it is (`MISSING` for an empty one)."""
    rows: dict[tuple[Any, ...], int] = {}
    codes = np.full(len(raw), MISSING, dtype=np.int64)
    for place, text in enumerate(raw):
        signature = tuple(_frozen_list(part) for part in text.split(SIGNATURE_SEPARATOR))
        if any(part is not None for part in signature):
            codes[place] = rows.setdefault(signature, len(rows))
    return list(rows), codes


def _frozen_list(text: bytes) -> tuple[Any, ...] | None:
    """Decode the JSON text of a list as nested tuples; None if it is no list."""
    try:
        value = msgspec.json.decode(text)
    except DECODE_ERRORS:
        try:
            value = msgspec.json.decode(repair(text, Counter()))
        except DECODE_ERRORS:
            return None
    try:
        return _frozen(value) if isinstance(value, list) else None
    except RecursionError:
        return None


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return str(value) if isinstance(value, dict) else value
