"""cuDNN's records joined to the calls of made-up traces, and the three witnesses side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from profiler_kit.analysis.passes.passes import passes
from profiler_kit.analysis.selection.prediction_agreement import (
    AGREE,
    CANT_TELL,
    DIFFER,
    prediction_agreement,
    row_questions,
    target_of_trace,
    verdict,
)
from profiler_kit.analysis.selection.reported_engines import (
    BY_PLAN,
    BY_SHAPE,
    BY_TIME,
    ReportedEngines,
    reported_engines,
)
from profiler_kit.analysis.selection.selection import ledger_work, selection
from profiler_kit.cli import main
from profiler_kit.cudnn.log import LogRecord
from profiler_kit.cudnn.plans import BEHAVIOR_NOTES, NUMERICAL_NOTES, Plan, Prediction
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

X, W, Y = [2, 3, 8, 8], [4, 3, 3, 3], [2, 4, 4, 4]
BASE_NS = 1_700_000_000_000_000_000
WINOGRAD = "void cudnn::winograd_nonfused::winogradForwardData4x4<float, float>(params)"
SGEMM = "volta_sgemm_64x64_nt"


def conv2d(weight: list[int] = W) -> dict[str, Any]:
    types = ["float", "float", "", "ScalarList", "ScalarList", "ScalarList", "Scalar"]
    return {
        "Input Dims": [X, weight, [], [], [], [], []],
        "Input type": types,
        "Input Strides": [[192, 64, 8, 1], [27, 9, 3, 1], [], [], [], [], []],
        "Concrete Inputs": ["", "", "", "[2, 2]", "[1, 1]", "[1, 1]", "1"],
    }


def backward() -> dict[str, Any]:
    concrete = ["", "", "", "[0]", "[2, 2]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "1", "[True, True, False]"]
    return {
        "Input Dims": [Y, X, W] + [[]] * 8,
        "Input type": ["float"] * 3 + ["ScalarList"] * 8,
        "Input Strides": [[]] * 11,
        "Concrete Inputs": concrete,
    }


def record(operation: str = "fprop", engine: int | None = 12, weight: list[int] = W, **others: Any) -> dict[str, Any]:
    true = others.pop("true", ())
    made = LogRecord(
        call="",
        kind="execute",
        version=92800,
        operation=operation,
        engine=engine,
        knobs={"TILE_SIZE": 4},
        notes={name: name in true for name in NUMERICAL_NOTES},
        behaviour=dict.fromkeys(BEHAVIOR_NOTES, False),
        input_shape=tuple(X),
        weight_shape=tuple(weight),
        output_shape=tuple(Y),
        **others,
    )
    call_facts = ("time_ns", "thread", "process", "call", "kind", "complete")
    return {name: value for name, value in made.as_json().items() if name not in call_facts}


def at(us: float) -> int:
    return BASE_NS + round(us * 1000)


def log(plans: list[dict[str, Any]], calls: list[list[Any]]) -> dict[str, Any]:
    return {"version": "0", "cudnn_log": {"captured": True, "plans": plans, "calls": calls, "dropped": 0}}


def build(tmp_path: Path, own: dict[str, Any], kernel: str = SGEMM, **options: Any) -> Trace:
    """Two forward calls at 0 and 200 µs and a backward one at 400 µs, on threads 1 and 2."""
    b = TraceBuilder(profiler_kit=own, baseTimeNanoseconds=BASE_NS, **options)
    for start in (0, 200):
        b.op("aten::conv2d", start, 90, **conv2d())
        b.op("aten::cudnn_convolution", start + 5, 80)
        b.kernel(kernel, start + 100, 40, launched_at=start + 20)
    b.op("aten::convolution_backward", 400, 90, tid=2, **backward())
    b.kernel("cudnn_infer_volta_scudnn_128x64_stridedB_interior_nn_v1", 500, 40, launched_at=420, tid=2)
    b.kernel("void wgrad_alg0_engine<float, 128, 5, 5, 3, 3, 3, false, 512>(int)", 550, 40, launched_at=440, tid=2)
    return read_trace(b.write(tmp_path / "t.json"))


def join(trace: Trace) -> tuple[ReportedEngines, list[str]]:
    found = passes(trace)
    work = ledger_work(trace, "conv", found)
    ledger = selection(trace, "conv", found=found, work=work)
    return reported_engines(trace, found, work), list(ledger.table["pass"])


def test_records_go_to_the_call_of_their_thread_time_and_pass(tmp_path: Path) -> None:
    plans = [record(true=["WINOGRAD"]), record("dgrad", 5), record("wgrad", 6)]
    calls = [
        [0, "execute", at(30), 1],
        [0, "execute", at(230), 1],
        [1, "execute", at(410), 2],
        [2, "execute", at(430), 2],
    ]
    result, of_row = join(build(tmp_path, log(plans, calls)))
    table = {of_row[row["row"]]: row for row in result.table.to_dict("records")}
    assert {which: (row["engine"], row["calls"]) for which, row in table.items()} == {
        "forward": (12, 2),
        "dgrad": (5, 1),
        "wgrad": (6, 1),
    }
    assert {row["evidence"] for row in table.values()} == {BY_SHAPE}
    assert table["forward"]["winograd"] is True
    assert table["forward"]["knobs"] == "TILE_SIZE=4"
    assert (result.records, result.unmatched, result.missing) == (4, {}, None)
    assert result.cudnn_version == "9.28.0"


def test_what_belongs_nowhere_is_counted_not_guessed(tmp_path: Path) -> None:
    plans = [record(), record(weight=[9, 3, 3, 3]), record("wgrad")]
    calls = [
        [0, "execute", at(30), 2],  # another thread
        [0, "execute", at(150), 1],  # between the calls
        [1, "execute", at(230), 1],  # another shape
        [2, "execute", at(230), 1],  # another pass
        [0, "execute", at(231), 1],
    ]
    result, _ = join(build(tmp_path, log(plans, calls)))
    assert result.table["calls"].tolist() == [1]
    assert sum(result.unmatched.values()) == 4
    assert set(result.unmatched.values()) == {2}


def test_the_making_of_a_plan_tells_only_where_runs_are_not_logged(tmp_path: Path) -> None:
    plans = [record(engine=1), record(engine=2), record("wgrad", 3)]
    made = [[0, "plan", at(20), 1], [1, "plan", at(25), 1], [2, "plan", at(450), 2]]
    result, of_row = join(build(tmp_path, log(plans, made)))
    told = {of_row[row["row"]]: (row["engine"], row["evidence"]) for row in result.table.to_dict("records")}
    assert told == {"forward": (2, BY_PLAN), "wgrad": (3, BY_PLAN)}
    result, of_row = join(build(tmp_path, log(plans, [*made, [0, "execute", at(30), 1]])))
    told = {of_row[row["row"]]: (row["engine"], row["evidence"]) for row in result.table.to_dict("records")}
    assert told == {"forward": (1, BY_SHAPE), "wgrad": (3, BY_PLAN)}


def test_without_shapes_thread_and_time_have_to_do(tmp_path: Path) -> None:
    b = TraceBuilder(profiler_kit=log([record()], [[0, "execute", at(30), 1]]), baseTimeNanoseconds=BASE_NS)
    b.op("aten::conv2d", 0, 90)
    b.kernel(SGEMM, 100, 40, launched_at=20)
    result, _ = join(read_trace(b.write(tmp_path / "t.json")))
    assert result.table["evidence"].tolist() == [BY_TIME]


def test_the_older_interface_tells_its_algorithm(tmp_path: Path) -> None:
    legacy = record(engine=None, algorithm="WINOGRAD_NONFUSED")
    legacy |= {"notes": dict.fromkeys(NUMERICAL_NOTES), "knobs": {}}
    result, _ = join(build(tmp_path, log([legacy], [[0, "legacy", at(30), 1]])))
    (row,) = result.table.to_dict("records")
    assert (row["algorithm"], row["winograd"], row["fft"], row["tensor_cores"]) == (
        "WINOGRAD_NONFUSED",
        True,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({}, "without cudnn_log"),
        ({"cudnn_log": {"captured": False}}, "without cudnn_log"),
        ({"cudnn_log": {"captured": False, "reason": "there is no CUDA here"}}, "no CUDA here"),
        ({"cudnn_log": "rubbish"}, "without cudnn_log"),
    ],
)
def test_a_trace_without_a_log_says_why(tmp_path: Path, own: dict[str, Any], reason: str) -> None:
    result, _ = join(build(tmp_path, own))
    assert reason in (result.missing or "")
    assert not len(result.table)


def test_plans_of_another_version_are_left_out(tmp_path: Path) -> None:
    result, _ = join(
        build(tmp_path, log([{"surprise": 1}, record()], [[0, "execute", at(30), 1], [1, "execute", at(31), 1]]))
    )
    assert result.table["engine"].tolist() == [12]
    assert result.records == 1


def predict(trace: Trace, notes: tuple[str, ...], workspace: int) -> Any:
    found = passes(trace)
    work = ledger_work(trace, "conv", found)
    ledger = selection(trace, "conv", found=found, work=work)
    questions, left_out = row_questions(ledger)
    plan = Plan(
        engine=3,
        knobs={"SPLIT_K_SLC": 1},
        notes={name: name in notes for name in NUMERICAL_NOTES},
        behaviour={},
        source="heuristics",
        workspace_bytes=workspace,
    )
    answers = [
        Prediction(problem=one.problem, device="V100", cudnn_version="9.28.0", plans=(plan,), chosen=0)
        for one in questions
    ]
    reported = reported_engines(trace, found, work)
    return ledger, prediction_agreement(ledger, questions, answers, left_out, reported)


def test_three_witnesses_stand_side_by_side(tmp_path: Path) -> None:
    own = log([record(true=["TENSOR_CORE"])], [[0, "execute", at(30), 1]])
    trace = build(tmp_path, own, kernel="volta_fp16_s884cudnn_fp16_128x128_ldg8_relu_exp_interior_nhwc_tn_v1")
    ledger, result = predict(trace, (), 0)
    forward = result.table[result.table["pass"] == "forward"].set_index("fact")
    says = forward[["names_say", "prediction_says", "log_says", "verdict"]]
    assert says.loc["tensor cores"].tolist() == ["yes", "no", "yes", DIFFER]
    assert says.loc["layout transforms"].tolist() == ["no", "no", "unknown", AGREE]
    assert says.loc["Winograd"].tolist() == ["no", "no", "no", AGREE]
    assert forward["reported"].unique().tolist() == ["eng12 TILE_SIZE=4"]
    assert result.rows == len(ledger.table) == 3
    assert result.counts().loc["tensor cores", [AGREE, DIFFER, CANT_TELL]].sum() == 3


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("yes", "yes", AGREE), ("no", "yes", DIFFER), ("unknown", "no", CANT_TELL), ("yes", "unknown", CANT_TELL)],
)
def test_an_unknown_is_no_verdict(one: str, other: str, expected: str) -> None:
    assert verdict(one, other) == expected


def test_rows_that_cannot_be_asked_about_say_why(tmp_path: Path) -> None:
    b = TraceBuilder(baseTimeNanoseconds=BASE_NS)
    b.op("aten::conv2d", 0, 90)
    b.kernel(SGEMM, 100, 40, launched_at=20)
    b.op("aten::conv2d", 200, 90, **conv2d())
    b.kernel("igemm_fwd_gtcx3_nchw_fp32_bx0_ex1_bt64x32x16", 300, 40, launched_at=220)
    questions, left_out = row_questions(selection(read_trace(b.write(tmp_path / "t.json")), "conv"))
    assert questions == []
    assert len(left_out) == 2
    assert any("not recorded" in why for why in left_out)
    assert any("MIOpen, not of cuDNN" in why for why in left_out)


def test_the_gpu_of_a_trace() -> None:
    entry = {"name": "NVIDIA H100 80GB HBM3", "numSms": 132, "computeMajor": 9, "computeMinor": 0}
    target = target_of_trace({"deviceProperties": [entry]})
    assert target is not None
    assert target.name == "H100"
    for metadata in ({}, {"deviceProperties": []}, {"deviceProperties": "x"}, {"deviceProperties": [{"name": "AMD"}]}):
        assert target_of_trace(metadata) is None


def test_the_ledger_shows_the_reported_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = log([record(true=["TENSOR_CORE"])], [[0, "execute", at(30), 1], [0, "execute", at(150), 1]])
    build(tmp_path, own)
    assert main(["selection", str(tmp_path / "t.json"), "--width", "160"]) == 0
    out = capsys.readouterr().out
    assert "Engines as reported by cuDNN" in out
    assert "eng12" in out
    assert "1 of 2 records are in no convolution" in out
    assert main(["selection", str(tmp_path / "t.json"), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)["reported_engines"]
    assert (document["cudnn_version"], document["records"]) == ("9.28.0", 2)
    assert [(row["engine"], row["notes"], row["calls"]) for row in document["rows"]] == [(12, ["TENSOR_CORE"], 1)]
