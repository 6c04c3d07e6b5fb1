"""Decoded events to columns: one chunk of columns for every piece of text."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from profiler_kit.formats.events import (
    MISSING,
    NO_ARGUMENTS,
    NOTHING,
    Arguments,
    Detail,
    DeviceArguments,
    Event,
    RareArguments,
    with_counters,
)
from profiler_kit.formats.fields import (
    BAD_ARGUMENTS,
    DETAIL,
    FLOATS,
    GPU_TABLES,
    HAS_EXTERNAL_ID,
    INTEGERS,
    NEGATIVE_DURATION,
    NO_TIME,
    SHADOW,
    TABLE_OF_CATEGORY,
    TEXTS,
    TRACK_METADATA,
    WITHOUT_THREAD,
)
from profiler_kit.formats.interning import Interner, Names, as_bytes, as_text, as_track
from profiler_kit.formats.quantities import floats, integers, nanoseconds, nanoseconds_of_text
from profiler_kit.trace.dialect import FRACTIONAL_US, LONG_FRACTIONAL_US, WHOLE_US

Columns = dict[str, NDArray[Any]]

SIGNATURE_SEPARATOR = b"\x00"
"""Parts the raw texts of one signature; JSON text cannot hold this character."""


_ARGUMENTS = frozenset({Arguments, DeviceArguments, RareArguments})


class NeedsDetail(Exception):  # noqa: N818 - a request to decode again, not an error
    """The piece holds kinds of event of which more arguments must be decoded.

    Args:
        detail: Which arguments.
    """

    def __init__(self, detail: Detail) -> None:
        super().__init__(detail)
        self.detail = detail


class Chunk(msgspec.Struct):
    """What one piece of text adds to the trace. Codes count what this `ColumnBuilder` has met so far.

    Attributes:
        tables: Table → column → values in file order; integers are `MISSING` and floats NaN where there is none.
        names: Names met for the first time.
        tracks: (pid, tid) met for the first time.
        signatures: Raw texts of operator signatures met for the first time.
        track_names: (pid, tid, name) as given by the trace.
        skipped: Reason → events in no table.
        oddities: What was odd about events that were kept → how many.
        categories: Categories of events, as written.
        detail: Which arguments the piece's events need.
        facts: What the piece tells about the dialect: how times are written, how ``External id`` is spelled.
        events: Number of events.
    """

    tables: dict[str, Any]
    names: list[str]
    tracks: list[tuple[str, str]]
    signatures: list[bytes]
    track_names: list[tuple[str, str, str]]
    skipped: dict[str, int]
    oddities: dict[str, int]
    categories: list[str]
    detail: int
    facts: list[str]
    events: int


class _Router(dict[Any, Callable[[Event], None]]):
    """Category → how to append to the events of its table. Flow events are known by the category, too."""

    def __init__(self, flows: set[str]) -> None:
        super().__init__()
        self.groups: dict[str, list[Event]] = {}
        self._flows = flows

    def __missing__(self, key: Any) -> Callable[[Event], None]:
        self[key] = append = self.groups.setdefault(self.table(key), []).append
        return append

    def table(self, category: Any) -> str:
        """Return the table of a category's events, if their phase is the usual one."""
        category = as_text(category).lower()
        return "flows" if category in self._flows else TABLE_OF_CATEGORY.get(category, "others")


