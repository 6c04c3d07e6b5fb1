"""Memory over time and at its peak, against hand arithmetic, real recordings and plain JSON."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from profiler_kit.analysis.device_time.level_of_detail import drawn_rows
from profiler_kit.analysis.device_time.memory_use import BEFORE, COUNTED, NO_OPERATOR, MemoryUse, memory_use
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder

MB = 1_000_000


def memory(b: TraceBuilder, ts: float, size: int, address: int, total: int, *, tid: int = 1, device: int = 0) -> None:
    args = {
        "Device Type": 1, "Device Id": device, "Addr": address, "Bytes": size, "Total Allocated": total,
        "Total Reserved": 64 * MB,
    }  # fmt: skip
    instant = {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]"}
    b.events.append({**instant, "pid": 10, "tid": tid, "ts": ts, "args": args})


@pytest.fixture
def result(tmp_path: Path) -> MemoryUse:
    """10 MB are there before. conv allocates 4 at address 1, relu 3 at 2, then 1 is freed and used again for 2 MB."""
    b = TraceBuilder()
    b.annotation("layer: conv (Conv2d) #1", 0, 100)
    b.op("aten::conv2d", 10, 50)
    b.op("aten::empty", 20, 5)
    memory(b, 21, 4 * MB, 1, 14 * MB)
    b.op("aten::relu", 200, 50)
    b.op("aten::empty_like", 210, 20)
    b.op("aten::empty_strided", 212, 5)
    memory(b, 213, 3 * MB, 2, 17 * MB)
    memory(b, 300, -4 * MB, 1, 13 * MB)
    memory(b, 310, 2 * MB, 1, 15 * MB)
    memory(b, 320, 5 * MB, 3, 20 * MB, tid=9)
    memory(b, 330, -3 * MB, 2, 17 * MB)
    memory(b, 340, 1 * MB, 1, 1 * MB, device=1)
    return memory_use(read_trace(b.write(tmp_path / "t.json")))


def test_devices(result: MemoryUse) -> None:
    first, second = result.devices.to_dict("records")
    assert (first["device"], first["peak_bytes"], first["first_bytes"], first["last_bytes"]) == (
        "CUDA 0", 20 * MB, 10 * MB, 17 * MB,
    )  # fmt: skip
    assert (first["allocations"], first["frees"], first["allocated_bytes"]) == (4, 2, 14 * MB)
    assert first["peak_ns"] == 320_000
    assert first["peak_reserved_bytes"] == 64 * MB
    assert (second["device"], second["peak_bytes"]) == ("CUDA 1", MB)


def test_what_was_live_adds_up_to_the_peak(result: MemoryUse) -> None:
    live = result.live[result.live["device"] == "CUDA 0"]
    assert live["bytes"].sum() == 20 * MB
    rows = live.set_index("operator")
    # The block of conv had been freed; its address was used again by nobody's 2 MB.
    assert rows["bytes"].to_dict() == {BEFORE: 10 * MB, NO_OPERATOR: 7 * MB, "aten::relu": 3 * MB}
    assert rows.loc[NO_OPERATOR, "blocks"] == 2
    assert rows.loc["aten::relu", "layer"] is None


def test_a_layer_is_named_and_the_operator_that_asked(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.annotation("layer: conv (Conv2d) #1", 0, 100)
    b.op("aten::conv2d", 10, 50)
    b.op("aten::empty", 20, 5)
    memory(b, 21, 4 * MB, 1, 4 * MB)
    b.op("aten::zeros", 200, 50)
    b.op("aten::empty", 210, 5)
    memory(b, 211, MB, 2, 5 * MB)
    live = memory_use(read_trace(b.write(tmp_path / "t.json"))).live
    assert live[["layer", "operator", "bytes"]].to_numpy().tolist() == [
        ["conv", "aten::conv2d", 4 * MB],
        [None, "aten::zeros", MB],
    ]


def test_no_events(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::relu", 0, 5)
    found = memory_use(read_trace(b.write(tmp_path / "t.json")))
    assert (len(found.devices), len(found.timeline), len(found.live)) == (0, 0, 0)


def test_a_real_recording_by_hand(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    import profiler_kit as pk

    model = torch.nn.Sequential(torch.nn.Linear(100, 1000), torch.nn.ReLU())
    x = torch.randn(50, 100)
    options = {"tensorboard": False, "profile_memory": True, "measure_peaks": False}
    with pk.profile(model, tmp_path, **options) as prof, torch.no_grad():
        kept = model(x)  # 50 × 1000 floats from the layer and again from ReLU, of which the first is dropped
        more = torch.empty(2_500_000)
        del kept, more
    found = memory_use(read_trace(prof.trace_paths[-1]))
    (cpu,) = found.devices.to_dict("records")
    assert cpu["peak_bytes"] - cpu["first_bytes"] == 50 * 1000 * 4 + 10_000_000
    live = found.live.set_index("operator")["bytes"]
    assert live["aten::empty"] == 10_000_000
    assert live["aten::clamp_min"] == 200_000
    assert found.live.set_index("operator").loc["aten::clamp_min", "layer"] == "1"


def _json_events(path: Path) -> list[dict[str, Any]]:
    events = json.loads(gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), strict=False)["traceEvents"]
    found = [event for event in events if event.get("name") == "[memory]"]
    return sorted(found, key=lambda event: event["ts"])


@pytest.mark.parametrize(
    "name",
    [
        "a100pcie_particle_transformer",
        "h100_qwen_bf16",
        "mi300x_vit_falconsai_bf16",
        "v100dgx_resnet50_train_memory",
    ],
)
def test_peaks_of_real_traces(shared: Path, name: str) -> None:
    path = shared / "traces" / f"{name}.pt.trace.json.gz"
    found = memory_use(read_trace(path))
    peaks: dict[int, int] = defaultdict(int)
    sums: dict[int, int] = defaultdict(int)
    for event in _json_events(path):
        args = event["args"]
        kind = args["Device Type"]
        sums[kind] += args["Bytes"]
        peaks[kind] = max(peaks[kind], args.get("Total Allocated", sums[kind]))
    assert sorted(found.devices["peak_bytes"]) == sorted(peaks.values())
    counted = name == "v100dgx_resnet50_train_memory"
    assert (found.devices["source"] == COUNTED).all() == counted
    if not counted:
        assert found.live.groupby("device")["bytes"].sum().to_dict() == dict(
            zip(found.devices["device"], found.devices["peak_bytes"], strict=True)
        )


def test_drawn_points_keep_every_extreme() -> None:
    random = np.random.default_rng(1)
    time = np.sort(random.integers(0, 10**9, 20_000))
    values = random.integers(0, 1000, 20_000).cumsum() * random.choice([-1, 1], 20_000)
    rows = drawn_rows(time, values, 100)
    assert len(rows) <= 400
    assert (np.diff(rows) > 0).all()
    assert (rows[0], rows[-1]) == (0, len(time) - 1)
    width = -(-(time[-1] - time[0] + 1) // 100)
    for bucket in range(100):
        inside = np.flatnonzero((time - time[0]) // width == bucket)
        kept = rows[np.isin(rows, inside)]
        if len(inside):
            assert (values[kept].min(), values[kept].max()) == (values[inside].min(), values[inside].max())
            assert (kept[0], kept[-1]) == (inside[0], inside[-1])


def test_few_points_are_all_drawn() -> None:
    assert drawn_rows(np.array([3, 5, 9]), np.array([1, 2, 1]), 1).tolist() == [0, 1, 2]
    assert drawn_rows(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 5).tolist() == []
