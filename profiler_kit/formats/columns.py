"""Decoded events to columns: one chunk of columns for every piece of text.

Columns are plain arrays until :mod:`profiler_kit.formats.assembly` puts all chunks together;
:mod:`profiler_kit.formats.quantities` says why.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from itertools import chain, compress
from operator import attrgetter
from typing import Any, Final

import msgspec

from profiler_kit.formats.chunk import DURATION, SIGNATURE_SEPARATOR, START, Chunk, Columns, Part
from profiler_kit.formats.events import (
    DECODE_ERRORS,
    MISSING,
    NO_ARGUMENTS,
    NOTHING,
    Alike,
    Arguments,
    Detail,
    Event,
    PythonArguments,
    with_counters,
)
from profiler_kit.formats.fields import (
    BAD_ARGUMENTS,
    DETAIL,
    FLOATS,
    GPU_TABLES,
    HAS_EXTERNAL_ID,
    INTEGERS,
    SHADOW,
    TABLE_OF_CATEGORY,
    TEXTS,
    TRACK_METADATA,
    WITHOUT_THREAD,
)
from profiler_kit.formats.interning import Interner, Names, as_bytes, as_text, as_track
from profiler_kit.formats.quantities import NANOSECONDS, durations, floats, integers, packed, times
from profiler_kit.trace.dialect import FRACTIONAL_US, LONG_FRACTIONAL_US, WHOLE_US

_SIGNATURE: Final = [
    attrgetter(part) for part in ("input_dims", "input_types", "input_strides", "concrete_inputs", "input_dims_2021")
]


class NeedsDetail(Exception):  # noqa: N818 - a request to decode again, not an error
    """The piece holds kinds of event of which more arguments must be decoded.

    Args:
        detail: Which arguments.
    """

    def __init__(self, detail: Detail) -> None:
        super().__init__(detail)
        self.detail = detail


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
    """Turns events into chunks of columns, remembering names, tracks and signatures from chunk to chunk.

    Attributes:
        alike: What the events built last had in common; None unless all were complete events of one category.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.tracks: Interner[tuple[str, str]] = Interner(as_track)
        self.signatures: Interner[bytes] = Interner(as_bytes)
        self.alike: Alike | None = None
        self._sent = (0, 0, 0)
        self._flow_categories = {"ac2g", "fwdbwd"}
        self._start(None)

    def _start(self, alike: Alike | None) -> None:
        self._category: str | None = None if alike is None else alike.category
        self._track: tuple[int, int] | None = None if alike is None else alike.track
        self._parts: list[Part] = []
        self._skipped: Counter[str] = Counter()
        self._oddities: Counter[str] = Counter()
        self._track_names: list[tuple[str, str, str]] = []
        self._categories: set[str] = set()
        self._facts: set[str] = set()

    def build(self, events: list[Event], detail: Detail, *, exact: bool, alike: Alike | None = None) -> Chunk:
        """Return the columns of the events.

        Args:
            events: Events in file order.
            detail: Which of their arguments were decoded.
            exact: True if their times are text.
            alike: What only events that have it in common were decoded of.

        Raises:
            NeedsText: If the times must be decoded as text.
            NeedsDetail: If more arguments must be decoded.
        """
        self._start(alike)
        if detail is Detail.COUNTERS:
            events = self._with_counters(events)
        groups = self._group(events, detail) if self._category is None else self._known(events, self._category)
        needed = max((DETAIL.get(table, Detail.BULK) for table in groups), default=Detail.BULK)
        if needed > detail:
            raise NeedsDetail(needed)
        for table, group in groups.items():
            if group:
                self._table(table, group, exact=exact)
        self.alike = None if self._category is None else Alike(self._category, self._track)
        return self._finish(len(events), needed)

    def _with_counters(self, events: list[Event]) -> list[Event]:
        """Decode the arguments that were left as text until the category was known."""
        decoded = []
        for event in events:
            try:
                decoded.append(with_counters(event))
            except DECODE_ERRORS:
                self._oddities[BAD_ARGUMENTS] += 1
                decoded.append(msgspec.structs.replace(event, args=NO_ARGUMENTS))
        return decoded

    def _known(self, events: list[Event], category: str) -> dict[str, list[Event]]:
        """Return what `_group` would, where all are complete events of one category."""
        self._categories.add(category)
        return {TABLE_OF_CATEGORY[category.lower()]: events}

    def _group(self, events: list[Event], detail: Detail) -> dict[str, list[Event]]:
        """Return table → its events, in order.

        Raises:
            NeedsDetail: If events of other kinds are met, names of tracks among them, and arguments were decoded that
                do not hold these.
        """
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
            if detail < Detail.BULK:
                raise NeedsDetail(Detail.BULK)
            self._others(others, groups)
        elif len(self._categories) == 1:
            [category] = self._categories
            self._category = category if category.lower() in TABLE_OF_CATEGORY else None
        return groups

    def _finish(self, events: int, detail: Detail) -> Chunk:
        names, tracks, signatures = (
            self.names.values_in_order,
            self.tracks.values_in_order,
            self.signatures.values_in_order,
        )
        chunk = Chunk(
            parts=self._parts,
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

    def _table(self, table: str, events: list[Event], *, exact: bool) -> None:
        """Add the columns of one table (and of `layers`, whose events are annotations)."""
        columns = self._times(table, events, exact=exact)
        threads = self._threads(events)  # numbers the tracks of GPU activity, too
        if table not in WITHOUT_THREAD:
            columns["thread"] = threads
        if table == "flows":
            columns |= self._flows(events)
        else:
            columns |= self._details(table, events)
        rows = len(events)
        if table in ("ops", "annotations") and not self.names.spans.keys().isdisjoint(columns["name"]):
            columns, rows = self._split_layers(columns)
        if rows:
            self._parts.append(Part(table, rows, columns))

    def _times(self, table: str, events: list[Event], *, exact: bool) -> Columns:
        """Return the columns of times."""
        values = [e.ts for e in events]
        if exact:
            from profiler_kit.formats.nanoseconds import of_text  # loads NumPy, which few traces need in a worker

            unit, start = NANOSECONDS, array("q", of_text(values).tobytes())
            self._facts.add(LONG_FRACTIONAL_US)
        else:
            unit, start = times(values)
            self._facts.add(FRACTIONAL_US if isinstance(values[0], float) else WHOLE_US)
        columns = {START + unit: start}
        if table not in ("flows", "allocations"):
            unit, duration = durations([e.dur for e in events])
            columns[DURATION + unit] = duration
        return columns

    def _threads(self, events: list[Event]) -> array[int]:
        """Return the numbers of the events' tracks, and note which one it is if all events of the piece are on it."""
        if self._track is not None:
            return array("i", [self.tracks[self._track]]) * len(events)
        processes = [e.pid for e in events]
        threads = [e.tid for e in events]
        try:
            if processes.count(processes[0]) == len(processes):  # as good as always, and much faster
                if threads.count(threads[0]) == len(threads):
                    if self._category is not None:
                        self._track = _whole_numbers(processes[0], threads[0])
                    return array("i", [self.tracks[processes[0], threads[0]]]) * len(threads)
                numbers = {thread: self.tracks[processes[0], thread] for thread in set(threads)}
                return packed("i", list(map(numbers.__getitem__, threads)))
            return packed("i", [self.tracks[track] for track in zip(processes, threads, strict=True)])
        except TypeError:  # an id that is a list or an object
            return packed("i", [self.tracks[as_track(track)] for track in zip(processes, threads, strict=True)])

    def _flows(self, events: list[Event]) -> Columns:
        categories = [e.cat for e in events]
        names = [e.name for e in events]
        if categories.count("ac2g") < len(categories):
            categories = [as_text(category).lower() for category in categories]
            names = [n if category == "ac2g" else category for n, category in zip(names, categories, strict=True)]
        return {
            "name": self._names(names),
            "id": integers([e.id for e in events]),
            "end": packed("b", [e.ph == "f" for e in events]),
        }

    def _names(self, values: list[Any]) -> array[int]:
        return packed("i", self.names.codes(values))

    def _details(self, table: str, events: list[Event]) -> Columns:
        """Return the columns that come from the name, the category and the arguments."""
        args: list[Any] = [e.args for e in events]
        try:
            columns = self._of_arguments(table, args)
        except AttributeError:  # arguments that are no object
            args = [a if isinstance(a, PythonArguments) else NO_ARGUMENTS for a in args]
            columns = self._of_arguments(table, args)
        if table != "allocations":
            columns["name"] = self._names([e.name for e in events])
        if table in GPU_TABLES:
            columns |= _place(columns, events)
        elif table == "counters":
            columns["device"] = integers([_number(e.pid) for e in events])
        if table in ("copies", "annotations"):
            kinds = [as_text(e.cat).lower() for e in events]
            if table == "copies":
                kinds = ["memset" if "memset" in kind else "memcpy" for kind in kinds]
            columns["kind"] = self._names(kinds)
        return columns

    def _of_arguments(self, table: str, args: list[Any]) -> Columns:
        """Return the columns that come from the arguments.

        Raises:
            AttributeError: If some are no object.
        """
        columns: Columns = {}
        for name, values_of in INTEGERS[table].items():
            values = values_of(args)
            if values[0] is not MISSING or values.count(MISSING) < len(values):
                columns[name] = integers(values)
        for name, values_of in TEXTS.get(table, {}).items():
            values = values_of(args)
            if table != "kernels" or values.count(None) < len(values):  # most kernels communicate nothing
                columns[name] = self._names(values)
        if table in HAS_EXTERNAL_ID:
            columns |= self._external_ids(args)
        if table in ("ops", "annotations"):
            columns |= self._signatures(args)
        if table == "kernels":
            columns |= {name: floats(values(args)) for name, values in FLOATS.items()}
            columns |= _three("grid", [a.grid for a in args]) | _three("block", [a.block for a in args])
        return columns

    def _external_ids(self, args: list[Any]) -> Columns:
        ids = [a.external_id for a in args]
        if MISSING in ids:
            older = [a.external_id_2021 for a in args]
            if older.count(MISSING) < len(older):
                self._facts.add("external id")
                ids = [old if new is MISSING else new for new, old in zip(ids, older, strict=True)]
            elif ids.count(MISSING) == len(ids):
                return {}
        return {"external_id": integers(ids)}

    def _signatures(self, args: list[Any]) -> Columns:
        # The first one tells as good as always that shapes were recorded.
        if all(part(args[0]) is NOTHING for part in _SIGNATURE) and all(
            list(map(part, args)).count(NOTHING) == len(args) for part in _SIGNATURE
        ):
            return {}
        join, signatures = SIGNATURE_SEPARATOR.join, self.signatures
        codes = [
            signatures[join((a.input_dims, a.input_types, a.input_strides, a.concrete_inputs))]
            if a.input_dims_2021 is NOTHING
            else signatures[join((a.input_dims_2021, a.input_types, a.input_strides, a.concrete_inputs))]
            for a in args
        ]
        return {"signature": packed("i", codes)}

    def _split_layers(self, columns: Columns) -> tuple[Columns, int]:
        """Move the recorder's layer spans to their own table and return what remains, and how many rows that is."""
        spans = self.names.spans
        codes = columns["name"]
        is_span = [code in spans for code in codes]
        rest = [not yes for yes in is_span]
        if "kind" in columns:
            shadow = self.names["gpu_user_annotation"]
            wanted = [yes and kind != shadow for yes, kind in zip(is_span, columns["kind"], strict=True)]
            self._skipped[SHADOW] += sum(is_span) - sum(wanted)
        else:
            wanted = is_span
        found = [spans[code] for code in compress(codes, wanted)]
        if found:
            layers: Columns = {
                "layer": self._names([s.layer for s in found]),
                "type": self._names([s.type for s in found]),
                "call": integers([s.call for s in found]),
                **_compressed({n: v for n, v in columns.items() if n.startswith((START, DURATION, "thread"))}, wanted),
            }
            self._parts.append(Part("layers", len(found), layers))
        return _compressed(columns, rest), sum(rest)


def _compressed(columns: Columns, keep: list[bool]) -> Columns:
    """Return the rows that are flagged."""
    return {name: array(values.typecode, compress(values, keep)) for name, values in columns.items()}


def _place(columns: Columns, events: list[Event]) -> Columns:
    """Return device and stream, from the event's track where the arguments do not say."""
    places = {}
    for column, ids in (("device", [e.pid for e in events]), ("stream", [e.tid for e in events])):
        known = columns.get(column)
        if known is None or MISSING in known:
            track = integers([_number(value) for value in ids])
            known = (
                track
                if known is None
                else array("q", [t if k == MISSING else k for k, t in zip(known, track, strict=True)])
            )
        places[column] = known
    return places


def _whole_numbers(process: Any, thread: Any) -> tuple[int, int] | None:
    """Return the ids of a track if they are whole numbers of 64 bits."""
    known = all(type(value) is int and MISSING < value < -MISSING for value in (process, thread))
    return (process, thread) if known else None


def _number(value: Any) -> Any:
    """Return the number of a track: 7 of ``7``, ``"7"`` and ``"stream 7"``."""
    return value.removeprefix("stream ") if isinstance(value, str) else value


def _three(what: str, values: list[Any]) -> Columns:
    """Return ``[x, y, z]`` of every event as three columns."""
    blank = (MISSING, MISSING, MISSING)
    if set(map(type, values)) - {list, tuple} or set(map(len, values)) != {3}:
        values = [v if isinstance(v, (list, tuple)) and len(v) == 3 else blank for v in values]
    flat = integers(list(chain.from_iterable(values)))
    return {f"{what}_{axis}": flat[place::3] for place, axis in enumerate("xyz")}
