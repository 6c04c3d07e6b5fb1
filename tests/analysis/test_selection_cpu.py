"""The ledger of the CPU's libraries: on made-up traces with known truth, and on a residual network recorded here."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import profiler_kit
from profiler_kit.analysis.findings.checks import Rule, check
from profiler_kit.analysis.selection.selection import Selection, selection
from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.analysis.work.host_work import FOR_NEXT, FOR_PREVIOUS, host_work, serves
from profiler_kit.formats import find_traces, read_trace
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

TO_BLOCKED = "src:f32::blocked:abcd::f0 dst:f32::blocked:aBcd8b::f0"
TO_PLAIN = "src:f32::blocked:aBcd8b::f0 dst:f32::blocked:abcd::f0"
BLOCKED = "src:f32:a:blocked:aBcd8b::f0 wei:f32:a:blocked:ABcd8b8a::f0 dst:f32:a:blocked:aBcd8b::f0"


def primitive(builder: TraceBuilder, primitive: str, ts: float, dur: float, layouts: str, kind: str = "undef") -> None:
    builder.event(
        "cpu_kernel", "jit:avx2", ts, dur, tid="oneDNN", library="oneDNN", primitive=primitive, propagation=kind,
        algorithm="", layouts=layouts, attributes="", shapes="", start_from="timestamp",
    )  # fmt: skip


def read(builder: TraceBuilder, folder: Path) -> Trace:
    return read_trace(builder.write(folder / "cpu.pt.trace.json"))


def by_role(result: Selection, row: int) -> dict[str, int]:
    kernels = result.kernels[result.kernels["row"] == row]
    return kernels.groupby("role")["total_ns"].sum().to_dict()


def test_primitives_take_their_time_from_their_operator(tmp_path: Path) -> None:
    builder = TraceBuilder()
    builder.op("aten::conv2d", 0, 100)
    builder.op("aten::mkldnn_convolution", 10, 80)
    primitive(builder, "reorder", 12, 20, TO_BLOCKED)
    primitive(builder, "convolution", 35, 40, BLOCKED, "forward_training")
    result = selection(read(builder, tmp_path))
    (row,) = result.table.to_dict("records")
    assert (row["main_ns"], row["layout_transform_ns"], row["helper_ns"]) == (40_000, 20_000, 40_000)
    assert (row["algorithm"], row["library"], row["tensor_cores"]) == ("direct", "oneDNN", "no")
    assert result.total_ns == result.attributed_ns == 100_000
    (sequence,) = result.sequences["kernels"]
    assert [name.partition(",")[0] for name in sequence] == ["reorder", "convolution"]


def test_primitives_never_take_more_than_their_operator_has(tmp_path: Path) -> None:
    builder = TraceBuilder()
    builder.op("aten::mkldnn_convolution", 0, 100)
    for start in (5, 40, 55):
        primitive(builder, "reorder", start, 45, TO_BLOCKED)
    work = host_work(read(builder, tmp_path))
    assert work["duration_ns"].tolist() == [0, 45_000, 45_000, 10_000]


def test_each_primitive_goes_to_its_gradient(tmp_path: Path) -> None:
    builder = TraceBuilder()
    builder.op("aten::convolution_backward", 0, 200)
    for start, name, layouts, kind in (
        (10, "reorder", TO_BLOCKED, "undef"),
        (30, "convolution", BLOCKED, "backward_data"),
        (60, "reorder", TO_PLAIN, "undef"),
        (80, "reorder", TO_BLOCKED, "undef"),
        (100, "convolution", BLOCKED, "backward_weights"),
        (130, "reorder", TO_PLAIN, "undef"),
    ):
        primitive(builder, name, start, 15, layouts, kind)
    result = selection(read(builder, tmp_path))
    rows = {row["pass"]: (place, row) for place, row in enumerate(result.table.to_dict("records"))}
    assert {name: row["device_ns"] for name, (_, row) in rows.items()} == {
        "dgrad": 45_000,
        "wgrad": 45_000,
        "backward": 110_000,  # the operator's own, which is that of both
    }
    assert by_role(result, rows["dgrad"][0]) == {"main": 15_000, "layout_transform": 30_000}
    assert by_role(result, rows["wgrad"][0]) == {"main": 15_000, "layout_transform": 30_000}


def test_a_matrix_product_of_mkl(tmp_path: Path) -> None:
    builder = TraceBuilder()
    builder.op("aten::addmm", 0, 50)
    builder.event("cpu_kernel", "SGEMM", 10, 30, tid="MKL", library="MKL", primitive="SGEMM", shapes="T,N,1,2,3")
    (row,) = selection(read(builder, tmp_path)).table.to_dict("records")
    assert (row["library"], row["algorithm"], row["main_ns"], row["helper_ns"]) == ("MKL", "gemm", 30_000, 20_000)


def test_which_neighbour_a_reorder_serves() -> None:
    import pandas as pd

    names = [f"reorder,jit:blk,undef,{layouts}" for layouts in (TO_BLOCKED, TO_PLAIN)]
    same = "reorder,jit:uni,undef,src:f32::blocked:a::f0 dst:f32::blocked:a::f0"
    assert serves(pd.Series([*names, same, "aten::conv2d"])).tolist() == [FOR_NEXT, FOR_PREVIOUS, None, None]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch", reason="records a network")

    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = torch.nn.Conv2d(3, 16, 3, padding=1)
            self.grouped = torch.nn.Conv2d(16, 16, 3, padding=1, groups=2)
            self.strided = torch.nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
            self.shortcut = torch.nn.Conv2d(16, 32, 1, stride=2)
            self.head = torch.nn.Linear(32, 10)

        def forward(self, x: Any) -> Any:
            x = self.stem(x).relu()
            x = x + self.grouped(x)
            return self.head((self.strided(x) + self.shortcut(x)).mean((2, 3)))

    torch.manual_seed(0)
    model, logdir = Residual(), tmp_path_factory.mktemp("cpu")
    inputs = torch.randn(4, 3, 32, 32)
    with profiler_kit.profile(model, logdir, wait=1, warmup=1, active=2, cpu_kernels=True, tensorboard=False) as prof:
        for _ in range(4):
            model(inputs).sum().backward()
            prof.step()
    (path,) = find_traces(logdir)
    with gzip.open(path, "rt") as file:
        if not any(event.get("cat") == "cpu_kernel" for event in json.load(file)["traceEvents"]):
            pytest.skip("this build of PyTorch lets no lines of oneDNN and MKL be captured")
    return Path(path)


def test_each_convolution_has_its_primitives(recorded: Path) -> None:
    """By file: the primitives of a kind whose start lies in the layer's own span are those of its row."""
    with gzip.open(recorded, "rt") as file:
        events = json.load(file)["traceEvents"]
    result = selection(read_trace(recorded), "conv")
    for layer in ("stem", "grouped", "strided", "shortcut"):
        spans = [e for e in events if e["name"].startswith(f"layer: {layer} ") and e["cat"] == "user_annotation"]
        inside = [
            event["dur"]
            for event in events
            if event.get("cat") == "cpu_kernel" and event["args"]["primitive"] == "convolution"
            for span in spans
            if span["ts"] <= event["ts"] <= span["ts"] + span["dur"]
        ]
        rows = result.table[[layers == (layer,) for layers in result.table["layers"]]].set_index("pass")
        assert len(inside) == 2, layer
        assert rows.loc["forward", "library"] == "oneDNN"
        assert rows.loc["forward", "main_ns"] == round(sum(inside) * 1000), layer
        assert {"forward", "wgrad"} <= set(rows.index), layer
    kinds = result.kernels[result.kernels["role"] == "layout_transform"]
    assert kinds["name"].str.contains(r"^(?:reorder,|aten::)").all()
    assert kinds.loc[kinds["name"].str.startswith("reorder,"), "total_ns"].gt(0).any()


