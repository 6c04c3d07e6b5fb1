from __future__ import annotations

from dataclasses import replace

import pytest

from profiler_kit.cudnn.plans import NUMERICAL_NOTES, Plan, notes_of, version_text
from profiler_kit.cudnn.problem import conv_problem, in_format
from profiler_kit.cudnn.pytorch_choice import DOWN_CONVERTS, NONDETERMINISTIC, TENSOR_CORES, asks_cudnn, removed_by

FLOAT = conv_problem("fprop", (2, 8, 8, 8), (8, 8, 3, 3))
HALF = replace(FLOAT, dtype="float16")


def notes(*true: str) -> dict[str, bool | None]:
    return {name: name in true for name in NUMERICAL_NOTES}


@pytest.mark.parametrize(
    ("problem", "true", "rule"),
    [
        (FLOAT, ["TENSOR_CORE"], None),
        (replace(FLOAT, allow_tf32=False), ["TENSOR_CORE"], TENSOR_CORES),
        (replace(FLOAT, allow_tf32=False), ["DOWN_CONVERT_INPUTS"], DOWN_CONVERTS),
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


def test_depthwise_convolutions_may_not_reach_cudnn() -> None:
    depthwise = conv_problem("fprop", (2, 32, 8, 8), (32, 1, 3, 3), padding=1, groups=32)
    assert asks_cudnn(FLOAT) is True
    assert asks_cudnn(depthwise) is False
    assert asks_cudnn(replace(depthwise, dtype="float16")) is None
    assert asks_cudnn(in_format(depthwise, "NHWC")) is True
    assert asks_cudnn(conv_problem("fprop", (2, 1, 8, 8), (8, 1, 3, 3))) is True


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
