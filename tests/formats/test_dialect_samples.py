"""The tiny hand-written traces of ``dialects/``, read as what their README says. All figures are those in the files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from profiler_kit import identify, make_report
from profiler_kit.analysis.work.totals import totals
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from profiler_kit.trace.dialect import DIALECT_KEY
from tests.formats.tables import assert_same_tables

FOLDER = Path(__file__).with_name("dialects")
SAMPLES = sorted(file.stem for file in FOLDER.glob("*.json"))


def sample(name: str) -> Trace:
    return read_trace(FOLDER / f"{name}.json", cache=False)


def rows(frame: Any, *columns: str) -> list[list[Any]]:
    return frame[list(columns)].to_numpy().tolist()


def test_each_is_tiny_and_told() -> None:
    described = re.findall(r"`(\w+)\.json`", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(described) == SAMPLES
    assert max((FOLDER / f"{name}.json").stat().st_size for name in SAMPLES) < 1000


@pytest.mark.parametrize("name", SAMPLES)
def test_each_gives_a_report_and_is_whole_but_for_what_it_shows(name: str) -> None:
    trace = sample(name)
    assert "profiler_kit report" in make_report(trace).to_text(width=80, color=False)
    losses = list(trace.health.losses())
    assert losses == (
        ["The file is cut short: complete events end at byte 91 of its text."] if name == "odd_cut_short" else []
    )


@pytest.mark.parametrize(("name", "agreement"), [("honest", 1.0), ("misleading", 0.0)])
def test_ids(name: str, agreement: float) -> None:
    trace = sample(f"ids_{name}")
    assert trace.ops.name[trace.kernels.op[0]] == "aten::mm"
    assert (trace.dialect.external_ids, trace.health.id_agreement) == (name, agreement)
    assert any("External ids" in remark for remark in trace.health.remarks()) == (name == "misleading")


@pytest.mark.parametrize("generation", ["2021", "2022", "current"])
def test_categories(generation: str) -> None:
    trace = sample(f"categories_{generation}")
    assert trace.dialect.categories == generation
    assert [len(t) for t in (trace.ops, trace.launches, trace.kernels, trace.copies)] == [1, 3, 1, 2]
    assert rows(trace.copies, "kind", "bytes", "duration_ns", "op") == [["memcpy", 64, 3000, 0], ["memset", 8, 1000, 0]]
    assert rows(trace.kernels, "name", "duration_ns", "op") == [["cast", 9000, 0]]


def test_later_categories() -> None:
    trace = sample("categories_later")
    assert rows(trace.annotations, "kind", "name") == [
        ["user_annotation", "ProfilerStep#3"],
        ["gpu_user_annotation", "ProfilerStep#3"],
    ]
    assert rows(trace.syncs, "stream", "correlation", "waits_for_stream", "waits_for_correlation") == [[7, 5, 20, 4]]
    assert rows(trace.allocations, "address", "bytes", "total_allocated_bytes", "total_reserved_bytes") == [
        [140000, 512, 4096, 8192]
    ]
    assert trace.python_functions.name.tolist() == ["nn.Module: Linear_0"]
    assert trace.health.steps == (3,)
    assert trace.health.skipped == {"no table for category 'overhead' (phase X)": 1}


@pytest.mark.parametrize(("name", "key"), [("keys_2021", "external id"), ("keys_current", "External id")])
def test_keys(name: str, key: str) -> None:
    trace = sample(name)
    assert trace.signatures.input_dims.tolist() == [((2, 3), (3, 4), ())]
    assert trace.signatures.input_types.tolist() == [("float", "float", "Scalar")]
    assert (trace.dialect.external_id_key, trace.health.id_agreement) == (key, 1.0)


def test_without_dims() -> None:
    trace = sample("keys_without_dims")
    assert trace.ops.signature.isna().all()
    assert trace.ops.external_id.isna().tolist() == [False, True]


def test_tids() -> None:
    trace = sample("tids")
    assert trace.ops.thread.tolist() == [0, 0]
    assert rows(trace.threads.head(1), "pid", "tid") == [["3", "7"]]
    assert rows(trace.kernels, "device", "stream") == [[3, 7]] * 4


@pytest.mark.parametrize("flow", ["async", "async_gpu", "async_cpu_to_gpu", "ac2g", "fwdbwd"])
def test_flows(flow: str) -> None:
    trace = sample(f"flow_{flow}")
    assert trace.dialect.flows == (flow,)
    assert trace.metadata[DIALECT_KEY]["flows"] == [flow]
    number = 1 if flow == "fwdbwd" else 3
    assert rows(trace.flows, "name", "id", "end") == [[flow, number, False], [flow, number, True]]


@pytest.mark.parametrize(
    ("name", "start_ns", "duration_ns", "epoch_ns"),
    [
        ("whole", 1610366662254362000, 4000, 0),
        ("fractional", 5590677567805544, 1321588, 1727743122000000000),
        ("long_fractional", 1712195495519689047, 513, 0),
    ],
)
def test_times(name: str, start_ns: int, duration_ns: int, epoch_ns: int) -> None:
    trace = sample(f"time_{name}_us")
    assert rows(trace.ops, "start_ns", "duration_ns") == [[start_ns, duration_ns]]
    assert trace.epoch_ns == epoch_ns
    spelled = {"whole": "integer", "fractional": "fractional", "long_fractional": "more digits than float64"}
    assert spelled[name] in trace.dialect.time


def test_forms() -> None:
    pretty, compact = sample("form_pretty_metadata_first"), sample("form_compact_metadata_last")
    assert_same_tables(pretty, compact)
    for trace in (pretty, compact):
        assert trace.dialect.form == "object"
        assert trace.ops.name.tolist() == ['}, {"x']
        assert trace.metadata["deviceProperties"] == [{"id": 0, "name": "One", "totalGlobalMem": 42}]
        assert trace.metadata["schemaVersion"] == 1
    bare = sample("form_bare_list")
    assert (bare.dialect.form, bare.ops.name.tolist()) == ("list", ["b", "c"])
    assert bare.health.skipped == {"no table for category 'none' (phase X)": 1}


@pytest.mark.parametrize(
    ("name", "forward_us", "backward_us"), [("2021", 0, 11 + 13), ("current", 0, 11 + 13), ("amd", 17, 0)]
)
def test_nested_convolutions_count_once(name: str, forward_us: int, backward_us: int) -> None:
    result = totals(sample(f"conv_{name}"))
    assert (result.conv_fwd_ns, result.conv_bwd_ns) == (forward_us * 1000, backward_us * 1000)


def test_launches() -> None:
    outside = sample("launch_outside")
    assert outside.kernels.launch.isna().tolist() == [True, False]
    assert outside.health.kernels_without_launch == 1
    assert totals(outside).kernel_ns == 7_000
    graph = sample("launch_graph")
    assert graph.kernels.launch.tolist() == [0, 0, 0]
    assert (graph.health.kernels_without_launch, graph.health.launches_without_op) == (0, 1)
    alone = sample("gpu_only")
    assert (len(alone.kernels), len(alone.copies), len(alone.ops), len(alone.launches)) == (1, 1, 0, 0)
    assert (alone.health.kernels_without_launch, alone.health.copies_without_launch) == (1, 1)


def test_names() -> None:
    transposed = sample("name_of_another_pass")
    assert identify(transposed.kernels.name[0]).pass_ == "dgrad"
    result = totals(transposed)
    assert (result.conv_fwd_ns, result.conv_bwd_ns) == (19_000, 0)
    (name,) = sample("name_mangled").kernels.name
    assert "vectorized_elementwise_kernel" in make_report(sample("name_mangled")).to_text(width=160, color=False)
    assert name.startswith("_Z")


def test_odd_values() -> None:
    nan = sample("odd_nan")
    assert nan.kernels.occupancy_percent.isna().all()
    assert nan.kernels.grid_x.tolist() == [2, 3]
    assert nan.health.oddities == {"numbers that are not finite, read as missing": 3}
    control = sample("odd_control_characters")
    assert control.ops.name.tolist() == ["a\x01b\tc", "after"]
    assert control.health.oddities == {"control characters inside text": 2}
    latin = sample("odd_invalid_utf8")
    assert latin.ops.name.tolist() == ["a\N{REPLACEMENT CHARACTER}b", "after"]
    assert latin.health.oddities == {"invalid UTF-8, replaced": 1}
    cut = sample("odd_cut_short")
    assert (cut.ops.name.tolist(), cut.health.cut_at) == (["whole"], 91)
