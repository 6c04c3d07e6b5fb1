"""The tracks of a timeline: steps, streams, layers, host threads, and which rows of which table they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.idle import IdleTime
from profiler_kit.analysis.device_time.idle_causes import CAUSES
from profiler_kit.analysis.timeline.timeline_classes import (
    CODES,
    activity_classes,
    idle_classes,
    launch_classes,
    operator_classes,
)
from profiler_kit.analysis.work.layer_of_op import LayerOfOp
from profiler_kit.trace import Trace
from profiler_kit.trace.health import STEP_PREFIX
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

_CAUSE: Final = pd.CategoricalDtype(list(CAUSES))

ROOT_LAYER: Final = "(model)"
"""Shown for the root module, whose qualified name is empty."""

_STEPS, _GPU, _LAYERS, _THREADS, _LIBRARIES, _PYTHON = range(6)
"""Order of the groups."""


@dataclass(frozen=True)
class Track:
    """What a track shows.

    Attributes:
        order: Place among all tracks.
        id: Names it in links.
        group: Tracks of one group stand together.
        title: What is written beside it.
        kind: steps, stream, idle, layers, thread, cpu_kernels or python.
        collapsed: True if it is not the first thing to look at.
    """

    order: tuple[int, ...]
    id: str
    group: str
    title: str
    kind: str
    collapsed: bool = False


@dataclass(frozen=True)
class Part:
    """Slices from one table. Arrays have the shape (k,).

    Attributes:
        table: Name of the table.
        rows: Rows of the whole table.
        row: Rows of it that are slices.
        tracks: Tracks that they are on.
        track: Place in `tracks` of each.
        start_ns: Starts.
        duration_ns: Lengths.
        name: Place in `names` of each.
        names: Names.
        color: Place in :data:`profiler_kit.analysis.timeline.timeline_classes.CLASSES` of each.
    """

    table: str
    rows: int
    row: Rows
    tracks: Sequence[Track]
    track: Rows
    start_ns: Rows
    duration_ns: Rows
    name: Rows
    names: NDArray[np.object_]
    color: NDArray[np.uint8]


def parts(trace: Trace, layers: LayerOfOp, idle_time: IdleTime) -> list[Part]:
    """Return all slices of a trace, by table; tables without slices are left out.

    Args:
        trace: The trace.
        layers: The layer of every operator.
        idle_time: When the devices ran nothing, and why.
    """
    return [part for part in _parts(trace, layers, idle_time) if len(part.row)]


def _parts(trace: Trace, layers: LayerOfOp, idle_time: IdleTime) -> Iterator[Part]:
    yield _idle(idle_time)
    of_op = operator_classes(trace)
    of_kernel, of_copy = activity_classes(trace, of_op)
    yield _part("kernels", trace.kernels, *_streams(trace.kernels), of_kernel)
    yield _part("copies", trace.copies, *_streams(trace.copies), of_copy)
    host = (trace.annotations["kind"] != "gpu_user_annotation").to_numpy(dtype=bool)
    step = _is_step(trace.annotations["name"])
    annotated = np.where(step, CODES["step"], CODES["annotation"]).astype(np.uint8)
    on_steps = _steps_track(len(trace.annotations))
    yield _part("annotations", trace.annotations, *on_steps, annotated, chosen=host & step, alias="steps")
    on_threads = _threads(trace, trace.annotations, _THREADS, "thread", _thread_title)
    yield _part("annotations", trace.annotations, *on_threads, annotated, chosen=host & ~step)
    yield _layers(trace, layers)
    yield _part("ops", trace.ops, *_threads(trace, trace.ops, _THREADS, "thread", _thread_title), of_op)
    launches = trace.launches
    yield _part(
        "launches", launches, *_threads(trace, launches, _THREADS, "thread", _thread_title), launch_classes(trace)
    )
    primitives = trace.cpu_kernels
    yield _part(
        "cpu_kernels",
        primitives,
        *_threads(trace, primitives, _LIBRARIES, "cpu_kernels", lambda one: str(one["name"] or one["tid"])),
        _same("cpu_kernel", len(primitives)),
    )
    functions = trace.python_functions
    yield _part(
        "python_functions",
        functions,
        *_threads(trace, functions, _PYTHON, "python", lambda one: f"Python, {_thread_title(one)}"),
        _same("python", len(functions)),
    )


def _part(
    table: str,
    frame: pd.DataFrame,
    tracks: Sequence[Track],
    track: Rows,
    color: NDArray[np.uint8],
    *,
    chosen: NDArray[np.bool_] | None = None,
    alias: str = "",
) -> Part:
    """Make the slices of a table, of all its rows or of those chosen."""
    row = np.arange(len(frame)) if chosen is None else np.flatnonzero(chosen)
    used, place = np.unique(track[row], return_inverse=True)
    codes: Rows = np.asarray(frame["name"].cat.codes, dtype=np.int64)
    return Part(
        table=alias or table,
        rows=len(frame),
        row=row,
        tracks=[tracks[one] for one in used],
        track=place.astype(np.int64),
        start_ns=frame["start_ns"].to_numpy(np.int64)[row],
        duration_ns=frame["duration_ns"].to_numpy(np.int64)[row],
        name=codes[row],
        names=frame["name"].cat.categories.to_numpy(dtype=object),
        color=color[row],
    )


def _idle(idle_time: IdleTime) -> Part:
    """Return the pieces of idle time by device, neighbours of one cause as one."""
    pieces = idle_time.pieces
    gap = pieces["gap"].to_numpy(np.int64)
    cause: Rows = np.asarray(pieces["cause"].astype(_CAUSE).cat.codes, dtype=np.int64)
    start, end = pieces["start_ns"].to_numpy(np.int64), pieces["end_ns"].to_numpy(np.int64)
    new = np.ones(len(pieces), dtype=bool)
    new[1:] = (gap[1:] != gap[:-1]) | (cause[1:] != cause[:-1]) | (start[1:] != end[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:] - 1, len(pieces) - 1)[: len(first)]
    device = pieces["device"].to_numpy(dtype=np.int64, na_value=NONE)[first]
    devices, track = np.unique(device, return_inverse=True)
    return Part(
        table="idle",
        rows=len(first),
        row=np.arange(len(first)),
        tracks=[Track((_GPU, int(one), 0), f"idle-{one}", _gpu(int(one)), "Idle, by cause", "idle") for one in devices],
        track=track.astype(np.int64),
        start_ns=start[first],
        duration_ns=end[last] - start[first],
        name=cause[first],
        names=np.array(CAUSES, dtype=object),
        color=idle_classes(pieces["cause"].astype(_CAUSE).iloc[first]),
    )


def _gpu(device: int) -> str:
    return f"GPU {device}" if device != NONE else "GPU"


def _same(name: str, count: int) -> NDArray[np.uint8]:
    return np.full(count, CODES[name], dtype=np.uint8)


def _is_step(names: pd.Series) -> NDArray[np.bool_]:
    flags = names.cat.categories.str.startswith(STEP_PREFIX)
    return np.append(np.asarray(flags, dtype=bool), False)[names.cat.codes.to_numpy()]


def _steps_track(rows: int) -> tuple[list[Track], Rows]:
    return [Track((_STEPS,), "steps", "Steps", "Steps", "steps")], np.zeros(rows, dtype=np.int64)


def _streams(frame: pd.DataFrame) -> tuple[list[Track], Rows]:
    """Return the streams of GPU activity, and the one of each row."""
    device = frame["device"].to_numpy(dtype=np.int64, na_value=NONE)
    stream = frame["stream"].to_numpy(dtype=np.int64, na_value=NONE)
    pairs, place = np.unique(np.stack([device, stream], axis=1), axis=0, return_inverse=True)
    tracks = [
        Track(
            (_GPU, int(one), 1, int(other)),
            f"stream-{one}-{other}",
            _gpu(int(one)),
            f"Stream {other}" if other != NONE else "Stream not known",
            "stream",
        )
        for one, other in pairs.tolist()
    ]
    return tracks, place.reshape(-1).astype(np.int64)


def _threads(
    trace: Trace, frame: pd.DataFrame, group: int, kind: str, title: Callable[[dict[Any, Any]], str]
) -> tuple[list[Track], Rows]:
    """Return a track for every host thread of the trace, and the one of each row."""
    tracks = [
        Track((group, place), f"{kind}-{place}", _GROUPS[group], title(one), kind, collapsed=group == _PYTHON)
        for place, one in enumerate(trace.threads.to_dict("records"))
    ]
    return tracks, frame["thread"].to_numpy(np.int64)


_GROUPS: Final = {_LAYERS: "Layers", _THREADS: "Host", _LIBRARIES: "CPU libraries", _PYTHON: "Python"}


def _thread_title(one: dict[Any, Any]) -> str:
    return str(one["name"] or f"Thread {one['tid']}")


def _layers(trace: Trace, layers: LayerOfOp) -> Part:
    """Return the calls of layers, named by layer and type."""
    spans = layers.spans
    tracks, track = _threads(trace, spans, _LAYERS, "layers", lambda one: f"Layers, {_thread_title(one)}")
    layer = spans["layer"].astype(object)
    labels = layer.where(layer != "", ROOT_LAYER) + " (" + spans["type"].astype(object) + ")"
    number, distinct = pd.factorize(labels.to_numpy(dtype=object))
    used, place = np.unique(track, return_inverse=True)
    return Part(
        table="layers",
        rows=len(spans),
        row=np.arange(len(spans)),
        tracks=[tracks[one] for one in used],
        track=place.astype(np.int64),
        start_ns=spans["start_ns"].to_numpy(np.int64),
        duration_ns=spans["duration_ns"].to_numpy(np.int64),
        name=np.asarray(number, dtype=np.int64),
        names=distinct,
        color=_same("layer", len(spans)),
    )
