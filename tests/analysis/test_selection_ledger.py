"""The ledger on small made-up traces where every figure is known by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiler_kit.analysis.passes.passes import pass_times, passes
from profiler_kit.analysis.selection.selection import Selection, selection
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

X, W, Y = [2, 3, 8, 8], [4, 3, 3, 3], [2, 4, 4, 4]
FLOPS = 2 * (2 * 4 * 4 * 4) * (3 * 3 * 3)
FPROP = "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize128x128x16_stage4"
DGRAD = "cudnn_infer_volta_scudnn_128x64_stridedB_interior_nn_v1"
WGRAD = "void wgrad_alg0_engine<float, 128, 5, 5, 3, 3, 3, false, 512>(int, int, int, float const*)"
SGEMM = "volta_sgemm_64x64_nt"
TO_NHWC = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(params)"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)"


def arguments(dims: list[Any], types: list[str], strides: list[Any], concrete: list[str]) -> dict[str, Any]:
    return {"Input Dims": dims, "Input type": types, "Input Strides": strides, "Concrete Inputs": concrete}


def conv2d(stride: str = "[2, 2]", *, strides: list[Any] | None = None) -> dict[str, Any]:
    types = ["float", "float", "", "ScalarList", "ScalarList", "ScalarList", "Scalar"]
    dims = [X, W, [], [], [], [], []]
    strides = strides or [[192, 64, 8, 1], [27, 9, 3, 1], [], [], [], [], []]
    return arguments(dims, types, strides, ["", "", "", stride, "[1, 1]", "[1, 1]", "1"])


def convolution_backward(mask: str | None, *, transposed: str = "False") -> dict[str, Any]:
    concrete = ["", "", "", "[0]", "[2, 2]", "[1, 1]", "[1, 1]", transposed, "[0, 0]", "1", mask or ""]
    return arguments([Y, X, W] + [[]] * 8, ["float"] * 3 + ["ScalarList"] * 8, [[]] * 11, concrete)


def read(builder: TraceBuilder, tmp_path: Path) -> Trace:
    return read_trace(builder.write(tmp_path / "t.json"))


def rows(result: Selection) -> dict[str, dict[str, Any]]:
    """The ledger's rows by pass, where each pass has one."""
    found = {row["pass"]: row for row in result.table.to_dict("records")}
    assert len(found) == len(result.table)
    return found


def assert_closed(result: Selection) -> None:
    table = result.table
    parts = table[["main_ns", "layout_transform_ns", "helper_ns", "memset_ns"]].sum(axis=1)
    assert parts.tolist() == table["device_ns"].tolist()
    assert table["device_ns"].sum() == result.attributed_ns == result.kernels["total_ns"].sum()
    assert result.attributed_ns + result.unattributed_ns == result.total_ns
    assert result.other_operators_ns + result.no_operator_ns == result.unattributed_ns


def forward_call(b: TraceBuilder, at: float, kernel: str = FPROP, **options: Any) -> None:
    """conv2d → convolution → cudnn_convolution, then the bias; 90 µs on the host."""
    b.op("aten::conv2d", at, 90, **conv2d(**options))
    b.op("aten::convolution", at + 1, 88)
    b.op("aten::cudnn_convolution", at + 2, 60)
    b.kernel(TO_NHWC, at + 100, 7, launched_at=at + 5)
    b.copy("Memset (Device)", at + 110, 2, launched_at=at + 8, size=64)
    b.kernel(kernel, at + 120, 40, launched_at=at + 12)
    b.op("aten::add_", at + 70, 10)
    b.kernel(ADD, at + 170, 3, launched_at=at + 72)


