"""Slices of a timeline against the tables that they come from, and lanes against a count one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import profiler_kit
from profiler_kit.analysis.timeline.timeline import DEEPEST, Timeline, _depths, timeline
from profiler_kit.analysis.timeline.timeline_classes import CLASSES
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder


def read(trace: TraceBuilder, directory: Path) -> Trace:
    return profiler_kit.read_trace(trace.write(directory / "t.pt.trace.json"))


def slice_of(found: Timeline, name: str) -> int:
    (place,) = np.flatnonzero(found.name == found.names.index(name))
    return int(place)


def test_a_kernel_leads_to_its_launch_operator_and_layer_and_backward_to_forward(tmp_path: Path) -> None:
    trace = TraceBuilder()
    trace.event("user_annotation", "layer: net.conv (Conv2d) #1", 0, 100)
    trace.op("aten::conv2d", 10, 80, **{"Sequence number": 5, "Fwd thread id": 0})
    trace.kernel("forward_kernel", 200, 30, launched_at=20)
    trace.op("ConvolutionBackward0", 300, 80, tid=2, **{"Sequence number": 5, "Fwd thread id": 1})
    trace.kernel("backward_kernel", 400, 40, launched_at=310, tid=2)
    found = timeline(read(trace, tmp_path))
    kernel, forward = slice_of(found, "forward_kernel"), slice_of(found, "aten::conv2d")
    launch = int(found.up[kernel])
    assert found.names[found.name[launch]] == "cudaLaunchKernel"
    assert found.up[launch] == forward
    layer = slice_of(found, "net.conv (Conv2d)")
    assert found.up[forward] == layer
    backward = slice_of(found, "ConvolutionBackward0")
    assert found.up[backward] == layer
    assert found.made_by[backward] == forward
    assert found.up[found.up[slice_of(found, "backward_kernel")]] == backward
    classes = list(CLASSES)
    assert classes[found.color[kernel]] == "conv"
    assert classes[found.color[slice_of(found, "backward_kernel")]] == "conv_backward"
    assert found.origin_ns == 0
    assert found.span_ns == 440_000


def test_idle_time_between_kernels_has_a_track_and_adds_up(tmp_path: Path) -> None:
    trace = TraceBuilder()
    trace.op("aten::relu", 0, 300)
    trace.kernel("first", 20, 10, launched_at=5)
    trace.kernel("second", 250, 10, launched_at=200)
    found = timeline(read(trace, tmp_path))
    (idle,) = (one for one in found.tracks if one.track.kind == "idle")
    rows = slice(idle.first, idle.first + idle.count)
    assert found.duration_ns[rows].sum() == 220_000
    assert found.start_ns[rows].min() == 30_000


@pytest.mark.parametrize("name", ["h100_vit_falconsai_bf16", "mi300x_vit_falconsai_bf16", "event_sync_multi_stream"])
def test_every_row_is_a_slice_and_points_where_its_table_does(shared: Path, name: str) -> None:
    trace = profiler_kit.read_trace(shared / "traces" / f"{name}.pt.trace.json.gz")
    found = timeline(trace)
    assert sum(one.count for one in found.tracks) == len(found.start_ns)
    for table in ("kernels", "copies", "ops", "launches", "python_functions"):
        frame = getattr(trace, table)
        if not len(frame):
            continue
        mine = found.table == found.tables.index(table)
        assert np.array_equal(np.sort(found.row[mine]), np.arange(len(frame)))
        assert np.array_equal(found.start_ns[mine], frame["start_ns"].to_numpy()[found.row[mine]])
        texts = frame["name"].astype(str).to_numpy()[found.row[mine]]
        assert [found.names[code] for code in found.name[mine]] == texts.tolist()
    kernels = found.table == found.tables.index("kernels")
    launch = trace.kernels["launch"].to_numpy(dtype=np.int64, na_value=-1)[found.row[kernels]]
    up = found.up[kernels]
    assert np.array_equal(up < 0, launch < 0)
    assert np.array_equal(found.row[up[up >= 0]], launch[launch >= 0])
    for one in found.tracks:
        rows = slice(one.first, one.first + one.count)
        assert (np.diff(found.start_ns[rows]) >= 0).all()
        assert one.depths == int(found.depth[rows].max()) + 1


ranges = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 30)), max_size=40)


@given(ranges)
@settings(max_examples=100, deadline=None)
def test_lanes_are_the_number_of_slices_around(drawn: list[tuple[int, int, int]]) -> None:
    rows = sorted((track, start, -length) for track, start, length in drawn)
    track = np.array([row[0] for row in rows], dtype=np.int64)
    start = np.array([row[1] for row in rows], dtype=np.int64)
    end = start - np.array([row[2] for row in rows], dtype=np.int64)
    expected = []
    for place in range(len(rows)):
        depth, reach = 0, end[place]
        for before in range(place - 1, -1, -1):
            if track[before] == track[place] and end[before] >= reach:
                depth, reach = depth + 1, end[before]
        expected.append(min(depth, DEEPEST))
    assert _depths(track, end).tolist() == expected
