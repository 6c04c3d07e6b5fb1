"""Rules against traces whose answer is known by hand, and rules files that are wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiler_kit.analysis.findings.checks import (
    FAILED,
    MEASURES,
    PASSED,
    UNKNOWN,
    CheckResult,
    KernelSet,
    Rule,
    check,
    kernel_set,
)
from profiler_kit.formats import read_trace
from profiler_kit.report.checks import checks_sections
from profiler_kit.testing.rules import RulesError, parse_rules, read_baseline, read_rules, write_baseline
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

TENSOR_CORES = "sm80_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x128x32_stage4_tensor16x8x16"
WITHOUT = "volta_sgemm_64x64_nt"
TRANSFORM = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(p)"


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """100 µs from first to last activity, of which 80 busy: 30 on tensor cores, 10 in another product, 5 transforms."""
    b = TraceBuilder()
    b.annotation("ProfilerStep#1", 0, 300)
    b.annotation("layer: conv (Conv2d) #1", 0, 60)
    b.op("aten::conv2d", 0, 50)
    b.kernel(TRANSFORM, 100, 5, launched_at=5)
    b.kernel(TENSOR_CORES, 105, 30, launched_at=10)
    b.op("aten::linear", 70, 30)
    b.kernel(WITHOUT, 140, 10, launched_at=75)
    b.kernel("relu", 155, 15, launched_at=110)
    b.kernel("unlaunched", 170, 10, launched_at=None)
    b.copy("Memcpy HtoD (Pageable -> Device)", 190, 7, launched_at=120, size=1000)
    b.copy("Memcpy HtoD (Pinned -> Device)", 197, 3, launched_at=125, size=1000)
    return read_trace(b.write(tmp_path / "t.json"))


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("tensor_core_share", 30 / 40),
        ("layout_transforms", 1),
        ("layout_transform_share", 5 / 80),
        ("pageable_copies", 1),
        ("idle_share", 20 / 100),
        ("launch_coverage", 4 / 5),
        ("operator_coverage", 45 / 80),
        ("layer_coverage", 35 / 80),
        ("kernels_per_step", 5),
    ],
)
def test_measures(trace: Trace, measure: str, value: float) -> None:
    assert set(MEASURES) >= {measure}
    for limits, result in [
        ({"minimum": value}, PASSED), ({"maximum": value}, PASSED),
        ({"minimum": value + 0.001}, FAILED), ({"maximum": value - 0.001}, FAILED),
    ]:  # fmt: skip
        (row,) = check(trace, [Rule(measure, **limits)]).table.to_dict("records")
        assert (row["value"], row["result"]) == (pytest.approx(value), result)


def test_every_measure_is_tested_above() -> None:
    parameters = test_measures.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {name for name, _ in parameters} == set(MEASURES)


def test_what_the_trace_does_not_tell_is_not_passed(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::relu", 0, 10)
    trace = read_trace(b.write(tmp_path / "t.json"))
    rules = [Rule(name, minimum=0) for name in MEASURES]
    result = check(trace, rules)
    assert set(result.table["result"]) == {UNKNOWN}
    assert not result.passed
    assert all(result.table["evidence"])


def test_a_baseline_names_what_is_new_and_gone(trace: Trace, tmp_path: Path) -> None:
    found = kernel_set(trace)
    assert found == KernelSet("GPU", frozenset([TRANSFORM, TENSOR_CORES, WITHOUT, "relu", "unlaunched"]))
    file = tmp_path / "kernels.json"
    write_baseline(file, found)
    assert read_baseline(file) == found
    names = json.loads(file.read_text())["kernels"]
    assert names == sorted(names)
    assert check(trace, [Rule("kernels", baseline=found)]).passed
    other = KernelSet("GPU", found.names - {"relu"} | {"gelu"})
    (row,) = check(trace, [Rule("kernels", baseline=other)]).table.to_dict("records")
    assert (row["result"], row["new"], row["gone"]) == (FAILED, ("relu",), ("gelu",))
    (row,) = check(trace, [Rule("kernels", baseline=KernelSet("operators", found.names))]).table.to_dict("records")
    assert row["result"] == UNKNOWN


def test_how_a_layout_was_asked_for_makes_no_other_kernel(tmp_path: Path) -> None:
    """The caller named abcd once and left it to the library once; padding, types and layouts tell kernels apart."""
    name = "reorder,jit:uni,undef,src:f32:{}:blocked:abcd::f0 dst:{}:{}:blocked:aBcd8b::f0"
    traces = {}
    for which, properties in {"named": "", "any": "a"}.items():
        b = TraceBuilder()
        b.op("aten::relu", 0, 10)
        trace = read_trace(b.write(tmp_path / f"{which}.json"))
        primitive, implementation, propagation, layouts = name.format(properties, "f32", properties).split(",")
        row = {"name": implementation, "library": "oneDNN", "primitive": primitive, "propagation": propagation}
        row |= {"layouts": layouts, "start_ns": 1000, "duration_ns": 500, "op": 0}
        kernels = pd.DataFrame([row]).astype({"op": "Int64"})
        traces[which] = dataclasses.replace(trace, cpu_kernels=kernels)
    found = {which: kernel_set(trace) for which, trace in traces.items()}
    assert found["named"] == found["any"] == KernelSet("CPU libraries", frozenset([name.format("", "f32", "")]))
    older = KernelSet("CPU libraries", frozenset([name.format("a", "f32", "a")]))
    assert check(traces["named"], [Rule("kernels", baseline=older)]).passed
    padded = KernelSet("CPU libraries", frozenset([name.format("ap", "f32", "")]))
    (row,) = check(traces["named"], [Rule("kernels", baseline=padded)]).table.to_dict("records")
    assert (row["new"], row["gone"]) == ((name.format("", "f32", ""),), (name.format("p", "f32", ""),))


def test_what_is_new_never_reads_like_what_is_gone(trace: Trace) -> None:
    """Both are elementwise_kernel<…> in short."""
    names = [f"void elementwise_kernel<Functor<{kind}> >(int)" for kind in ("float", "half")]
    table = pd.DataFrame(
        [("kernels", None, None, None, FAILED, "1 new and 1 gone of 1", (), (names[0],), (names[1],))],
        columns=check(trace, [Rule("idle_share", minimum=0)]).table.columns,
    )
    items = checks_sections(CheckResult(table))[1].items
    assert items[0].details == [("new", names[0]), ("gone", names[1])]


def test_kernels_of_a_cpu_trace_are_its_operators(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::linear", 0, 10)
    assert kernel_set(read_trace(b.write(tmp_path / "t.json"))) == KernelSet("operators", frozenset(["aten::linear"]))


def test_a_rules_file(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    write_baseline(tmp_path / "rules" / "base.json", KernelSet("GPU", frozenset("k")))
    file = tmp_path / "rules" / "rules.toml"
    file.write_text('idle_share.max = 0.25\n[tensor_core_share]\nmin = 0.5\nmax = 1\n[kernels]\nbaseline = "base.json"')
    assert read_rules(file) == [
        Rule("idle_share", maximum=0.25),
        Rule("tensor_core_share", minimum=0.5, maximum=1),
        Rule("kernels", baseline=KernelSet("GPU", frozenset("k"))),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "no rules"),
        ({"idle_shares": {"max": 1}}, "idle_shares: no such rule; did you mean idle_share?"),
        ({"zzz": {"max": 1}}, "known are tensor_core_share"),
        ({"idle_share": 0.5}, "idle_share: write [idle_share]"),
        ({"idle_share": {}}, "empty; add min or max"),
        ({"idle_share": {"maximum": 1}}, "idle_share.maximum: no such setting; use min or max"),
        ({"idle_share": {"max": "1"}}, "idle_share.max: '1' is not a number"),
        ({"idle_share": {"max": True}}, "idle_share.max: True is not a number"),
        ({"idle_share": {"max": float("nan")}}, "is not a number"),
        ({"idle_share": {"max": float("inf")}}, "is not a number"),
        ({"idle_share": {"max": 30}}, "idle_share.max: 30 is not a share from 0 to 1; write 0.3 for 30 %"),
        ({"layer_coverage": {"min": -0.5}}, "layer_coverage.min: -0.5 is not a share from 0 to 1"),
        ({"layout_transforms": {"max": -1}}, "-1 is negative; layout_transforms is a count"),
        ({"layout_transforms": {"min": 2, "max": 1}}, "min 2 is greater than max 1"),
        ({"kernels": {"max": 1}}, "kernels.max: no such setting; use baseline"),
        ({"kernels": {"baseline": 1}}, "kernels.baseline: 1 is not the name of a file"),
        ({"kernels": {"baseline": "none.json"}}, "none.json: no such baseline; write one with"),
    ],
)
def test_a_wrong_rule_is_named_with_its_remedy(content: dict[str, Any], words: str) -> None:
    with pytest.raises(RulesError) as error:
        parse_rules(content, source="rules.toml")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not json", "not a baseline ("),
        ("[]", "its schema is not"),
        ('{"schema": "profiler_kit.baseline", "schema_version": 9}', "schema_version is not 1"),
        (
            '{"schema": "profiler_kit.baseline", "schema_version": 1, "of": "GPU", "kernels": [1]}',
            "not a list of names",
        ),
    ],
)
def test_a_wrong_baseline_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(RulesError) as error:
        read_baseline(file)
    assert str(error.value).startswith(f"{file}: ")
    assert words in str(error.value)


def test_a_rules_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text("[idle_share]\nmax = = 1")
    with pytest.raises(RulesError, match=r"r\.toml: not TOML: .*line 2"):
        read_rules(file)
    with pytest.raises(RulesError, match="no such rules file"):
        read_rules(tmp_path / "none.toml")
