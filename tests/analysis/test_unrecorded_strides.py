"""Convolutions of traces that record shapes but no stride: their output is the gradient's size in the backward pass."""

from __future__ import annotations

from pathlib import Path

from profiler_kit.analysis.problems.problem_calls import problem_calls
from profiler_kit.analysis.problems.problem_shapes import Problem, with_outputs_of_gradients
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder

FORWARD = Problem((2, 3, 8, 8), (4, 3, 3, 3))


def backward(height: int) -> Problem:
    output = (2, 4, height, height)
    return Problem((2, 3, 8, 8), (4, 3, 3, 3), output, forward_flops=2 * 2 * 4 * height * height * 27)


def test_the_backward_pass_tells() -> None:
    completed, unchanged = with_outputs_of_gradients([FORWARD, backward(4)])
    assert (completed.output_shape, completed.forward_flops) == ((2, 4, 4, 4), 2 * 2 * 4 * 16 * 27)
    assert unchanged == backward(4)


def test_two_strides_for_the_same_shapes_tell_nothing() -> None:
    assert with_outputs_of_gradients([FORWARD, backward(4), backward(8)])[0] == FORWARD


def test_other_shapes_tell_nothing() -> None:
    other = Problem((2, 3, 16, 16), (4, 3, 3, 3))
    assert with_outputs_of_gradients([other, backward(4)])[0] == other


def test_as_pytorch_1_8_recorded_it(tmp_path: Path) -> None:
    b = TraceBuilder()
    x, w, gradient = [2, 3, 8, 8], [4, 3, 3, 3], [2, 4, 4, 4]
    b.op("aten::conv2d", 0, 10, **{"Input Dims": [x, w]})
    b.op("aten::cudnn_convolution_backward", 20, 10, **{"Input Dims": [x, gradient, w]})
    calls = problem_calls(read_trace(b.write(tmp_path / "t.pt.trace.json"), cache=False))
    assert [calls.problems[row].output_shape for row in calls.table["problem"]] == [(2, 4, 4, 4)] * 2