def test_nested_operators_are_one_call_and_one_row(tmp_path: Path) -> None:
    b = TraceBuilder()
    for at in (0, 1000):
        forward_call(b, at)
    b.op("aten::relu", 2000, 10)
    b.kernel("relu", 2100, 5, launched_at=2001)
    b.kernel("stray", 2200, 4, launched_at=None)
    result = selection(read(b, tmp_path), "conv")
    assert_closed(result)
    (row,) = result.table.to_dict("records")
    assert (row["operator"], row["pass"], row["calls"]) == ("aten::conv2d", "forward", 2)
    assert (row["input_shape"], row["weight_shape"], row["output_shape"]) == (tuple(X), tuple(W), tuple(Y))
    assert (row["dtype"], row["memory_format"], row["stride"]) == ("float32", "NCHW", (2, 2))
    assert (row["groups"], row["transposed"], row["flops"]) == (1, False, FLOPS)
    times = ("device_ns", "main_ns", "layout_transform_ns", "helper_ns", "bias_ns", "memset_ns", "median_ns")
    assert [row[name] for name in times] == [104_000, 80_000, 14_000, 6_000, 6_000, 4_000, 52_000]
    assert row["flops_per_s"] == pytest.approx(FLOPS / 52e-6)
    assert (row["algorithm"], row["tensor_cores"], row["note"]) == ("implicit_gemm", "yes", None)
    assert (result.total_ns, result.other_operators_ns, result.no_operator_ns) == (113_000, 5_000, 4_000)


def test_channels_last_is_another_problem(tmp_path: Path) -> None:
    b = TraceBuilder()
    forward_call(b, 0)
    forward_call(b, 1000, strides=[[192, 1, 24, 3], [27, 1, 9, 3], [], [], [], [], []])
    forward_call(b, 2000, strides=[[1, 2, 3, 4], [], [], [], [], [], []])
    assert sorted(selection(read(b, tmp_path)).table["memory_format"]) == ["NCHW", "NHWC", "unknown"]


def test_the_same_problem_with_different_kernels_is_noted(tmp_path: Path) -> None:
    b = TraceBuilder()
    for number in range(3):
        b.annotation(f"ProfilerStep#{number}", number * 1000, 900)
        forward_call(b, number * 1000 + 10, SGEMM if number == 0 else FPROP)
    result = selection(read(b, tmp_path))
    (row,) = result.table.to_dict("records")
    assert row["selections"] == 2
    assert row["note"] == "2 different sequences of kernels, for 2, 1 calls, not in the same steps"
    assert result.sequences["steps"].tolist() == [(1, 2), (0,)]
    assert result.sequences["kernels"].tolist()[1] == (TO_NHWC, SGEMM, ADD)


def backward_call(b: TraceBuilder, mask: str | None, kernels: list[str], *, allocated_before: int | None) -> None:
    """One ConvolutionBackward0 that launches kernels of 10 µs each, and the bias's sum of 1 µs."""
    node = {"Sequence number": 5, "Fwd thread id": 1}
    b.op("autograd::engine::evaluate_function: ConvolutionBackward0", 1000, 500, tid=2, **node)
    b.op("ConvolutionBackward0", 1001, 400, tid=2, **node)
    b.op("aten::convolution_backward", 1002, 390, tid=2, **convolution_backward(mask))
    for place, name in enumerate(kernels):
        if place == allocated_before:
            b.op("aten::empty", 1008 + 10 * place, 1, tid=2)
        b.kernel(name, 2000 + 20 * place, 10, launched_at=1010 + 10 * place, tid=2)
    b.op("aten::sum", 1300, 10, tid=2)
    b.kernel("void at::native::reduce_kernel<512, 1, float>(float)", 2900, 1, launched_at=1301, tid=2)
    b.op("aten::add_", 1450, 10, tid=2)
    b.kernel(ADD, 2950, 2, launched_at=1451, tid=2)


def gradients(result: Selection) -> dict[str, int]:
    return dict(zip(result.table["pass"], result.table["device_ns"], strict=True))