def test_the_dense_layer_runs_mkl_and_the_books_close(recorded: Path) -> None:
    trace = read_trace(recorded)
    result = selection(trace)
    dense = result.table[[layers == ("head",) for layers in result.table["layers"]]]
    assert sorted(dense["pass"]) == ["forward", "wgrad"] or sorted(dense["pass"]) == ["dgrad", "forward", "wgrad"]
    assert set(dense["library"]) == {"MKL"}
    assert result.attributed_ns + result.unattributed_ns == result.total_ns
    assert result.total_ns == trace.ops.loc[trace.ops["parent"].isna(), "duration_ns"].sum()
    layers = layer_times(trace).table.set_index("layer")
    known = trace.cpu_kernels[trace.cpu_kernels["op"].notna()]
    reorders = known.loc[known["primitive"] == "reorder", "duration_ns"].sum()
    ops = trace.ops.assign(end_ns=trace.ops["start_ns"] + trace.ops["duration_ns"])
    copied = sum(
        copy.duration_ns
        for copy in ops[ops["name"] == "aten::copy_"].itertuples()
        for around in ops[(ops["name"] == "aten::contiguous") & (ops["thread"] == copy.thread)].itertuples()
        if around.start_ns <= copy.start_ns and copy.end_ns <= around.end_ns
    )
    assert copied > 0
    assert layers.loc["", "layout_transform_ns"] == reorders + copied
    (row,) = check(trace, [Rule("layout_transform_share", maximum=0)]).table.to_dict("records")
    assert row["value"] == pytest.approx((reorders + copied) / result.total_ns)


def test_flops_of_groups_by_hand(recorded: Path) -> None:
    """2 × multiplications; PyTorch's own counter takes the weight's gradient of a grouped convolution for ungrouped."""
    table = selection(read_trace(recorded), "conv").table
    grouped = table[[layers == ("grouped",) for layers in table["layers"]]].set_index("pass")
    useful = 2 * 4 * 16 * (16 // 2) * 3 * 3 * 32 * 32
    assert grouped.loc[["forward", "dgrad", "wgrad"], "flops"].tolist() == [useful] * 3
