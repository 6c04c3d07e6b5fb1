"""Everything that has a start and an end as slices on tracks, linked to what caused them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.idle import IdleTime, idle
from profiler_kit.analysis.timeline.timeline_tracks import Part, Track, parts
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, parent_rows

DEEPEST = 255
"""Deeper nesting is shown in this lane."""


@dataclass(frozen=True)
class Timeline:
    """Slices, ordered by track, then by start, then longest first; every array has the shape (n,).

    Attributes:
        tracks: Tracks in the order of `track`, with first slice, number of slices and depth.
        start_ns: Start on the trace's clock.
        duration_ns: Length.
        name: Place in `names`.
        names: Distinct names.
        color: Place in :data:`profiler_kit.analysis.timeline.timeline_classes.CLASSES`.
        depth: Lane within the track: the number of slices that enclose it, at most `DEEPEST`.
        up: Slice of what caused it: GPU activity → launch → operator → layer; `NONE` if the trace does not show it.
        made_by: For backward operators, slice of the forward operator that made them, else `NONE`.
        table: Place in `tables` of the table that the slice is a row of.
        row: Row in that table.
        tables: Names of tables.
        steps: :func:`profiler_kit.analysis.work.totals.step_ranges`.
        origin_ns: Start of the first slice.
        span_ns: From there to the end of the last.
    """

    tracks: tuple[PlacedTrack, ...]
    start_ns: NDArray[np.int64]
    duration_ns: NDArray[np.int64]
    name: NDArray[np.int64]
    names: tuple[str, ...]
    color: NDArray[np.uint8]
    depth: NDArray[np.uint8]
    up: NDArray[np.int64]
    made_by: NDArray[np.int64]
    table: NDArray[np.int64]
    row: NDArray[np.int64]
    tables: tuple[str, ...]
    steps: pd.DataFrame
    origin_ns: int
    span_ns: int


@dataclass(frozen=True)
class PlacedTrack:
    """One track with its slices.

    Attributes:
        track: What it shows.
        first: Its first slice.
        count: Number of its slices.
        depths: Number of its lanes.
    """

    track: Track
    first: int
    count: int
    depths: int


def timeline(trace: Trace, *, found: LayerOfOp | None = None, idle_time: IdleTime | None = None) -> Timeline:
    """Lay out all slices of a trace.

    Args:
        trace: The trace.
        found: The layer of every operator, if :func:`profiler_kit.analysis.work.layer_of_op.layers_of_ops` was asked
            before.
        idle_time: Idle time, if :func:`profiler_kit.analysis.device_time.idle.idle` was asked before.
    """
    layers = layers_of_ops(trace) if found is None else found
    given = parts(trace, layers, idle(trace, layers=layers) if idle_time is None else idle_time)
    tracks = sorted({track for part in given for track in part.tracks}, key=lambda track: track.order)
    number = {track: place for place, track in enumerate(tracks)}
    track = _joined([np.array([number[one] for one in part.tracks], dtype=np.int64)[part.track] for part in given])
    start = _joined([part.start_ns for part in given])
    duration = _joined([part.duration_ns for part in given])
    table = np.repeat(np.arange(len(given)), [len(part.row) for part in given])
    row = _joined([part.row for part in given])
    order = np.lexsort((-duration, start, track))
    name, names = _names(given)
    slices = _slice_of_rows(given, order)
    up, made_by = _links(trace, layers, given, slices)
    depth = _depths(track[order], (start + duration)[order])
    track, start, duration = track[order], start[order], duration[order]
    origin = int(start.min()) if len(start) else 0
    return Timeline(
        tracks=_placed(tracks, track, depth),
        start_ns=start,
        duration_ns=duration,
        name=name[order],
        names=names,
        color=np.concatenate([np.empty(0, dtype=np.uint8), *(part.color for part in given)])[order],
        depth=depth,
        up=up[order],
        made_by=made_by[order],
        table=table[order],
        row=row[order],
        tables=tuple(part.table for part in given),
        steps=step_ranges(trace),
        origin_ns=origin,
        span_ns=int((start + duration).max()) - origin if len(start) else 0,
    )


def _joined(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])


def _placed(tracks: list[Track], track: NDArray[np.int64], depth: NDArray[np.uint8]) -> tuple[PlacedTrack, ...]:
    """Return the tracks with the place of their slices, which are ordered by track."""
    bounds = np.searchsorted(track, np.arange(len(tracks) + 1))
    return tuple(
        PlacedTrack(one, int(first), int(last - first), int(depth[first:last].max()) + 1)
        for one, first, last in zip(tracks, bounds[:-1], bounds[1:], strict=True)
    )


def _depths(track: NDArray[np.int64], end_ns: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Count what encloses each slice on its track."""
    parents = parent_rows(track, end_ns)
    depth = np.zeros(len(track), dtype=np.int64)
    rows, above = np.arange(len(track)), parents
    while True:
        nested = above != NONE
        rows, above = rows[nested], above[nested]
        if not rows.size:
            return np.minimum(depth, DEEPEST).astype(np.uint8)
        depth[rows] += 1
        above = parents[above]


def _names(given: list[Part]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the distinct names of all slices."""
    codes, texts, used = [], [], 0
    for part in given:
        kept, code = np.unique(part.name, return_inverse=True)
        texts += [part.names[place] if place >= 0 else "" for place in kept]
        codes.append(code.astype(np.int64) + used)
        used += len(kept)
    number, distinct = pd.factorize(np.array(texts, dtype=object))
    return number.astype(np.int64)[_joined(codes)], tuple(map(str, distinct))


def _slice_of_rows(given: list[Part], order: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return, by table, the slice of each of its rows, `NONE` for rows that have none."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    found: dict[str, NDArray[np.int64]] = {}
    used = 0
    for part in given:
        slices = np.full(part.rows, NONE, dtype=np.int64)
        slices[part.row] = place[used : used + len(part.row)]
        found[part.table] = slices
        used += len(part.row)
    return found


def _links(
    trace: Trace, layers: LayerOfOp, given: list[Part], slices: dict[str, NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what caused each slice and, of backward operators, what made them; in the order of the parts."""
    causes = {
        "kernels": (trace.kernels["launch"], "launches"),
        "copies": (trace.copies["launch"], "launches"),
        "launches": (trace.launches["op"], "ops"),
        "cpu_kernels": (trace.cpu_kernels["op"], "ops"),
    }
    up, made_by = [], []
    for part in given:
        nothing = np.full(len(part.row), NONE, dtype=np.int64)
        if part.table == "ops":
            up.append(_followed(layers.span[part.row], slices.get("layers")))
            made_by.append(_followed(layers.made_by[part.row], slices["ops"]))
            continue
        column, target = causes.get(part.table, (None, ""))
        up.append(nothing if column is None else _followed(row_numbers(column)[part.row], slices.get(target)))
        made_by.append(nothing)
    return _joined(up), _joined(made_by)


def _followed(rows: NDArray[np.int64], slices: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the slices of rows of a table, `NONE` where there is no row."""
    if slices is None or not len(slices):
        return np.full(len(rows), NONE, dtype=np.int64)
    return np.where(rows != NONE, slices[rows], NONE)