class ColumnBuilder:
    """Turns events into chunks of columns, remembering names, tracks and signatures from chunk to chunk."""

    def __init__(self) -> None:
        self.names = Names()
        self.tracks: Interner[tuple[str, str]] = Interner(as_track)
        self.signatures: Interner[bytes] = Interner(as_bytes)
        self._sent = (0, 0, 0)
        self._flow_categories = {"ac2g", "fwdbwd"}
        self._start()

    def _start(self) -> None:
        self._skipped: Counter[str] = Counter()
        self._oddities: Counter[str] = Counter()
        self._track_names: list[tuple[str, str, str]] = []
        self._categories: set[str] = set()
        self._facts: set[str] = set()

    def build(self, events: list[Event], detail: Detail, *, exact: bool) -> Chunk:
        """Return the columns of the events.

        Args:
            events: Events in file order.
            detail: Which of their arguments were decoded.
            exact: True if their times are text.

        Raises:
            NeedsText: If the times must be decoded as text.
            NeedsDetail: If more arguments must be decoded.
        """
        self._start()
        if detail is Detail.COUNTERS:
            events = self._with_counters(events)
        groups = self._group(events)
        needed = max((DETAIL.get(table, Detail.BULK) for table in groups), default=Detail.BULK)
        if needed > detail:
            raise NeedsDetail(needed)
        tables: dict[str, Columns] = {}
        for table, group in groups.items():
            if group:
                self._table(table, group, tables, exact=exact)
        return self._finish(tables, len(events), needed)

    def _with_counters(self, events: list[Event]) -> list[Event]:
        """Decode the arguments that were left as text until the category was known."""
        decoded = []
        for event in events:
            try:
                decoded.append(with_counters(event))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._oddities[BAD_ARGUMENTS] += 1
                decoded.append(msgspec.structs.replace(event, args=NO_ARGUMENTS))
        return decoded

    def _group(self, events: list[Event]) -> dict[str, list[Event]]:
        """Return table → its events, in order."""
        route = _Router(self._flow_categories)
        categories = [event.cat for event in events]
        if events and categories.count(categories[0]) == len(events):
            route.groups[route.table(categories[0])] = events
        else:
            for event, category in zip(events, categories, strict=True):
                try:
                    route[category](event)
                except TypeError:  # a category that is no text
                    route[as_text(category)](event)
        groups = route.groups
        others = groups.pop("others", [])
        for table, group in groups.items():
            phases = [event.ph for event in group]
            wanted = ("s", "f") if table == "flows" else ("X",)
            if sum(map(phases.count, wanted)) < len(group):
                others += [event for event in group if event.ph not in wanted]
                groups[table] = [event for event in group if event.ph in wanted]
        self._categories.update(map(as_text, route or categories[:1]))
        if others:
            self._others(others, groups)
        return groups

    def _finish(self, tables: dict[str, Columns], events: int, detail: Detail) -> Chunk:
        names, tracks, signatures = (
            self.names.values_in_order,
            self.tracks.values_in_order,
            self.signatures.values_in_order,
        )
        chunk = Chunk(
            tables={name: columns for name, columns in tables.items() if len(columns["start_ns"])},
            names=names[self._sent[0] :],
            tracks=tracks[self._sent[1] :],
            signatures=signatures[self._sent[2] :],
            track_names=self._track_names,
            skipped=dict(self._skipped),
            oddities=dict(self._oddities),
            categories=sorted(self._categories),
            detail=detail,
            facts=sorted(self._facts),
            events=events,
        )
        self._sent = (len(names), len(tracks), len(signatures))
        return chunk

    def _others(self, events: list[Event], groups: dict[str, list[Event]]) -> None:
        """Note names of tracks, count what has no table, and find arrows of new kinds and allocations."""
        for event in events:
            args = event.args if isinstance(event.args, Arguments) else NO_ARGUMENTS
            category = as_text(event.cat).lower()
            if event.ph == "M":
                if event.name == "thread_name" and args.name is not None:
                    self._track_names.append((*as_track((event.pid, event.tid)), as_text(args.name)))
                self._skipped[TRACK_METADATA] += 1
            elif event.ph in ("s", "f") and category:
                if category not in TABLE_OF_CATEGORY:
                    self._flow_categories.add(category)
                groups.setdefault("flows", []).append(event)
            elif event.name == "[memory]":
                groups.setdefault("allocations", []).append(event)
            else:
                self._skipped[f"no table for category {category or 'none'!r} (phase {as_text(event.ph)})"] += 1

    def _table(self, table: str, events: list[Event], tables: dict[str, Columns], *, exact: bool) -> None:
        """Add the columns of one table (and of `layers`, whose events are annotations)."""
        start, duration = self._times(table, events, exact=exact)
        keep = (start != MISSING) if duration is None else (start != MISSING) & (duration != MISSING)
        if not keep.all():
            self._skipped[NO_TIME] += int(len(keep) - keep.sum())
            events = [event for event, kept in zip(events, keep.tolist(), strict=True) if kept]
            start, duration = start[keep], None if duration is None else duration[keep]
        if not events:
            return
        columns: Columns = {"start_ns": start}
        if duration is not None:
            if (negative := duration < 0).any():
                self._oddities[NEGATIVE_DURATION] += int(negative.sum())
                duration = np.where(negative, 0, duration)
            columns["duration_ns"] = duration
        threads = self._threads(events)  # numbers the tracks of GPU activity, too
        if table not in WITHOUT_THREAD:
            columns["thread"] = _int32(threads)
        if table == "flows":
            columns |= self._flows(events)
        else:
            columns |= self._details(table, events)
        if table in ("ops", "annotations") and self.names.spans:
            columns = self._split_layers(columns, tables)
        tables[table] = columns

    def _times(
        self, table: str, events: list[Event], *, exact: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        times = [e.ts for e in events]
        if exact:
            start = nanoseconds_of_text(times)
            self._facts.add(LONG_FRACTIONAL_US)
        else:
            start = nanoseconds(times)
            self._facts.add(FRACTIONAL_US if isinstance(times[0], float) else WHOLE_US)
        if table in ("flows", "allocations"):
            return start, None
        return start, nanoseconds([e.dur for e in events])

    def _threads(self, events: list[Event]) -> list[int]:
        """Return the numbers of the events' tracks."""
        processes = [e.pid for e in events]
        threads = [e.tid for e in events]
        try:
            if processes.count(processes[0]) == len(processes):  # as good as always, and much faster
                if threads.count(threads[0]) == len(threads):
                    return [self.tracks[processes[0], threads[0]]] * len(threads)
                numbers = {thread: self.tracks[processes[0], thread] for thread in set(threads)}
                return list(map(numbers.__getitem__, threads))
            return [self.tracks[track] for track in zip(processes, threads, strict=True)]
        except TypeError:  # an id that is a list or an object
            return [self.tracks[as_track(track)] for track in zip(processes, threads, strict=True)]

    def _flows(self, events: list[Event]) -> Columns:
        categories = [e.cat for e in events]
        names = [e.name for e in events]
        if categories.count("ac2g") < len(categories):
            categories = [as_text(category).lower() for category in categories]
            names = [n if category == "ac2g" else category for n, category in zip(names, categories, strict=True)]
        return {
            "name": _int32(self.names.codes(names)),
            "id": integers([e.id for e in events]),
            "end": np.array([e.ph == "f" for e in events], dtype=bool),
        }

    def _details(self, table: str, events: list[Event]) -> Columns:
        """Return the columns that come from the name, the category and the arguments."""
        args: list[Any] = [e.args for e in events]
        if set(map(type, args)) - _ARGUMENTS:
            args = [a if isinstance(a, Arguments) else NO_ARGUMENTS for a in args]
        columns: Columns = {name: integers(values(args)) for name, values in INTEGERS[table].items()}
        columns |= {name: _int32(self.names.codes(values(args))) for name, values in TEXTS.get(table, {}).items()}
        if table != "allocations":
            columns["name"] = _int32(self.names.codes([e.name for e in events]))
        if table in HAS_EXTERNAL_ID:
            columns["external_id"] = self._external_ids(args)
        if table in ("ops", "annotations"):
            columns["signature"] = self._signatures(args)
        elif table in GPU_TABLES:
            self._place(columns, events)
        if table == "kernels":
            columns |= {name: floats(values(args)) for name, values in FLOATS.items()}
            columns |= _three("grid", [a.grid for a in args]) | _three("block", [a.block for a in args])
        elif table == "counters":
            columns["device"] = integers([_number(e.pid) for e in events])
        elif table in ("copies", "annotations"):
            kinds = [as_text(e.cat).lower() for e in events]
            if table == "copies":
                kinds = ["memset" if "memset" in kind else "memcpy" for kind in kinds]
            columns["kind"] = _int32(self.names.codes(kinds))
        return columns

    def _external_ids(self, args: list[Any]) -> NDArray[np.int64]:
        ids = integers([a.external_id for a in args])
        if (missing := ids == MISSING).any():
            older = integers([a.external_id_2021 for a in args])
            if (older != MISSING).any():
                self._facts.add("external id")
                return np.where(missing, older, ids)
        return ids

    def _signatures(self, args: list[Any]) -> NDArray[np.int64]:
        parts = (
            [a.input_types for a in args],
            [a.input_dims for a in args],
            [a.input_dims_2021 for a in args],
            [a.input_strides for a in args],
            [a.concrete_inputs for a in args],
        )
        if all(part.count(NOTHING) == len(args) for part in parts):  # shapes were not recorded
            return np.full(len(args), self.signatures[SIGNATURE_SEPARATOR * 3])
        join, signatures = SIGNATURE_SEPARATOR.join, self.signatures
        codes = [
            signatures[join((a.input_dims, a.input_types, a.input_strides, a.concrete_inputs))]
            if a.input_dims_2021 is NOTHING
            else signatures[join((a.input_dims_2021, a.input_types, a.input_strides, a.concrete_inputs))]
            for a in args
        ]
        return np.frombuffer(array("q", codes), dtype=np.int64)

    def _place(self, columns: Columns, events: list[Event]) -> None:
        """Fill device and stream from the event's track where the arguments do not say."""
        for column, ids in (("device", [e.pid for e in events]), ("stream", [e.tid for e in events])):
            missing = columns[column] == MISSING
            if missing.any():
                track = integers([_number(value) for value in ids])
                columns[column] = np.where(missing, track, columns[column])

    def _split_layers(self, columns: Columns, tables: dict[str, Columns]) -> Columns:
        """Move the recorder's layer spans to their own table and return what remains."""
        is_span = np.isin(columns["name"], list(self.names.spans))
        if not is_span.any():
            return columns
        if "kind" in columns:
            shadow = columns["kind"] == self.names["gpu_user_annotation"]
            self._skipped[SHADOW] += int((is_span & shadow).sum())
        else:
            shadow = np.zeros(len(is_span), dtype=bool)
        rows = np.flatnonzero(is_span & ~shadow)
        spans = [self.names.spans[code] for code in columns["name"][rows].tolist()]
        layers: Columns = {
            "layer": _int32(self.names.codes([s.layer for s in spans])),
            "type": _int32(self.names.codes([s.type for s in spans])),
            "call": integers([s.call for s in spans]),
            **{name: columns[name][rows] for name in ("thread", "start_ns", "duration_ns")},
        }
        known = tables.get("layers")
        tables["layers"] = layers if known is None else {k: np.concatenate((known[k], layers[k])) for k in layers}
        return {name: values[~is_span] for name, values in columns.items()}


def _int32(codes: list[int]) -> NDArray[np.int32]:
    return np.frombuffer(array("i", codes), dtype=np.int32)


def _number(value: Any) -> Any:
    """Return the number of a track: 7 of ``7``, ``"7"`` and ``"stream 7"``."""
    return value.removeprefix("stream ") if isinstance(value, str) else value


def _three(what: str, values: list[Any]) -> Columns:
    """Return ``[x, y, z]`` of every event as three columns."""
    blank = (MISSING, MISSING, MISSING)
    if set(map(type, values)) - {list, tuple} or set(map(len, values)) != {3}:
        values = [v if isinstance(v, (list, tuple)) and len(v) == 3 else blank for v in values]
    flat = integers(list(chain.from_iterable(values))).reshape(-1, 3)
    return {f"{what}_{axis}": flat[:, place] for place, axis in enumerate("xyz")}
