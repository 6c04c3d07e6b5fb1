"""What a roofline says of layers, against arithmetic by hand and sums over the events of real traces."""

from __future__ import annotations

import bisect
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from profiler_kit.analysis.ledger.roofline import roofline
from profiler_kit.analysis.ledger.roofs import Roofs
from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.analysis.work.activity import device_activity
from profiler_kit.analysis.work.layer_of_op import layers_of_ops
from profiler_kit.formats import read_trace
from profiler_kit.report.roofline import roofline_sections
from profiler_kit.trace import row_numbers
from tests.builders import TraceBuilder

SGEMM = "volta_sgemm_64x64_nt"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)"
MACHINE = Roofs("made up", "gpu", 10, {"fp32": 1e12}, 1e11)


def test_layers_that_call_the_same_problem_have_their_own_times(tmp_path: Path) -> None:
    b = TraceBuilder()
    product: dict[str, Any] = {"Input Dims": [[1000, 1000]] * 2, "Input type": ["float"] * 2}
    point: dict[str, Any] = {"Input Dims": [[1000, 1000]], "Input type": ["float"]}
    b.annotation("layer: one (Linear) #1", 0, 200)
    b.annotation("layer: two (Linear) #1", 10_000, 10_100)
    for ts, dur in ((0, 4000), (10_000, 5000), (20_000, 3000), (40_000, 2000)):
        b.op("aten::mm", ts, 50, **product)
        b.kernel(SGEMM, ts + 50, dur, launched_at=ts + 5)
    for ts, dur in ((100, 160), (10_100, 320), (40_100, 100)):
        b.op("aten::relu", ts, 50, **point)
        b.kernel(ADD, ts + 5000, dur, launched_at=ts + 5)
    found = roofline(read_trace(b.write(tmp_path / "t.json")), MACHINE)
    layers = found.layers.set_index("layer")
    # 1000³ products are 2 GFLOP, 2 ms on this machine; 1000² floats in and out are 8 MB, 80 µs.
    assert layers["calls"].to_dict() == {"one": 2, "two": 3}
    assert layers["operators"].to_dict() == {"one": 2, "two": 2}
    assert layers["total_ns"].to_dict() == {"one": 4_160_000, "two": 8_320_000}
    assert layers["flops"].to_dict() == {"one": 2 * 10**9, "two": 4 * 10**9}
    assert layers["flops_per_s"].to_dict() == pytest.approx({"one": 2e9 / 4.16e-3, "two": 4e9 / 8.32e-3})
    assert layers["fraction"].to_dict() == pytest.approx({"one": 2.08 / 4.16, "two": 4.08 / 8.32})
    assert found.unlayered_ns == 2_100_000
    assert found.covered_ns == 4_160_000 + 8_320_000 + 2_100_000
    (section,) = (one for one in roofline_sections(found, None, 9, ("layers",)) if one.title == "Layers")
    books = "In layers 12.480 ms + in no layer 2.100 ms + in operators whose work is not known 0 ns = 14.580 ms"
    assert section.notes == [f"{books} of device time"]


