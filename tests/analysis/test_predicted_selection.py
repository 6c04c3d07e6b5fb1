"""Convolutions taken from traces, and what changes between variants, on answers written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from profiler_kit.analysis.selection.layer_convolutions import layer_convolutions
from profiler_kit.analysis.selection.predicted_selection import (
    NO_PLAN,
    OWN_KERNEL,
    PredictedSelection,
    Variant,
    predicted_selection,
    questions,
)
from profiler_kit.analysis.selection.selection import selection
from profiler_kit.cudnn.description import target_of_device
from profiler_kit.cudnn.plans import NUMERICAL_NOTES, Plan, Prediction
from profiler_kit.cudnn.problem import ConvProblem
from profiler_kit.devices import find_device
from profiler_kit.experiments.model_trace import ModelInput, trace_of_model
from profiler_kit.formats import read_trace
from profiler_kit.record.recorder import Recorder

H100 = target_of_device(find_device("H100"))
A100 = target_of_device(find_device("A100"))

IN, WEIGHT, OUT = 8 * 32 * 28 * 28 * 2, 64 * 32 * 9 * 2, 8 * 64 * 28 * 28 * 2


def convolutions_of(model: nn.Module, x: torch.Tensor, tmp_path: Path) -> Any:
    with Recorder(model, tmp_path, measure_peaks=False) as recorder:
        model(x).sum().backward()
    return layer_convolutions(selection(read_trace(recorder.trace_paths[0]), "conv"))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 9, 9)),
        (nn.Conv2d(4, 6, (3, 5), padding="same"), (2, 4, 9, 9)),
        (nn.Conv2d(4, 6, 3, padding="valid", dilation=2), (2, 4, 9, 9)),
        (nn.Conv2d(4, 6, 3), (4, 9, 9)),
        (nn.Conv1d(4, 6, 5, padding=2), (2, 4, 30)),
        (nn.Conv3d(2, 3, 3, padding=1), (1, 2, 5, 6, 7)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), (2, 4, 9, 9)),
        (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (2, 4, 9, 9)),
    ],
)
def test_what_cudnn_would_be_asked_has_the_shapes_that_torch_computes(
    layer: nn.Module, shape: tuple[int, ...], tmp_path: Path
) -> None:
    y = layer(torch.randn(shape))
    found = convolutions_of(layer, torch.randn(shape, requires_grad=True), tmp_path)
    (one,) = found.convolutions
    assert found.left_out == ()
    options = {"dtype": "float32", "memory_format": "NCHW", "allow_tf32": True, "deterministic": False}
    problems = {which: one.problem(which, **options) for which in ("forward", "dgrad", "wgrad")}
    transposed = isinstance(layer, nn.ConvTranspose2d)
    expected = ("dgrad", "fprop", "wgrad") if transposed else ("fprop", "dgrad", "wgrad")
    assert tuple(problem.operation for problem in problems.values()) == expected
    forward = problems["forward"]
    result = forward.input_shape if transposed else forward.output_shape
    assert [size for size in result if size != 1] == [size for size in y.shape if size != 1]


def test_forward_and_backward_rows_are_one_convolution(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3))
    found = convolutions_of(model, torch.randn(1, 3, 12, 12), tmp_path)
    assert sorted(one.input_shape for one in found.convolutions) == [(1, 3, 12, 12), (1, 8, 8, 8), (1, 8, 10, 10)]


def test_a_model_without_values_is_recorded_in_the_order_of_its_calls(tmp_path: Path) -> None:
    file = trace_of_model("examples.resnet50:resnet50", [ModelInput((2, 3, 64, 64))], tmp_path)
    trace = read_trace(file)
    starts = trace.layers.groupby("layer", observed=True)["start_ns"].min()
    order = {str(name): int(start) for name, start in starts.items()}
    found = layer_convolutions(selection(trace, "conv"), order)
    # ResNet-50 has 53 convolutions; by He et al., table 1, 23 of them differ at any size that halves evenly.
    assert sum(one.calls for one in found.convolutions) == 53
    assert len(found.convolutions) == 23
    assert [one.layers[0] for one in found.convolutions[:3]] == ["conv1", "layer1.0.conv1", "layer1.0.conv2"]
    assert found.convolutions[-1].layers[0] == "layer4.1.conv2"


def plan(engine: int, workspace: int, *notes: str, **others: Any) -> Plan:
    named = {name: name in notes for name in NUMERICAL_NOTES}
    given: dict[str, Any] = {"knobs": {}, "behaviour": {}, "source": "heuristics", **others}
    return Plan(engine=engine, notes=named, workspace_bytes=workspace, **given)


class Answers:
    """Stands for cuDNN: what to answer for each question."""

    def __init__(self, say: Any) -> None:
        self.say = say

    def of(self, problem: ConvProblem, device: str) -> Prediction:
        answer = self.say(problem, device)
        facts: dict[str, Any] = {"problem": problem, "device": device, "cudnn_version": "9.28.0"}
        if isinstance(answer, str):
            return Prediction(**facts, error=answer)
        return Prediction(**facts, plans=(answer,), chosen=0)


@pytest.fixture(scope="module")
def found_by_groups(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """The convolution of one layer, dense and depthwise."""
    x = torch.randn(8, 32, 28, 28)
    return {
        groups: convolutions_of(nn.Conv2d(32, 64, 3, padding=1, groups=groups), x, tmp_path_factory.mktemp("runs"))
        for groups in (1, 32)
    }


def predicted(found: Any, variants: list[Variant], say: Any) -> PredictedSelection:
    asked = questions(found.convolutions, variants)
    answers = [Answers(say).of(one.problem, one.variant.target.name) for one in asked]
    return predicted_selection(found.convolutions, asked, answers, found.left_out)


FORMATS = [Variant(H100, "float16", memory_format, None) for memory_format in ("NCHW", "NHWC")]


def test_copies_by_format_and_their_modelled_time(found_by_groups: dict[int, Any]) -> None:
    def say(problem: ConvProblem, _device: str) -> Plan:
        return plan(62, (IN + WEIGHT + OUT) if problem.memory_format == "NCHW" else 0, "TENSOR_CORE")

    result = predicted(found_by_groups[1], FORMATS, say)
    assert len(result.table) == 3 * 2
    (pair,) = result.pairs.to_dict("records")
    assert (pair["axis"], pair["before"], pair["after"]) == ("memory_format", "NCHW", "NHWC")
    assert (pair["passes"], pair["class_changes"], pair["engine_changes"]) == (3, 0, 0)
    assert (pair["copies_before"], pair["copies_after"]) == (3 * (IN + WEIGHT + OUT), 0)
    # NVIDIA's data sheet: 3.35 TB/s; a copy is read and written.
    assert pair["copies_ns_before"] == pytest.approx(2 * 3 * (IN + WEIGHT + OUT) / 3350, rel=1e-3)
    assert result.totals["copying"].tolist() == [3, 0]
    assert result.totals["tensor_cores"].tolist() == [3, 3]


def test_a_twin_in_the_other_format_tells_partial_sums_from_copies(found_by_groups: dict[int, Any]) -> None:
    partial = 4 * WEIGHT

    def say(problem: ConvProblem, _device: str) -> Plan:
        return plan(65, partial + ((IN + OUT) if problem.memory_format == "NCHW" else 0), "TENSOR_CORE")

    table = predicted(found_by_groups[1], FORMATS, say).table
    nchw = table[table["memory_format"] == "NCHW"]
    assert nchw["copies_bytes"].tolist() == [IN + OUT] * 3
    assert nchw["copied"].tolist() == [("input", "output")] * 3


def test_changes_of_class_are_named_and_sum_up(found_by_groups: dict[int, Any]) -> None:
    variants = [Variant(H100, "float32", "NCHW", tf32) for tf32 in (True, False)]

    def say(problem: ConvProblem, _device: str) -> Plan:
        if problem.allow_tf32:
            return plan(38, 0, "TENSOR_CORE")
        return plan(12, 0, "WINOGRAD") if problem.operation == "fprop" else plan(1, 0)

    result = predicted(found_by_groups[1], variants, say)
    assert result.pairs["axis"].tolist() == ["tf32"]
    changes = result.changes.set_index("pass")
    assert changes.loc["forward", ["class_before", "class_after"]].tolist() == ["tensor cores", "Winograd"]
    assert changes.loc["wgrad", ["class_before", "class_after"]].tolist() == ["tensor cores", "plain"]
    assert result.pairs["class_changes"].tolist() == [3]
    counted = result.totals.set_index("tf32")[["tensor_cores", "winograd", "fft", "plain"]]
    assert counted.loc["on"].tolist() == [3, 0, 0, 0]
    assert counted.loc["off"].tolist() == [0, 1, 0, 2]


def test_every_pair_that_differs_in_one_thing_is_compared_once(found_by_groups: dict[int, Any]) -> None:
    variants = [
        Variant(target, dtype, memory_format, tf32)
        for target in (H100, A100)
        for dtype in ("float16", "float32")
        for memory_format in ("NCHW", "NHWC")
        for tf32 in ((True, False) if dtype == "float32" else (None,))
    ]
    result = predicted(found_by_groups[1], variants, lambda _problem, _device: plan(1, 0))
    pairs = result.pairs
    assert pairs.groupby("axis").size().to_dict() == {"memory_format": 6, "tf32": 4, "dtype": 4, "gpu": 6}
    assert not pairs.duplicated().any()
    assert not len(result.changes)


def test_refusals_and_own_kernels_are_their_own_classes(found_by_groups: dict[int, Any]) -> None:
    refused = predicted(
        found_by_groups[1], FORMATS[:1], lambda _problem, _device: "CUDNN_STATUS_NOT_SUPPORTED: no such"
    )
    assert set(refused.table["class"]) == {NO_PLAN}
    assert refused.table["error"].tolist() == ["CUDNN_STATUS_NOT_SUPPORTED: no such"] * 3
    variants = [Variant(H100, "float32", memory_format, True) for memory_format in ("NCHW", "NHWC")]
    depthwise = predicted(found_by_groups[32], variants, lambda _problem, _device: plan(1, 0, "TENSOR_CORE"))
    by_format = depthwise.table.groupby("memory_format")["class"].agg(set).to_dict()
    assert by_format == {"NCHW": {OWN_KERNEL}, "NHWC": {"tensor cores"}}
    assert depthwise.totals["own_kernel"].tolist() == [3, 0]
    assert set(depthwise.table.loc[depthwise.table["memory_format"] == "NCHW", "own_kernel"]) == {"depthwise in NCHW"}