def test_backward_is_split_where_the_weights_gradient_is_allocated(tmp_path: Path) -> None:
    """Two plain matrix products: their names say nothing, the allocation between them does."""
    b = TraceBuilder()
    backward_call(b, "[True, True, True]", [TO_NHWC, SGEMM, TO_NHWC, SGEMM], allocated_before=2)
    result = selection(read(b, tmp_path), "conv")
    assert_closed(result)
    assert gradients(result) == {"dgrad": 20_000, "wgrad": 20_000, "bgrad": 1_000}
    # The engine's add_ of 2 µs, in its range around the node, is no work of the convolution.
    assert (result.total_ns, result.other_operators_ns, result.no_operator_ns) == (43_000, 2_000, 0)
    found = rows(result)
    assert found["dgrad"]["operator"] == "aten::convolution_backward"
    assert (found["dgrad"]["flops"], found["wgrad"]["flops"]) == (FLOPS, FLOPS)
    assert found["bgrad"]["main_ns"] == 1_000


def test_backward_is_split_by_names_and_order_without_the_allocation(tmp_path: Path) -> None:
    b = TraceBuilder()
    kernels = ["before", DGRAD, "between", WGRAD, "after"]
    backward_call(b, None, kernels, allocated_before=None)
    result = selection(read(b, tmp_path), "conv")
    assert_closed(result)
    found = rows(result)
    assert {name: row["device_ns"] for name, row in found.items()} == {
        "dgrad": 20_000, "wgrad": 20_000, "backward": 10_000, "bgrad": 1_000,
    }  # fmt: skip
    assert pd.isna(found["backward"]["flops"])
    assert set(result.passes["evidence"]) >= {"kernel name", "launch order"}


def test_an_allocation_that_a_name_contradicts_decides_nothing(tmp_path: Path) -> None:
    b = TraceBuilder()
    backward_call(b, "[True, True, False]", [SGEMM, WGRAD, DGRAD], allocated_before=2)
    result = selection(read(b, tmp_path), "conv")
    assert {name: ns for name, ns in gradients(result).items() if name.endswith(("grad", "ward"))} == {
        "dgrad": 10_000, "wgrad": 10_000, "backward": 10_000, "bgrad": 1_000,
    }  # fmt: skip


def test_the_mask_decides_where_only_one_gradient_is_asked_for(tmp_path: Path) -> None:
    b = TraceBuilder()
    backward_call(b, "[False, True, False]", [SGEMM, TO_NHWC], allocated_before=0)
    assert gradients(selection(read(b, tmp_path), "conv"))["wgrad"] == 20_000


def test_what_nothing_decides_stays_undecided_and_its_work_is_that_of_the_mask(tmp_path: Path) -> None:
    b = TraceBuilder()
    backward_call(b, "[True, True, False]", [SGEMM, SGEMM], allocated_before=None)
    row = rows(selection(read(b, tmp_path), "conv"))["backward"]
    assert (row["device_ns"], row["flops"]) == (20_000, 2 * FLOPS)