def test_layers_of_a_real_trace_have_the_kernels_launched_in_them(shared: Path) -> None:
    path = shared / "traces" / "h100_vit_falconsai_bf16.pt.trace.json.gz"
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    modules = [e for e in events if e.get("cat") == "python_function" and e["name"].startswith("nn.Module: ")]
    modules.sort(key=lambda e: float(e["ts"]))
    starts = [float(e["ts"]) for e in modules]
    launched = {e["args"]["correlation"]: e for e in events if e.get("cat") in ("cuda_runtime", "cuda_driver")}
    spent: Counter[str] = Counter()
    for kernel in (e for e in events if e.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")):
        launch = launched[kernel["args"]["correlation"]]
        at = float(launch["ts"])
        # The module that began last of those around the launch is the innermost.
        around = (m for m in reversed(modules[: bisect.bisect_right(starts, at)]) if at < m["ts"] + m["dur"])
        spent[next(around)["name"].removeprefix("nn.Module: ")] += round(float(kernel["dur"]) * 1000)
    found = roofline(read_trace(path))
    layers = {str(name).rpartition("/")[2]: ns for name, ns in found.layers[["layer", "total_ns"]].to_numpy()}
    linears = [name for name in spent if name.startswith("Linear_")]
    assert len(linears) == 73
    assert {name: layers[name] for name in linears} == {name: spent[name] for name in linears}
    assert sum(spent.values()) == found.total_ns
    # A few operators that only cast or copy have no work that is counted.
    assert sum((spent - Counter(layers)).values()) <= found.uncovered_ns
    assert not Counter(layers) - spent


def test_layers_of_a_training_step_take_their_own_time_in_both_passes(shared: Path) -> None:
    trace = read_trace(shared / "traces" / "mi300x_resnet18_ddp_train.pt.trace.json.gz")
    of_op, activity = layers_of_ops(trace), device_activity(trace)
    op = row_numbers(activity["op"])
    span = np.where(op >= 0, of_op.span[op], -1)
    launched = activity.assign(layer=of_op.spans["layer"].to_numpy(dtype=object)[span])[span >= 0]
    # Batch normalisation counts its calls, and gradients are summed, by additions whose work is not counted.
    spent = launched[~launched["name"].astype(str).str.contains("CUDAFunctor")].groupby("layer")["duration_ns"].sum()
    found = roofline(trace)
    layers = found.layers.set_index("layer")["total_ns"]
    chosen = [layer for layer in layers.index if layer.rpartition("/")[2].startswith(("Conv2d_", "BatchNorm2d_"))]
    assert len(chosen) == 40
    assert layers[chosen].to_dict() == spent[chosen].to_dict()


@pytest.mark.parametrize("name", ["h100_vit_falconsai_bf16", "mi300x_resnet18_ddp_train", "h100_qwen_bf16"])
def test_layers_take_no_more_than_their_own_time(shared: Path, name: str) -> None:
    trace = read_trace(shared / "traces" / f"{name}.pt.trace.json.gz")
    found = roofline(trace)
    rows = found.layers.set_index("layer")["total_ns"]
    table = layer_times(trace).table.set_index("layer")
    own = (table["forward_device_self_ns"] + table["backward_device_self_ns"]).reindex(rows.index)
    assert len(rows)
    assert (rows <= own).all()
    assert int((own - rows).sum()) <= found.uncovered_ns
    assert int(rows.sum()) + found.unlayered_ns + found.uncovered_ns == found.total_ns


def test_each_row_says_which_bandwidth_it_is_held_against(tmp_path: Path) -> None:
    cached = {8192: 400e9, 1 << 23: 100e9}
    machine = Roofs("made up", "cpu", None, {"fp32": 1e12}, 10e9, cached)
    b = TraceBuilder(schemaVersion=1)
    b.annotation("layer: one (Linear) #1", 0, 5000)
    for ts, size in ((0, 16), (1000, 512), (3000, 2048)):
        shapes: dict[str, Any] = {"Input Dims": [[size, size]] * 2, "Input type": ["float"] * 2}
        b.op("aten::mm", ts, 900, **shapes)
    found = roofline(read_trace(b.write(tmp_path / "t.json")), machine)
    rows = found.operators.sort_values("bytes")
    # 3 matrices of 16², 512² and 2048² floats: 3 kB, 3.1 MB and 50 MB, of which the caches hold the first two.
    assert rows["bandwidth_bytes_per_s"].tolist() == [400e9, 100e9, 10e9]
    # 2·16³ FLOP over 3·16²·4 bytes are 2.67 FLOP/B, above the ridge of 1e12/400e9 = 2.5.
    assert rows["intensity"].tolist() == pytest.approx([16 / 6, 512 / 6, 2048 / 6])
    attainable = [
        min(1e12, i * rate) for i, rate in zip((16 / 6, 512 / 6, 2048 / 6), (400e9, 100e9, 10e9), strict=True)
    ]
    assert rows["attainable_flops_per_s"].tolist() == pytest.approx(attainable)
    moved = [3 * 4 * size**2 for size in (16, 512, 2048)]
    seconds = moved[0] / 400e9 + moved[1] / 100e9 + moved[2] / 10e9
    assert found.layers["bandwidth_bytes_per_s"].tolist() == pytest.approx([sum(moved) / seconds])
    roofs, *_, layers = roofline_sections(found, None, 9, ("operators", "layers"))
    assert "400.00 GB/s for 8.192 kB, with the ridge point at 2.5 FLOP/B" in roofs.notes[0]
    assert layers.table is not None
    assert "memory roof" in [column.title for column in layers.table.columns]
