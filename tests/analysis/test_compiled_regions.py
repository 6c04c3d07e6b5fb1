"""Which layers torch.compile ran as one region: those in whose region something ran that is no inner layer's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder


def inner_layer(b: TraceBuilder) -> None:
    b.annotation("layer: net.inner (Linear) #1", 30, 20)
    b.op("aten::linear", 32, 10)


def operator(b: TraceBuilder) -> None:
    b.op("aten::addmm", 60, 10)


def kernel(b: TraceBuilder) -> None:
    b.kernel("triton_poi_fused_relu_0", 70, 5, launched_at=62)


def region_inside(b: TraceBuilder) -> None:
    b.op("Torch-Compiled Region: 1/0", 25, 30)


@pytest.mark.parametrize(
    ("parts", "is_region"),
    [
        ([], True),
        ([operator], True),
        ([inner_layer], False),
        ([inner_layer, operator], True),
        ([inner_layer, kernel], True),
        ([inner_layer, region_inside], False),
        ([inner_layer, region_inside, operator], True),
    ],
)
def test_a_region_in_which_only_inner_layers_ran_is_none(
    tmp_path: Path, parts: list[Callable[[TraceBuilder], None]], is_region: bool
) -> None:
    b = TraceBuilder()
    b.annotation("layer: net (Net) #1", 0, 100)
    b.op("Torch-Compiled Region: 0/0", 20, 70)
    for part in parts:
        part(b)
    # Another thread's work at the same time says nothing of this one's region.
    b.annotation("layer: other (Linear) #1", 30, 20, tid=2)
    b.op("aten::linear", 60, 10, tid=2)
    assert layer_times(read_trace(b.write(tmp_path / "t.json"))).compiled == (("net",) if is_region else ())