def test_gradients_of_2021_are_told_by_their_operators(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("CudnnConvolutionBackward", 0, 100)
    b.op("aten::cudnn_convolution_backward", 1, 98, **{"Input Dims": [X, Y, W]})
    for name, at in (("input", 2), ("weight", 50)):
        b.op(f"aten::cudnn_convolution_backward_{name}", at, 40)
        b.kernel(SGEMM, 200 + at, 10, launched_at=at + 5)
    result = selection(read(b, tmp_path), "conv")
    found = rows(result)
    assert set(found) == {"dgrad", "wgrad"}
    assert found["dgrad"]["output_shape"] == tuple(Y)
    assert {found[name]["operator"] for name in found} == {"aten::cudnn_convolution_backward"}
    assert set(result.passes["evidence"]) == {"operator"}


def test_a_forward_transposed_convolution_is_forward_whatever_its_kernel_says(tmp_path: Path) -> None:
    b = TraceBuilder()
    concrete = ["", "", "", "[2, 2]", "[1, 1]", "[0, 0]", "1", "[1, 1]"]
    dims = [[2, 3, 8, 8], [3, 4, 3, 3], [4], [], [], [], [], []]
    b.op("aten::conv_transpose2d", 0, 50, **{"Input Dims": dims, "Concrete Inputs": concrete})
    b.op("aten::cudnn_convolution_transpose", 5, 40)
    b.kernel(DGRAD, 100, 10, launched_at=10)
    (row,) = selection(read(b, tmp_path)).table.to_dict("records")
    assert (row["pass"], row["transposed"], row["main_ns"]) == ("forward", True, 10_000)
    assert row["flops"] == 2 * (2 * 3 * 8 * 8) * (4 * 3 * 3)


def test_casts_of_autocast_give_the_type_that_the_library_gets(tmp_path: Path) -> None:
    b = TraceBuilder()
    half = {"Input Dims": [X, W], "Input type": ["c10::Half", "c10::Half"]}
    b.op("aten::conv2d", 0, 100, **{"Input Dims": [X, W], "Input type": ["float", "float"]})
    b.op("aten::to", 2, 10)
    b.kernel("void at::native::unrolled_elementwise_kernel<float>(int)", 200, 5, launched_at=3)
    b.op("aten::conv2d", 20, 70, **half)
    b.kernel(FPROP, 210, 10, launched_at=30)
    result = selection(read(b, tmp_path))
    (row,) = result.table.to_dict("records")
    assert (row["dtype"], row["calls"], row["helper_ns"]) == ("float16", 1, 5_000)
    assert dict(zip(result.kernels["role"], result.kernels["launches"], strict=True)) == {"main": 1, "cast": 1}


def test_gradients_of_a_linear_layer(tmp_path: Path) -> None:
    """mm(dY, W) is dgrad, mm(dYᵀ, X) wgrad, by their shapes in any order; the sum over dY is bgrad."""
    b = TraceBuilder()
    b.op("aten::linear", 0, 50, **{"Input Dims": [[6, 4], [5, 4], [5]], "Sequence number": 3, "Fwd thread id": 0})
    b.op("aten::addmm", 5, 40, **{"Input Dims": [[5], [6, 4], [4, 5]], "Sequence number": 3, "Fwd thread id": 0})
    b.kernel(SGEMM, 100, 10, launched_at=10)
    node = {"Sequence number": 3, "Fwd thread id": 1, "Input Dims": [[6, 5]]}
    b.op("AddmmBackward0", 200, 200, tid=2, **node)
    b.op("aten::mm", 210, 20, tid=2, **{"Input Dims": [[5, 6], [6, 4]]})
    b.kernel(SGEMM, 500, 20, launched_at=211, tid=2)
    b.op("aten::mm", 240, 20, tid=2, **{"Input Dims": [[6, 5], [5, 4]]})
    b.kernel(SGEMM, 600, 40, launched_at=241, tid=2)
    b.op("aten::sum", 270, 20, tid=2)
    b.kernel("reduce", 700, 3, launched_at=271, tid=2)
    trace = read(b, tmp_path)
    result = selection(trace, "linear")
    assert_closed(result)
    assert gradients(result) == {"dgrad": 40_000, "wgrad": 20_000, "forward": 10_000}
    assert set(result.table["flops"]) == {2 * 6 * 4 * 5}
    assert dict(zip(*[pass_times(passes(trace)).table[name] for name in ("pass", "total_ns")], strict=True)) == {
        "dgrad": 40_000, "wgrad": 20_000, "forward": 10_000, "bgrad": 3_000,
    }  # fmt: skip


def test_a_product_without_weight_has_no_dgrad_and_wgrad(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::bmm", 0, 50, **{"Sequence number": 3, "Fwd thread id": 0})
    b.op("BmmBackward0", 200, 200, tid=2, **{"Sequence number": 3, "Fwd thread id": 1})
    for at in (210, 250):
        b.op("aten::bmm", at, 20, tid=2)
    assert selection(read(b, tmp_path)).table["pass"].value_counts().to_dict() == {"forward": 1, "backward": 1}


def test_passes_of_everything_else(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.annotation("Optimizer.step#SGD.step", 0, 100)
    b.op("aten::_foreach_add_", 10, 20)
    b.kernel("foreach", 1000, 1, launched_at=11)
    b.op("CheckpointFunctionBackward", 200, 300, tid=2)
    b.op("aten::conv2d", 210, 20, tid=2)
    b.kernel(FPROP, 1010, 2, launched_at=211, tid=2)
    b.op("aten::relu", 240, 20, tid=2)
    b.kernel("relu", 1020, 4, launched_at=241, tid=2)
    b.op("ReluBackward0", 300, 20, tid=2)
    b.kernel("threshold", 1030, 8, launched_at=301, tid=2)
    b.op("autograd::engine::evaluate_function: torch::autograd::AccumulateGrad", 600, 50, tid=2)
    b.op("torch::autograd::AccumulateGrad", 601, 48, tid=2)
    b.op("aten::add_", 602, 20, tid=2)
    b.kernel(ADD, 1040, 16, launched_at=603, tid=2)
    b.op("aten::relu", 700, 20)
    b.kernel("relu", 1060, 32, launched_at=701)
    b.kernel("stray", 1100, 64, launched_at=None)
    b.copy("Memcpy HtoD (Pageable -> Device)", 1200, 128, launched_at=800, size=8)
    table = pass_times(passes(read(b, tmp_path))).table
    assert dict(zip(table["pass"], table["total_ns"], strict=True)) == {
        "optimizer": 1_000, "recompute": 6_000, "backward": 8_000, "gradient accumulation": 16_000, "other": 32_000,
        "unknown": 64_000, "data copy": 128_000,
    }  # fmt: skip


def test_names_of_fused_kernels_are_no_convolutions(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("triton_poi_fused_convolution_backward_relu_3", 0, 10)
    b.kernel("triton_poi_fused_convolution_backward_relu_3", 20, 5, launched_at=1)
    result = selection(read(b, tmp_path))
    assert (len(result.table), result.attributed_ns, result.total_ns) == (0, 0, 5_000)


def test_without_shapes_rows_are_told_apart_by_what_was_launched(tmp_path: Path) -> None:
    b = TraceBuilder()
    for at, kernel in ((0, FPROP), (100, SGEMM), (200, FPROP)):
        b.op("aten::conv2d", at, 50)
        b.kernel(kernel, at + 1000, 10, launched_at=at + 5)
    table = selection(read(b, tmp_path)).table
    assert table[["calls", "algorithm", "selections"]].to_numpy().tolist() == [[2, "implicit_gemm", 1], [1, "gemm", 1]]
    assert table["flops"].isna().all()
    assert table["input_shape"].isna().all()


@pytest.mark.parametrize("op", ["conv", "linear", "all"])
def test_an_empty_trace(tmp_path: Path, op: Any) -> None:
    result = selection(read(TraceBuilder(), tmp_path), op)
    assert (len(result.table), result.total_ns, result.unattributed_ns) == (0, 0, 0)
    assert_closed(result)


@pytest.mark.parametrize(
    "concrete",
    [["", "", "", "[0, 0]", "x", "[1, 1", "[]"], ["", "", "", "[1, 1, 1]", "same", "1", "no"], ["(" * 500] * 7, []],
)
def test_arguments_that_make_no_sense_are_unknown(tmp_path: Path, concrete: list[str]) -> None:
    b = TraceBuilder()
    b.op("aten::conv2d", 0, 10, **{"Input Dims": [X, W, [[1], [2]]], "Concrete Inputs": concrete})
    (row,) = selection(read(b, tmp_path)).table.to_dict("records")
    assert row["calls"] == 1
