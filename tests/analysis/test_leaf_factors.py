"""The gradients of plain matrix products, against what the program that was recorded says of its factors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from profiler_kit.analysis.passes.passes import passes
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder


def leaf(*shape: int) -> Any:
    return torch.randn(*shape, requires_grad=True)


def data(*shape: int) -> Any:
    """Return what an earlier layer has made: it needs a gradient and is no leaf."""
    return leaf(*shape).tanh()


def gradients(tmp_path: Path, run: Callable[[], Any]) -> list[tuple[tuple[int, ...], str]]:
    """Return (shape of the result, pass) of the products of the backward pass, in order."""
    with Recorder(None, tmp_path, measure_peaks=False) as recording:
        run().sum().backward()
    found = passes(read_trace(recording.trace_paths[0]))
    calls = found.calls
    result = []
    for problem, pass_ in zip(calls.table["problem"], found.of_call, strict=True):
        first, second = calls.problems[problem].input_shape, calls.problems[problem].weight_shape
        assert first is not None
        assert second is not None
        if pass_ != "forward":
            result.append(((*first[:-1], second[-1]), pass_))
    return sorted(result)


CASES = {
    "weight of mm": (lambda: data(5, 3) @ leaf(3, 7), {(3, 7): "wgrad", (5, 3): "dgrad"}),
    "weight of mm, input without a gradient": (lambda: torch.randn(5, 3) @ leaf(3, 7), {(3, 7): "wgrad"}),
    "weight of bmm": (lambda: torch.bmm(data(2, 5, 3), leaf(2, 3, 7)), {(2, 3, 7): "wgrad", (2, 5, 3): "dgrad"}),
    "weight of matmul on a batch": (lambda: data(2, 5, 3) @ leaf(3, 7), {(3, 7): "wgrad", (10, 3): "dgrad"}),
    "two results of layers": (
        lambda: torch.bmm(data(2, 5, 3), data(2, 3, 7)),
        {(2, 3, 7): "backward", (2, 5, 3): "backward"},
    ),
    "a leaf that comes first": (lambda: leaf(5, 3) @ data(3, 7), {(3, 7): "backward", (5, 3): "backward"}),
    "two leaves": (lambda: leaf(5, 3) @ leaf(3, 7), {(3, 7): "backward", (5, 3): "backward"}),
    "square, so that shapes say nothing": (lambda: data(4, 4) @ leaf(4, 4), {(4, 4): "backward"}),
    "factors of one shape": (lambda: torch.bmm(data(2, 3, 3), leaf(2, 3, 3)), {(2, 3, 3): "backward"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_can_be_told_is_told_and_the_rest_left_open(tmp_path: Path, case: str) -> None:
    run, expected = CASES[case]
    found = gradients(tmp_path, run)
    assert dict(found) == expected
    assert len(found) == (1 if "without" in case else 2)


def test_a_transposed_weight_is_known_through_its_transposition(tmp_path: Path) -> None:
    found = dict(gradients(tmp_path, lambda: torch.mm(data(5, 3), leaf(7, 3).t())))
    assert found == {(7, 3): "wgrad", (5, 3): "dgrad"}


def test_a_bias_that_is_accumulated_next_is_no_weight(tmp_path: Path) -> None:
    found = gradients(tmp_path, lambda: torch.baddbmm(leaf(7), data(2, 5, 3), data(2, 3, 7)))
    assert {pass_ for _, pass_ in found} == {"backward"}
