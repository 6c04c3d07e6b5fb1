"""A timeline as the page takes it: a head in JSON, and all slices as one block of little-endian arrays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from profiler_kit.analysis.timeline.timeline import Timeline
from profiler_kit.analysis.timeline.timeline_classes import CLASSES
from profiler_kit.report.names import short_kernel
from profiler_kit.report.page.blocks import shown

VERSION: Final = 1

_ALIGNMENT: Final = 8
"""Every array begins at a multiple of this many bytes, as typed arrays of a browser must."""

_LONG_NAME: Final = 60
"""Longer names get a short form for the slices."""


def head(given: Timeline) -> dict[str, Any]:
    """Return what the page needs to read the slices: names, classes, tracks, and where which array lies."""
    return {
        "version": VERSION,
        "origin_ns": str(given.origin_ns),
        "span_ns": given.span_ns,
        "slices": len(given.start_ns),
        "names": [shown(name) for name in given.names],
        "labels": [shown(short_kernel(name)) if len(name) > _LONG_NAME else None for name in given.names],
        "classes": [{"id": name, "title": title} for name, title in CLASSES.items()],
        "tracks": [
            {
                "id": one.track.id,
                "group": one.track.group,
                "title": shown(one.track.title),
                "kind": one.track.kind,
                "first": one.first,
                "count": one.count,
                "depths": one.depths,
                **({"collapsed": True} if one.track.collapsed else {}),
            }
            for one in given.tracks
        ],
        "steps": [
            {
                "title": f"Step {row['step']}",
                "start_ns": row["start_ns"] - given.origin_ns,
                "duration_ns": row["duration_ns"],
            }
            for row in given.steps.to_dict("records")
        ],
        "arrays": _layout(given),
    }


def data(given: Timeline) -> bytes:
    """Return the slices: the arrays of the head, one after the other, little-endian."""
    blocks = []
    for values in _arrays(given).values():
        blocks.append(values.tobytes())
        blocks.append(bytes(-values.nbytes % _ALIGNMENT))
    return b"".join(blocks)


def _arrays(given: Timeline) -> dict[str, NDArray[Any]]:
    """Return the arrays in their order. Times are float64, which is exact for ns up to 104 days."""
    return {
        "start_ns": (given.start_ns - given.origin_ns).astype("<f8"),
        "duration_ns": given.duration_ns.astype("<f8"),
        "name": given.name.astype("<u4"),
        "up": given.up.astype("<i4"),
        "made_by": given.made_by.astype("<i4"),
        "class": given.color.astype("u1"),
        "depth": given.depth.astype("u1"),
    }


def _layout(given: Timeline) -> list[dict[str, Any]]:
    layout, offset = [], 0
    for name, values in _arrays(given).items():
        dtype = np.dtype(values.dtype).name
        layout.append({"array": name, "dtype": dtype, "offset": offset, "length": len(values)})
        offset += values.nbytes + -values.nbytes % _ALIGNMENT
    return layout
