"""Where layers come from, and what a layer is made of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiler_kit.analysis.times.layer_times import LayerTimes, layer_times
from profiler_kit.analysis.work.layer_sources import FROM_MODULES, FROM_NOTHING, FROM_SPANS
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder

FPROP = "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize128x128x16_stage4"


def result_of(builder: TraceBuilder, tmp_path: Path) -> LayerTimes:
    return layer_times(read_trace(builder.write(tmp_path / "t.json")))


def module(builder: TraceBuilder, name: str, ts: float, dur: float) -> None:
    builder.event("python_function", f"nn.Module: {name}", ts, dur, **{"Python id": int(ts), "Python module id": 0})


def test_module_calls_give_paths_by_nesting(tmp_path: Path) -> None:
    b = TraceBuilder()
    for at in (0, 1000):
        module(b, "Net_0", at, 500)
        module(b, "Conv2d_0", at + 10, 100)
        module(b, "Conv2d_1", at + 200, 100)
        b.op("aten::conv2d", at + 210, 80)
        b.kernel(FPROP, at + 250, 20, launched_at=at + 220)
    b.event("python_function", "torch/nn/modules/module.py(1): _call_impl", 5, 400)
    module(b, "Conv2d_1", 3000, 50)
    result = result_of(b, tmp_path)
    assert result.source == FROM_MODULES
    assert result.table["layer"].tolist() == ["Net_0", "Net_0/Conv2d_0", "Net_0/Conv2d_1"]
    assert result.table["type"].tolist() == ["Net", "Conv2d", "Conv2d"]
    assert result.table["calls"].tolist() == [2, 2, 3]
    assert result.table["forward_device_ns"].tolist() == [40_000, 0, 40_000]
    assert result.table["parameters"].isna().all()


def test_recorded_spans_come_first(tmp_path: Path) -> None:
    b = TraceBuilder(profiler_kit={"layers": {"conv": {"type": "Conv2d", "parameters": 7}, "bad": 3}})
    b.annotation("layer: conv (Conv2d) #1", 0, 100)
    module(b, "Conv2d_0", 0, 100)
    result = result_of(b, tmp_path)
    assert (result.source, result.table["layer"].tolist()) == (FROM_SPANS, ["conv"])
    assert result.table["parameters"].tolist() == [7]


def test_a_trace_without_any_has_no_layers(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::conv2d", 0, 10)
    b.kernel(FPROP, 20, 5, launched_at=1)
    result = result_of(b, tmp_path)
    assert (result.source, len(result.table)) == (FROM_NOTHING, 0)
    assert result.device_unattributed_ns == result.device_total_ns == 5_000


@pytest.fixture
def block(tmp_path: Path) -> LayerTimes:
    b = TraceBuilder()
    b.annotation("layer:  (Net) #1", 0, 900)
    b.annotation("layer: conv (Conv2d) #1", 10, 200)
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    b.op("aten::conv2d", 20, 100, **{"Input Dims": [[1, 2, 4, 4], [3, 2, 1, 1]], "Concrete Inputs": concrete})
    b.kernel("void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(p)", 1000, 3, launched_at=30)
    b.kernel(FPROP, 1010, 20, launched_at=40)
    b.annotation("layer: pool (AvgPool2d) #1", 300, 200)
    b.op("aten::contiguous", 310, 50)
    b.kernel("void at::native::elementwise_kernel<128, 4>(int)", 1040, 5, launched_at=320)
    b.copy("Memcpy DtoD (Device -> Device)", 1050, 6, launched_at=330, size=64)
    b.annotation("layer: head (Linear) #1", 600, 200)
    b.op("aten::linear", 610, 50)
    return result_of(b, tmp_path)


def test_layout_transforms_copies_and_kernels(block: LayerTimes) -> None:
    rows = block.table.set_index("layer")
    columns = ["kernels", "layout_transform_ns", "copy_ns"]
    assert rows.loc["", columns].tolist() == [3, 8_000, 6_000]
    assert rows.loc["conv", columns].tolist() == [2, 3_000, 0]
    assert rows.loc["pool", columns].tolist() == [1, 5_000, 6_000]


def test_flops_that_are_not_known_make_the_sum_unknown(block: LayerTimes) -> None:
    rows = block.table.set_index("layer")
    assert rows.loc["conv", "flops"] == 2 * (3 * 4 * 4) * 2
    assert rows.loc["pool", "flops"] == 0
    assert rows.loc["head", "flops"] is pd.NA
    assert rows.loc["", "flops"] is pd.NA


def test_passes_stand_beside_the_layers(block: LayerTimes) -> None:
    assert block.passes.total_ns == block.device_total_ns
    assert block.passes.table["pass"].tolist() == ["forward"]


def test_a_layer_that_runs_again_in_the_backward_pass_keeps_its_work(tmp_path: Path) -> None:
    """Activation checkpointing calls the layer's forward inside the node of another one, or of the checkpoint."""
    b = TraceBuilder()
    b.annotation("layer: outer (Net) #1", 0, 100)
    b.op("aten::add", 10, 10, **{"Sequence number": 4, "Fwd thread id": 0})
    b.op("CheckpointFunctionBackward", 200, 300, tid=2, **{"Sequence number": 4, "Fwd thread id": 1})
    b.event("user_annotation", "layer: inner (Conv2d) #2", 210, 100, tid=2)
    b.op("aten::conv2d", 220, 50, tid=2)
    b.kernel(FPROP, 1000, 7, launched_at=230, tid=2)
    b.op("aten::mul", 400, 50, tid=2)
    b.kernel("mul", 1010, 5, launched_at=410, tid=2)
    result = result_of(b, tmp_path)
    rows = result.table.set_index("layer")
    assert rows.loc["inner", ["forward_device_ns", "backward_device_ns"]].tolist() == [7_000, 0]
    assert rows.loc["outer", ["forward_device_ns", "backward_device_ns"]].tolist() == [0, 5_000]
    assert result.passes.table["pass"].tolist() == ["recompute"]
