"""Traces written for other viewers, looked at by these viewers where they can be asked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import profiler_kit
from profiler_kit.cli import main
from profiler_kit.formats.speedscope import speedscope_json
from profiler_kit.formats.torch_tb_profiler import write_for_torch_tb_profiler
from tests.builders import TraceBuilder


def seen_by_torch_tb_profiler(document: dict[str, Any]) -> dict[str, Any]:
    data = pytest.importorskip("torch_tb_profiler.profiler.data", reason="the test asks a real torch-tb-profiler")
    profile = data.RunProfileData.from_json("worker", "span", document)
    return {operator.name: operator for operator in profile.op_list_groupby_name}


@pytest.mark.parametrize("name", ["h100_vit_falconsai_bf16", "mi300x_vit_falconsai_bf16"])
def test_torch_tb_profiler_sees_the_device_times_of_operators(shared: Path, name: str) -> None:
    file = shared / "traces" / f"{name}.pt.trace.json.gz"
    trace = profiler_kit.read_trace(file)
    theirs = seen_by_torch_tb_profiler(json.loads(gzip.decompress(write_for_torch_tb_profiler(trace))))
    ours = profiler_kit.make_report(trace).operators.table.set_index("name")
    assert ours["device_self_ns"].sum() > 0
    for operator in (one for one in ours.index if one.startswith("aten::")):
        row, seen = ours.loc[operator], theirs[operator]
        assert seen.self_device_duration * 1000 == pytest.approx(row["device_self_ns"], abs=1), operator
        assert seen.device_duration * 1000 == pytest.approx(row["device_total_ns"], abs=1), operator
    as_recorded = seen_by_torch_tb_profiler(json.loads(gzip.decompress(file.read_bytes())))
    if name.startswith("h100"):  # which is what the copy is for
        assert as_recorded["aten::addmm"].self_device_duration == 0
        assert theirs["aten::addmm"].self_device_duration == pytest.approx(735, abs=1)


def test_torch_tb_profiler_keeps_ranges_whose_ends_are_no_round_binary_fractions(tmp_path: Path) -> None:
    trace = TraceBuilder(baseTimeNanoseconds=1_700_000_000_000_000_000)
    for number in range(300):
        start = 10.0 * number + 0.1
        trace.op("aten::outer", start, 0.7)
        trace.op("aten::inner", round(start + 0.2, 3), 0.5)
    read = profiler_kit.read_trace(trace.write(tmp_path / "worker.pt.trace.json"))
    theirs = seen_by_torch_tb_profiler(json.loads(gzip.decompress(write_for_torch_tb_profiler(read))))
    assert theirs["aten::inner"].calls == 300
    assert theirs["aten::outer"].self_host_duration == pytest.approx(300 * 0.2, abs=0.3)


def test_the_copy_is_a_trace_that_says_the_same(shared: Path, tmp_path: Path) -> None:
    trace = profiler_kit.read_trace(shared / "traces" / "h100_vit_falconsai_bf16.pt.trace.json.gz")
    copy = tmp_path / "copy.pt.trace.json.gz"
    copy.write_bytes(write_for_torch_tb_profiler(trace))
    first, second = (profiler_kit.make_report(one) for one in (trace, profiler_kit.read_trace(copy)))
    assert second.breakdown.table.equals(first.breakdown.table)
    assert second.kernels.table["total_ns"].tolist() == first.kernels.table["total_ns"].tolist()
    assert second.operators.device_attributed_ns == first.operators.device_attributed_ns


def test_arrows_from_forward_to_backward_lie_on_operators_and_cost_the_viewer_none(
    shared: Path, tmp_path: Path
) -> None:
    file = shared / "traces" / "mi300x_resnet18_ddp_train.pt.trace.json.gz"
    recorded = [
        one for one in json.loads(gzip.decompress(file.read_bytes()))["traceEvents"] if one.get("cat") == "fwdbwd"
    ]
    trace = profiler_kit.read_trace(file)
    copy = tmp_path / "copy.pt.trace.json.gz"
    copy.write_bytes(write_for_torch_tb_profiler(trace))
    document = json.loads(gzip.decompress(copy.read_bytes()))
    arrows = [one for one in document["traceEvents"] if one.get("cat") == "fwdbwd"]
    assert len(arrows) == len(recorded) == 710
    assert {(one["ph"], one["id"]) for one in arrows} == {(one["ph"], one["id"]) for one in recorded}
    begins = {(one["pid"], one["tid"], one["ts"]) for one in document["traceEvents"] if one.get("cat") == "cpu_op"}
    assert all((one["pid"], one["tid"], one["ts"]) in begins for one in arrows)
    seen, calls = seen_by_torch_tb_profiler(document), trace.ops["name"].astype(str).value_counts()
    backward = [name for name in calls.index if name.endswith("Backward0")]
    assert "ConvolutionBackward0" in backward
    assert {name: seen[name].calls for name in backward} == calls[backward].to_dict()


def test_speedscope_events_are_nested_and_add_up(tmp_path: Path) -> None:
    trace = TraceBuilder()
    trace.op("outer", 0, 100)
    trace.op("inner", 10, 20)
    trace.op("sticks out", 90, 30)
    trace.kernel("kernel", 200, 50, launched_at=15)
    document = json.loads(speedscope_json(profiler_kit.read_trace(trace.write(tmp_path / "t.pt.trace.json"))))
    names = [frame["name"] for frame in document["shared"]["frames"]]
    spent: dict[str, float] = {}
    for profile in document["profiles"]:
        stack: list[tuple[int, int]] = []
        last = profile["startValue"]
        for event in profile["events"]:
            assert event["at"] >= last
            last = event["at"]
            if event["type"] == "O":
                stack.append((event["frame"], event["at"]))
            else:
                frame, since = stack.pop()
                assert frame == event["frame"]
                spent[names[frame]] = spent.get(names[frame], 0) + event["at"] - since
        assert not stack
        assert last <= profile["endValue"]
    assert spent["inner"] == 20_000
    assert spent["kernel"] == 50_000
    assert spent["outer"] + spent["sticks out"] == 120_000  # together, not twice where they overlap


def test_export_refuses_names_that_the_viewer_would_not_find(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = str(shared / "traces" / "event_sync_multi_stream.pt.trace.json.gz")
    for name in ("trace.json", "[run]/w.pt.trace.json.gz"):
        assert main(["export", trace, "--to", "torch-tb-profiler", "-o", str(tmp_path / name)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    good = tmp_path / "run" / "w.pt.trace.json.gz"
    assert main(["export", trace, "--to", "torch-tb-profiler", "-o", str(good)]) == 0
    assert profiler_kit.read_trace(good).has_gpu_activity
