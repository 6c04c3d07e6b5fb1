"""Trace → speedscope's file format (https://www.speedscope.app/file-format-schema.json), evented profiles.

One profile a host thread (layers, ranges, operators and calls of the runtime, nested) and one a stream of a GPU.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

import profiler_kit
from profiler_kit.trace import Trace
from profiler_kit.trace.spans import LAYER_PREFIX

SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"

_OPEN, _CLOSE = "O", "C"


def speedscope_json(trace: Trace) -> bytes:
    """Return a trace as the text of a speedscope file.

    Args:
        trace: The trace.

    Times are ns from the first slice on. Where ranges of one track overlap without nesting, which the format has no
    way to say, the later one begins where the earlier ends.
    """
    slices = _slices(trace)
    if len(slices):
        slices["start_ns"] -= slices["start_ns"].min()
    number, names = pd.factorize(slices["name"])
    slices["frame"] = number
    profiles = [_profile(str(title), part) for title, part in slices.groupby("track", sort=False) if len(part)]
    document = {
        "$schema": SCHEMA,
        "shared": {"frames": [{"name": str(name)} for name in names]},
        "profiles": profiles,
        "name": PurePath(trace.source).name,
        "activeProfileIndex": 0,
        "exporter": f"profiler_kit {profiler_kit.__version__}",
    }
    return msgspec.json.encode(document)


def _slices(trace: Trace) -> pd.DataFrame:
    """Return everything that is shown: ``track``, ``name``, ``start_ns``, ``duration_ns``."""
    threads = [str(one["name"] or f"thread {one['tid']}") for one in trace.threads.to_dict("records")]
    titles = np.array([f"{title} ({number})" for number, title in enumerate(threads)], dtype=object)
    host = trace.annotations[trace.annotations["kind"] != "gpu_user_annotation"]
    layers = trace.layers.assign(name=LAYER_PREFIX + trace.layers["layer"].astype(object))
    parts = []
    for table in (layers, host, trace.ops, trace.launches):
        track = titles[table["thread"].to_numpy()] if len(table) else []
        parts.append(_part(track, table))
    for table in (trace.kernels, trace.copies):
        device, stream = (table[name].astype(object).where(table[name].notna(), "?") for name in ("device", "stream"))
        parts.append(_part([f"GPU {one}, stream {two}" for one, two in zip(device, stream, strict=True)], table))
    return pd.concat(parts, ignore_index=True)


def _part(track: Any, table: pd.DataFrame) -> pd.DataFrame:
    columns = {name: table[name].to_numpy() for name in ("start_ns", "duration_ns")}
    return pd.DataFrame({"track": track, "name": table["name"].astype(object).to_numpy(), **columns})


def _profile(title: str, slices: pd.DataFrame) -> dict[str, Any]:
    """Return one track as events that open and close frames, properly nested and in order."""
    start, length = slices["start_ns"].to_numpy(), slices["duration_ns"].to_numpy()
    order = np.lexsort((-length, start))
    frames = slices["frame"].to_numpy()[order].tolist()
    starts, ends = start[order].tolist(), (start + length)[order].tolist()
    events: list[dict[str, Any]] = []
    stack: list[tuple[int, int]] = []
    now = 0
    # Events depend on those before them: this is a format to be written, not an answer to be computed.
    for frame, begins, ends_at in zip(frames, starts, ends, strict=True):
        while stack and (stack[-1][1] <= begins or stack[-1][1] < ends_at):
            closed, now = stack.pop()
            events.append({"type": _CLOSE, "frame": closed, "at": now})
        now = max(now, begins)
        if ends_at >= now:
            events.append({"type": _OPEN, "frame": frame, "at": now})
            stack.append((frame, ends_at))
    while stack:
        closed, now = stack.pop()
        events.append({"type": _CLOSE, "frame": closed, "at": now})
    first = min(starts, default=0)
    return {
        "type": "evented",
        "name": title,
        "unit": "nanoseconds",
        "startValue": first,
        "endValue": max(now, first),
        "events": events,
    }
