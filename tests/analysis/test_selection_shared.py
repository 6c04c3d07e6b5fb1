"""The ledger of every real trace against figures that were summed straight from the JSON by another program."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from profiler_kit.analysis.passes.passes import Passes, passes
from profiler_kit.analysis.selection.selection import Selection, selection
from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE
from tests.conftest import SHARED

TABLE = SHARED / "oracle" / "totals.tsv"
ROWS = list(csv.DictReader(TABLE.open(), delimiter="\t")) if TABLE.is_file() else []
needs_oracle = pytest.mark.skipif(not ROWS, reason="the shared reference figures are not here (shared/)")


@cache
def read(path: Path) -> Trace:
    return read_trace(path)


def ledger(shared: Path, name: str, op: str) -> Selection:
    return selection(read(shared / "traces" / f"{name}.pt.trace.json.gz"), op)


@needs_oracle
@pytest.mark.parametrize("expected", ROWS, ids=[row["file"] for row in ROWS])
def test_convolution_time_equals_the_oracles(expected: dict[str, str]) -> None:
    """The oracle counts kernels only, and whatever the engine launches around a node with its convolution."""
    trace = read_trace(SHARED / "traces" / expected["file"])
    found = passes(trace)
    result = selection(trace, "conv", found=found)
    kernels = result.kernels[~result.kernels["role"].isin(["memset", "copy"])]
    kernels = kernels.iloc[: len(kernels) if trace.has_gpu_activity else 0]
    forward = kernels["row"].map(result.table["pass"]).eq("forward")
    figures = {"conv_fwd_us": kernels[forward]["total_ns"].sum(), "conv_bwd_us": kernels[~forward]["total_ns"].sum()}
    figures["conv_bwd_us"] += added_up_around_convolutions(trace, found)
    for column, ns in figures.items():
        assert ns / 1000 == pytest.approx(float(expected[column]), abs=0.06, rel=2e-6), column
    for op in ("conv", "linear", "all"):
        assert_closed(result if op == "conv" else selection(trace, op, found=found))


def added_up_around_convolutions(trace: Trace, found: Passes) -> int:
    """Time in ns of the kernels that the engine launched around backward convolutions."""
    work = found.work[found.work["kind"] == "kernel"]
    work = work[(work["pass"] == "gradient accumulation") & (work["op"] != NONE)]
    call = found.calls.call_of_op[work["op"].to_numpy()]
    return int(work["duration_ns"][call != NONE].sum())


def assert_closed(result: Selection) -> None:
    table = result.table
    parts = table[["main_ns", "layout_transform_ns", "helper_ns", "memset_ns"]].sum(axis=1)
    assert parts.tolist() == table["device_ns"].tolist()
    assert table["device_ns"].sum() == result.attributed_ns == result.kernels["total_ns"].sum()
    assert result.attributed_ns + result.unattributed_ns == result.total_ns
    assert result.other_operators_ns + result.no_operator_ns == result.unattributed_ns


def test_the_one_convolution_of_falconsai(shared: Path) -> None:
    result = ledger(shared, "h100_vit_falconsai_bf16", "conv")
    (row,) = result.table.to_dict("records")
    assert (row["operator"], row["pass"], row["calls"], row["stride"]) == ("aten::conv2d", "forward", 1, (16, 16))
    assert (row["input_shape"], row["weight_shape"]) == ((4, 3, 224, 224), (768, 3, 16, 16))
    assert (row["dtype"], row["memory_format"], row["flops"]) == ("bfloat16", "NCHW", 924_844_032)
    columns = ("device_ns", "main_ns", "layout_transform_ns", "bias_ns", "helper_ns", "memset_ns")
    assert [row[name] for name in columns] == [129_600, 98_176, 23_072, 3_968, 3_968, 4_384]
    transforms = result.kernels[result.kernels["role"] == "layout_transform"]
    assert transforms["launches"].sum() == 3
    assert (row["algorithm"], row["tensor_cores"]) == ("implicit_gemm", "yes")
    assert row["layers"] == ("ViTModel_0/ViTEmbeddings_0/ViTPatchEmbeddings_0/Conv2d_0",)


def test_the_product_of_equal_work_beside_it(shared: Path) -> None:
    table = ledger(shared, "h100_vit_falconsai_bf16", "linear").table
    (row,) = table[table["weight_shape"] == (768, 768)].head(1).to_dict("records")
    assert (row["operator"], row["input_shape"], row["calls"]) == ("aten::linear", (4, 197, 768), 48)
    assert row["flops"] == 2 * 788 * 768 * 768
    assert row["median_ns"] == pytest.approx(8_320, rel=0.02)


def test_alexnet_on_the_a100(shared: Path) -> None:
    result = ledger(shared, "a100_alexnet_inference", "conv")
    rows = result.table.set_index("algorithm")
    assert set(rows.index) == {"fft", "implicit_gemm", "precomputed_implicit_gemm"}
    assert rows["calls"].to_dict() == {"precomputed_implicit_gemm": 2, "implicit_gemm": 6, "fft": 2}
    assert rows.loc["implicit_gemm", "layout_transform_ns"] == 277_000
    assert rows["tensor_cores"].to_dict() == {"precomputed_implicit_gemm": "no", "implicit_gemm": "yes", "fft": "no"}


def test_resnet_on_the_2080_ti(shared: Path) -> None:
    table = ledger(shared, "rtx2080ti_resnet_train_misleading_ids", "conv").table
    by_pass = table.groupby("pass")["algorithm"].agg(set)
    assert "winograd_nonfused" in by_pass["forward"] & by_pass["wgrad"]
    assert {"winograd", "winograd_nonfused"} <= by_pass["dgrad"]


@pytest.mark.parametrize(
    "name",
    [
        "v100sxm2_resnet_train_float_us",
        "rtx2080ti_resnet_train_misleading_ids",
        "mi300x_resnet18_ddp_train",
        "v100_resnet50_train_2021_schema",
        "v100dgx_resnet50_train_memory",
    ],
)
def test_every_backward_kernel_finds_its_gradient(shared: Path, name: str) -> None:
    result = ledger(shared, name, "conv")
    assert set(result.table["pass"]) <= {"forward", "dgrad", "wgrad"}
    named = result.kernels.assign(of=result.kernels["row"].map(result.table["pass"]))
    assert not (named["name"].str.contains("wgrad", case=False) & (named["of"] != "wgrad")).any()
    assert not (named["name"].str.contains("dgrad", case=False) & (named["of"] != "dgrad")).any()


def test_strided_gradients_have_the_work_of_the_forward_pass(shared: Path) -> None:
    table = ledger(shared, "mi300x_resnet18_ddp_train", "conv").table
    strided = table[(table["stride"] == (2, 2)) & (table["weight_shape"] != (64, 3, 7, 7))]
    work = strided.groupby(["input_shape", "weight_shape"])["flops"].nunique()
    assert len(work) > 2
    assert (work == 1).all()


def test_layers_of_a_trace_with_python_stacks(shared: Path) -> None:
    trace = read(shared / "traces" / "mi300x_resnet18_ddp_train.pt.trace.json.gz")
    result = layer_times(trace)
    assert "module calls" in result.source
    rows = result.table.set_index("layer")
    assert (rows.loc["ResNet_0", "type"], rows.loc["ResNet_0", "calls"]) == ("ResNet", 5)
    conv = rows.loc["ResNet_0/Conv2d_0"]
    table = selection(trace, "conv").table
    first = table[[layers == ("ResNet_0/Conv2d_0",) for layers in table["layers"]]].set_index("pass")["device_ns"]
    assert (conv["forward_device_ns"], conv["backward_device_ns"]) == (first["forward"], first["wgrad"])
    own = rows[["forward_device_self_ns", "backward_device_self_ns"]].to_numpy().sum()
    assert own + result.device_unattributed_ns == result.device_total_ns
