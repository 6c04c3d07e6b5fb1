"""Rooflines and the ceilings of machines, against arithmetic by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiler_kit.analysis.ledger.counters import counters, executed_flops
from profiler_kit.analysis.ledger.roofline import roofline
from profiler_kit.analysis.ledger.roofs import NoGpuInTraceError, Roofs, roofs_of
from profiler_kit.analysis.passes.passes import passes
from profiler_kit.devices import UnknownDeviceError, find_device
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

SGEMM = "volta_sgemm_64x64_nt"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)"
MACHINE = Roofs("made up", "gpu", 10, {"fp32": 1e12}, 1e11)


def write(b: TraceBuilder, tmp_path: Path) -> Trace:
    return read_trace(b.write(tmp_path / "t.json"))


def mm(b: TraceBuilder, ts: float, size: int, dur: float) -> None:
    dims: dict[str, Any] = {"Input Dims": [[size, size], [size, size]], "Input type": ["float", "float"]}
    b.op("aten::mm", ts, 50, **dims)
    b.kernel(SGEMM, ts + 50, dur, launched_at=ts + 5)


def test_each_bound_by_hand(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.annotation("layer: wide (Linear) #1", 0, 100)
    mm(b, 0, 1000, 4000)  # 2 GFLOP: 2 ms of arithmetic; 12 MB: 120 µs
    mm(b, 10_000, 10, 8)  # 2 kFLOP and 1.2 kB are nothing: the launch it is
    b.op("aten::relu", 20_000, 50, **{"Input Dims": [[1000, 1000]], "Input type": ["float"]})
    b.kernel(ADD, 20_100, 160, launched_at=20_010)  # 8 MB: 80 µs
    b.op("aten::no_such_operator", 30_000, 50)
    b.kernel("stray", 30_100, 9, launched_at=30_010)
    found = roofline(write(b, tmp_path), MACHINE)
    rows = {row["operator"] + str(row["calls"] * row["flops"]): row for row in found.operators.to_dict("records")}
    large, small, moved = rows["aten::mm2000000000"], rows["aten::mm2000"], rows["aten::relu0"]
    assert (large["bound"], small["bound"], moved["bound"]) == ("compute", "launch", "memory")
    assert large["intensity"] == pytest.approx(2e9 / 12e6)
    assert large["flops_per_s"] == pytest.approx(2e9 / 4e-3)
    assert large["attainable_flops_per_s"] == pytest.approx(1e12)
    assert large["fraction"] == pytest.approx(0.5)
    assert small["attainable_flops_per_s"] == pytest.approx(1e12 * 0 + 2000 / 1200 * 1e11)
    assert moved["bytes_per_s"] == pytest.approx(8e6 / 160e-6)
    assert moved["fraction"] == pytest.approx(0.5)
    assert (found.total_ns, found.uncovered_ns) == (4_177_000, 9000)
    assert found.covered_ns + found.uncovered_ns == found.total_ns
    layer = found.layers.set_index("layer").loc["wide"]
    assert (layer["flops"], layer["total_ns"], layer["bound"]) == (2e9, 4e6, "compute")
    sgemm = found.kernels.set_index("name").loc[SGEMM]
    assert (sgemm["calls"], sgemm["flops"], sgemm["total_ns"]) == (2, 2e9 + 2000, 4_008_000)


def test_without_roofs_rates_remain(tmp_path: Path) -> None:
    b = TraceBuilder()
    mm(b, 0, 1000, 4000)
    row = roofline(write(b, tmp_path)).operators.iloc[0]
    assert row["flops_per_s"] == pytest.approx(2e9 / 4e-3)
    assert row["bound"] == "unknown"
    assert row[["fraction", "attainable_flops_per_s"]].isna().all()


def test_without_shapes_there_is_nothing_to_compare(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::mm", 0, 50)
    b.kernel(SGEMM, 60, 5, launched_at=5)
    found = roofline(write(b, tmp_path), MACHINE)
    assert (len(found.operators), found.covered_ns, found.uncovered_ns) == (0, 0, 5000)


def test_attention_by_plain_products_is_not_counted_twice(tmp_path: Path) -> None:
    b = TraceBuilder()
    heads = {"Input Dims": [[1, 2, 8, 4]] * 3, "Input type": ["float"] * 3}
    b.op("aten::scaled_dot_product_attention", 0, 100, **heads)
    b.op("aten::bmm", 10, 20, **{"Input Dims": [[2, 8, 4], [2, 4, 8]], "Input type": ["float"] * 2})
    b.kernel(SGEMM, 100, 7, launched_at=12)
    found = roofline(write(b, tmp_path), MACHINE).operators
    assert found["operator"].tolist() == ["aten::bmm"]
    assert found["flops"].tolist() == [2 * 2 * 8 * 8 * 4]


def test_autocast_is_told_by_the_operator_inside(tmp_path: Path) -> None:
    """Half in and float out: 1,000 · 2 B read and 1,000 · 4 B written; the copy of the cast is part of its time."""
    b = TraceBuilder()
    sizes = [[10, 100], [], [100], [100]]
    for name, start, kind in (("aten::layer_norm", 0, "c10::Half"), ("aten::layer_norm", 20, "float")):
        b.op(name, start, 90 - 2 * start, **{"Input Dims": sizes, "Input type": [kind, "ScalarList", "float", "float"]})
    b.op("aten::copy_", 5, 10, **{"Input Dims": [[10, 100], [10, 100]], "Input type": ["float", "c10::Half"]})
    b.kernel("cast", 30, 10, launched_at=6)
    b.kernel("norm", 50, 10, launched_at=30)
    (row,) = roofline(write(b, tmp_path)).operators.to_dict("records")
    assert (row["bytes"], row["total_ns"]) == (1_000 * 2 + 1_000 * 4, 20_000)


def test_the_trace_names_its_gpu(tmp_path: Path) -> None:
    b = TraceBuilder(deviceProperties=[{"id": 0, "name": "NVIDIA H100 80GB HBM3", "numSms": 132}])
    b.kernel(SGEMM, 0, 1, launched_at=None)
    roofs = roofs_of(write(b, tmp_path))
    known = find_device("H100")
    assert (roofs.name, roofs.sm_count) == (known.name, 132)
    assert roofs.peak("bf16_tensor") == known.peak_flops_per_s["bf16_tensor"]
    assert roofs.peak("no such unit") is None


def test_no_gpu_can_be_named_for_what_ran_on_a_cpu(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::mm", 0, 5)
    trace = write(b, tmp_path)
    with pytest.raises(NoGpuInTraceError, match=r"t.json: nothing ran on a GPU .* NVIDIA H100 SXM: leave out --device"):
        roofs_of(trace, device="H100")
    with pytest.raises(UnknownDeviceError, match="did you mean H100"):
        roofs_of(trace, device="H1000")
    assert roofs_of(trace, peak_flops_per_s=5e12).peak("fp32") == 5e12


def test_an_unknown_gpu_keeps_what_the_trace_says(tmp_path: Path) -> None:
    b = TraceBuilder(deviceProperties=[{"id": 0, "name": "Brand new 9000", "numSms": 7}])
    b.kernel(SGEMM, 0, 1, launched_at=None)
    trace = write(b, tmp_path)
    roofs = roofs_of(trace)
    assert (roofs.name, roofs.sm_count, dict(roofs.peak_flops_per_s), roofs.bandwidth_bytes_per_s) == (
        "Brand new 9000", 7, {}, None,
    )  # fmt: skip
    given = roofs_of(trace, peak_flops_per_s=5e12, bandwidth_bytes_per_s=1e12)
    assert (given.peak("fp32"), given.peak("bf16_tensor"), given.bandwidth_bytes_per_s) == (5e12, 5e12, 1e12)
    assert roofs_of(trace, device="V100").name == find_device("V100").name
    with pytest.raises(UnknownDeviceError, match="did you mean"):
        roofs_of(trace, device="V1000")


@pytest.mark.parametrize(
    "measured", [None, 5, {}, {"fp32_flops_per_s": "fast", "copy_bytes_per_s": -1}, {"fp32_flops_per_s": True}]
)
def test_a_cpu_whose_peaks_were_not_measured_has_none(tmp_path: Path, measured: Any) -> None:
    b = TraceBuilder(profiler_kit={"measured_peaks": measured})
    b.op("aten::mm", 0, 5)
    roofs = roofs_of(write(b, tmp_path))
    assert (roofs.kind, dict(roofs.peak_flops_per_s), roofs.bandwidth_bytes_per_s) == ("cpu", {}, None)


def count(b: TraceBuilder, ts: float, **metrics: Any) -> None:
    names = {"ffma": "ffma", "fadd": "fadd", "hfma": "hfma"}
    args = {f"smsp__sass_thread_inst_executed_op_{names[key]}_pred_on.sum": value for key, value in metrics.items()}
    b.event("cuda_profiler_range", "k", ts, 1, pid=0, tid=0, **args)


def test_executed_flops_are_those_of_the_counters(tmp_path: Path) -> None:
    b = TraceBuilder()
    dims: dict[str, Any] = {"Input Dims": [[4, 4], [4, 4]], "Input type": ["float", "float"]}
    b.op("aten::mm", 0, 50, **dims)
    b.op("aten::relu", 60, 50)
    for launch in (10, 20, 70):
        b.event("cuda_runtime", "cudaLaunchKernel", launch, 1, correlation=launch)
    count(b, 1000, ffma=100, fadd=7, hfma=5)
    count(b, 2000, ffma=10)
    count(b, 3000, fadd=1)
    trace = write(b, tmp_path)
    found = counters(trace)
    assert found.joined
    assert found.table["op"].tolist() == [0, 0, 1]
    assert found.table["fp32_flops"].tolist() == [207, 20, 1]
    assert found.table["fp16_flops"].tolist()[0] == 10
    assert found.table["dram_bytes"].isna().all()
    executed = executed_flops(found, passes(trace).calls.call_of_op, "float32")
    assert executed.to_dict() == {0: 227}
    row = roofline(trace).operators.set_index("operator").loc["aten::mm"]
    assert row["inflation"] == 227 / (2 * 4 * 4 * 4)


def test_counters_that_cannot_be_joined_stay_apart(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.event("cuda_runtime", "cudaLaunchKernel", 10, 1, correlation=1)
    count(b, 1000, ffma=1)
    count(b, 2000, ffma=2)
    found = counters(write(b, tmp_path))
    assert not found.joined
    assert found.table["op"].isna().all()
    assert found.kernels[["ranges", "fp32_flops"]].to_numpy().tolist() == [[2, 6]]


def test_counters_of_a_real_trace(shared: Path) -> None:
    found = counters(read_trace(shared / "traces" / "a100_alexnet_cupti_counters.pt.trace.json.gz"))
    assert (len(found.table), found.joined, len(found.metrics)) == (77, True, 9)
    # AlexNet's first convolution, 11×11 in FFMA: the second range, whose name the writer lost.
    assert found.table["fp32_flops"].iloc[1] == 2 * 9_119_334_400 + 24_780_800
