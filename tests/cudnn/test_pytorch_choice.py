from __future__ import annotations

from dataclasses import replace

import pytest

from profiler_kit.cudnn.plans import NUMERICAL_NOTES, Plan, notes_of, version_text
from profiler_kit.cudnn.problem import ConvProblem, conv_problem
from profiler_kit.cudnn.pytorch_choice import (
    DEPTHWISE,
    DOWN_CONVERTS,
    EARLY_BFLOAT16,
    NONDETERMINISTIC,
    TENSOR_CORES,
    erratum,
    own_kernel,
    removed_by,
)

FLOAT = conv_problem("fprop", (2, 8, 8, 8), (8, 8, 3, 3))
HALF = replace(FLOAT, dtype="float16")


def notes(*true: str) -> dict[str, bool | None]:
    return {name: name in true for name in NUMERICAL_NOTES}


@pytest.mark.parametrize(
    ("problem", "true", "rule"),
    [
        (FLOAT, ["TENSOR_CORE"], None),
        (replace(FLOAT, allow_tf32=False), ["TENSOR_CORE"], TENSOR_CORES),
        # filterEngineConfigs has no condition on this one: every type, TF32 on or off.
        (replace(FLOAT, allow_tf32=False), ["DOWN_CONVERT_INPUTS"], DOWN_CONVERTS),
        (FLOAT, ["TENSOR_CORE", "DOWN_CONVERT_INPUTS"], DOWN_CONVERTS),
        (HALF, ["DOWN_CONVERT_INPUTS"], DOWN_CONVERTS),
        (replace(FLOAT, allow_tf32=False), ["WINOGRAD"], None),
        (replace(HALF, allow_tf32=False), ["TENSOR_CORE"], None),
        (FLOAT, ["NONDETERMINISTIC"], None),
        (replace(HALF, deterministic=True), ["NONDETERMINISTIC"], NONDETERMINISTIC),
    ],
)
def test_pytorchs_filter(problem, true, rule) -> None:
    assert removed_by(notes(*true), problem) == rule


def test_unknown_notes_remove_nothing() -> None:
    strict = replace(FLOAT, allow_tf32=False, deterministic=True)
    assert removed_by(dict.fromkeys(NUMERICAL_NOTES), strict) is None


def depthwise(
    batch: int = 2, channels: int = 64, width: int = 28, kernel: int = 3, stride: int = 1, **others
) -> ConvProblem:
    given = {"dtype": "float16", "groups": channels, "stride": stride, "padding": kernel // 2, **others}
    return conv_problem("fprop", (batch, channels, width, width), (channels, 1, kernel, kernel), **given)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (FLOAT, None),
        (conv_problem("fprop", (2, 1, 8, 8), (8, 1, 3, 3)), None),  # one group is not depthwise
        (depthwise(dtype="float32"), DEPTHWISE),
        (depthwise(dtype="bfloat16"), DEPTHWISE),
        (depthwise(dtype="float32", memory_format="NHWC"), None),
        # The table of check_cudnn_depthwise_workload_with_filter, line by line.
        (depthwise(), None),
        (depthwise(channels=16), DEPTHWISE),
        (depthwise(width=6), DEPTHWISE),
        (depthwise(kernel=7), DEPTHWISE),
        (depthwise(kernel=5, dilation=2, padding=4), DEPTHWISE),
        (depthwise(stride=3), DEPTHWISE),
        (depthwise(batch=1, stride=2), None),
        (depthwise(batch=1, stride=2, kernel=1), None),
        (depthwise(batch=1, stride=2, kernel=1, width=56), DEPTHWISE),
        (depthwise(stride=2), DEPTHWISE),
        (depthwise(stride=2, channels=256), None),
        (depthwise(stride=2, channels=256, width=14), DEPTHWISE),
        (depthwise(stride=2, channels=512, width=14), None),
        (depthwise(stride=2, kernel=1, channels=128, width=7), None),
        (depthwise(stride=2, kernel=1, channels=128, width=7, batch=32), DEPTHWISE),
        (conv_problem("fprop", (2, 64, 100), (64, 1, 4), groups=64, dtype="float16"), None),
        (conv_problem("fprop", (2, 64, 100), (64, 1, 4), groups=64, dtype="float16", stride=2), DEPTHWISE),
        (conv_problem("fprop", (2, 64, 8, 8, 8), (64, 1, 3, 3, 3), groups=64, dtype="float16"), DEPTHWISE),
        # Beyond 2³¹ elements PyTorch's kernel can't count.
        (depthwise(batch=2048, channels=2048, width=32, dtype="float32"), None),
    ],
)
def test_some_depthwise_convolutions_are_pytorchs_own(problem: ConvProblem, reason: str | None) -> None:
    assert own_kernel(problem, 900) == reason


def test_bfloat16_reaches_cudnn_from_ampere_on() -> None:
    problem = replace(FLOAT, dtype="bfloat16")
    assert [own_kernel(problem, capability) for capability in (700, 750, 800, 1200)] == [
        EARLY_BFLOAT16,
        EARLY_BFLOAT16,
        None,
        None,
    ]


def test_no_transposed_convolution_counts_as_depthwise() -> None:
    assert own_kernel(depthwise(dtype="float32"), 900, transposed=True) is None


def test_errata_hold_for_their_versions_operations_and_devices() -> None:
    plane, space = FLOAT, conv_problem("dgrad", (2, 8, 8, 8, 8), (8, 8, 3, 3, 3))
    assert "188288" in (erratum(5, plane, 92301, 900) or "")
    assert erratum(5, plane, 92400, 900) is None
    assert erratum(5, plane, 92300, 900) is None
    assert erratum(58, plane, 92800, 1200) is not None
    assert erratum(58, plane, 92800, 900) is None
    assert erratum(63, replace(plane, operation="wgrad"), 92800, 1200) is not None
    assert erratum(23, space, 92800, 900) is not None
    assert erratum(23, replace(plane, operation="dgrad"), 92800, 900) is None
    assert erratum(23, replace(space, operation="fprop"), 91400, 900) is not None
    assert erratum(23, replace(space, operation="fprop"), 91500, 900) is None


def test_notes_are_three_valued() -> None:
    names = ("TENSOR_CORE", "CUBLASLT_DEPENDENCY")
    assert notes_of([0], names, 92800) == {"TENSOR_CORE": True, "CUBLASLT_DEPENDENCY": False}
    assert notes_of([0], names, 90800) == {"TENSOR_CORE": True, "CUBLASLT_DEPENDENCY": None}
    assert notes_of(None, names, 92800) == {"TENSOR_CORE": None, "CUBLASLT_DEPENDENCY": None}


def test_split_k_is_known_only_if_a_knob_says_it() -> None:
    plan = Plan(engine=1, knobs={"TILE_SIZE": 3}, notes={}, behaviour={}, source="heuristics")
    assert plan.split_k is None
    assert replace(plan, knobs={"SPLIT_K_SLC": 1}).split_k is False
    assert replace(plan, knobs={"SPLIT_K_SLC": 4}).split_k is True
    assert replace(plan, knobs=None).split_k is None
    assert plan.name == "eng1 TILE_SIZE=3"


@pytest.mark.parametrize(("number", "text"), [(92800, "9.28.0"), (90100, "9.1.0"), (8204, "8.2.4"), (8907, "8.9.7")])
def test_versions(number: int, text: str) -> None:
    assert version_text(number) == text
