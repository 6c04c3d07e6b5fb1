"""Attribution on small made-up traces where every answer is known by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiler_kit.analysis.times.breakdown import breakdown
from profiler_kit.analysis.times.kernel_times import copy_times, kernel_times
from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.analysis.times.operator_times import operator_times
from profiler_kit.analysis.work.step_times import step_times
from profiler_kit.analysis.work.totals import totals
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder


@pytest.fixture
def training(tmp_path: Path) -> Trace:
    """A training step of a convolution: forward on thread 1, backward on thread 2, most of it on one stream.

    Host (µs)                                   GPU (µs)
    0..100   ProfilerStep#7
      10..50   layer: conv (Conv2d)
        12..40   aten::conv2d > aten::cudnn_convolution (launches at 20, 30)   25..45 fprop; 45..50 transform
      52..56   aten::relu, launch at 53                                        50..60 relu
    60..90   (thread 2) ConvolutionBackward0 > aten::convolution_backward      70..100 dgrad; 80..90 wgrad on stream 8
      95       launch outside any operator                                     105..106 stray
    earlier  launch not in the trace                                           0..4 early
      97       memcpy launch                                                   106..116 copy of 1000 bytes
    """
    b = TraceBuilder()
    b.annotation("ProfilerStep#7", 0, 100)
    b.annotation("layer:  (Net) #1", 5, 55)
    b.annotation("layer: conv (Conv2d) #1", 10, 40)
    shapes = {"Input Dims": [[2, 3, 8, 8], [4, 3, 3, 3]], "Sequence number": 5, "Fwd thread id": 0}
    b.op("aten::conv2d", 12, 28, **shapes)
    b.op("aten::cudnn_convolution", 14, 24, **shapes)
    b.kernel("fprop", 25, 20, launched_at=20)
    b.kernel("nchwToNhwc", 45, 5, launched_at=30)
    b.op("aten::relu", 52, 4, **{"Sequence number": 6, "Fwd thread id": 0})
    b.kernel("relu", 50, 10, launched_at=53)
    node = "autograd::engine::evaluate_function: ConvolutionBackward0"
    b.op(node, 60, 30, tid=2, **{"Sequence number": 5, "Fwd thread id": 1})
    b.op("ConvolutionBackward0", 61, 28, tid=2, **{"Sequence number": 5, "Fwd thread id": 1})
    b.op("aten::convolution_backward", 62, 20, tid=2)
    b.kernel("dgrad", 70, 30, launched_at=63, tid=2)
    b.kernel("wgrad", 80, 10, launched_at=65, tid=2, stream=8)
    b.kernel("stray", 105, 1, launched_at=95)
    b.kernel("early", 0, 4, launched_at=None)
    b.copy("Memcpy HtoD (Pageable -> Device)", 106, 10, launched_at=97, size=1000)
    return read_trace(b.write(tmp_path / "training.json"))


def test_totals(training: Trace) -> None:
    sums = totals(training)
    assert (sums.kernels, sums.kernels_launched, sums.kernels_in_op) == (7, 6, 5)
    assert sums.kernel_ns == (20 + 5 + 10 + 30 + 10 + 1 + 4) * 1000
    assert (sums.conv_fwd_ns, sums.conv_bwd_ns) == (25_000, 40_000)
    assert (sums.gpu_busy_ns, sums.gpu_span_ns) == ((4 + 35 + 30 + 11) * 1000, 116_000)
    assert (sums.copies, sums.copy_bytes, sums.memsets, sums.steps) == (1, 1000, 0, 1)


def test_breakdown_closes_with_overlap_and_idle_time(training: Trace) -> None:
    result = breakdown(training, totals(training))
    assert dict(zip(result.table["part"], result.table["ns"], strict=True)) == {
        "convolution, backward": 40_000,
        "convolution, forward": 25_000,
        "other operators": 10_000,
        "kernels outside any operator": 5_000,
        "memory copies": 10_000,
        "overlap of streams (counted twice above)": -10_000,
        "idle between first and last activity": 36_000,
    }
    assert result.total_ns == 116_000


def test_operator_books_close(training: Trace) -> None:
    result = operator_times(training)
    rows = result.table.set_index("name")
    assert rows.loc["aten::cudnn_convolution", "device_self_ns"] == 25_000
    assert rows.loc["aten::conv2d", ["device_self_ns", "device_total_ns"]].tolist() == [0, 25_000]
    assert rows.loc["aten::conv2d", ["host_self_ns", "host_total_ns"]].tolist() == [4_000, 28_000]
    assert rows["device_self_ns"].sum() == result.device_attributed_ns == 75_000
    assert result.device_attributed_ns + result.device_unattributed_ns == result.device_total_ns == 90_000
    assert rows["host_self_ns"].sum() == result.host_total_ns == (28 + 4 + 30) * 1000


def test_operators_by_shape_keep_shapes_apart(training: Trace) -> None:
    table = operator_times(training, by_shape=True).table.set_index("name")
    assert table.loc["aten::conv2d", "input_dims"] == ((2, 3, 8, 8), (4, 3, 3, 3))
    assert table.loc["aten::relu", "input_dims"] is None


def test_layers_get_their_backward_by_sequence_number(training: Trace) -> None:
    result = layer_times(training)
    rows = result.table.set_index("layer")
    assert rows.index.tolist() == ["", "conv"]
    conv, net = rows.loc["conv"], rows.loc[""]
    assert (conv["type"], conv["calls"]) == ("Conv2d", 1)
    assert (conv["forward_device_ns"], conv["backward_device_ns"]) == (25_000, 40_000)
    assert (net["forward_device_self_ns"], net["forward_device_ns"]) == (10_000, 35_000)
    assert net["backward_device_ns"] == 40_000
    own = rows[["forward_device_self_ns", "backward_device_self_ns"]].to_numpy().sum()
    assert own + result.device_unattributed_ns == result.device_total_ns == 90_000
    own = rows[["forward_host_self_ns", "backward_host_self_ns"]].to_numpy().sum()
    assert own + result.host_unattributed_ns == result.host_total_ns


def test_two_forward_threads_with_the_same_sequence_numbers_are_told_apart(tmp_path: Path) -> None:
    """Each thread counts sequence numbers for itself; nodes name their thread by autograd's own numbers 1 and 2."""
    b = TraceBuilder()
    for tid, layer in ((1, "left"), (2, "right")):
        b.event("user_annotation", f"layer: {layer} (Linear) #1", 0, 50, tid=tid)
        for sequence in (5, 6) if tid == 1 else (5, 7):
            b.op("aten::linear", 2 * sequence, 1, tid=tid, **{"Sequence number": sequence, "Fwd thread id": 0})
    for start, sequence, forward_thread in ((60, 6, 1), (70, 7, 2), (80, 5, 1), (90, 5, 2), (95, 6, 2)):
        b.op("AddmmBackward0", start, sequence, tid=3, **{"Sequence number": sequence, "Fwd thread id": forward_thread})
    result = layer_times(read_trace(b.write(tmp_path / "t.json")))
    backward = result.table.set_index("layer")["backward_host_ns"]
    assert backward.to_dict() == {"left": 11_000, "right": 12_000}
    assert result.host_unattributed_ns == 6_000


def test_kernels_and_copies(training: Trace) -> None:
    kernels = kernel_times(training)
    assert kernels.table["name"].tolist()[:2] == ["dgrad", "fprop"]
    assert kernels.table["share"].sum() == pytest.approx(1.0)
    copies = copy_times(training)
    assert copies.table[["calls", "total_ns", "bytes"]].to_numpy().tolist() == [[1, 10_000, 1000]]
    assert copies.table["bytes_per_s"].tolist() == [pytest.approx(1e8)]


def test_steps_own_what_was_launched_in_them(training: Trace) -> None:
    result = step_times(training)
    (step,) = result.table.to_dict("records")
    assert (step["step"], step["host_ns"], step["kernels"]) == (7, 100_000, 6)
    assert step["device_ns"] + result.device_unattributed_ns == result.device_total_ns
    assert result.device_unattributed_ns == 4_000
    # Of the window, which also holds the 4 µs that no step launched: devices are busy whoever asked.
    assert step["device_busy_ns"] == (35 + 30 + 11 + 4) * 1000


def test_copies_that_do_not_say_their_size_have_no_rate(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.copy("Memcpy DtoD (Device -> Device)", 10, 5, launched_at=1, size=None)
    table = copy_times(read_trace(b.write(tmp_path / "t.json"))).table
    assert table["bytes_per_s"].isna().all()


def test_an_operator_inside_its_namesake_is_part_of_that_call(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::sum", 0, 100)
    b.op("aten::sum", 10, 80)
    (row,) = operator_times(read_trace(b.write(tmp_path / "t.json"))).table.to_dict("records")
    assert (row["calls"], row["host_self_ns"], row["host_total_ns"]) == (1, 100_000, 100_000)


def test_a_trace_without_gpu_breaks_down_host_time(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::conv2d", 0, 100)
    b.op("aten::mkldnn_convolution", 10, 80)
    b.op("aten::linear", 100, 50)
    b.op("aten::relu", 150, 7)
    trace = read_trace(b.write(tmp_path / "t.json"))
    result = breakdown(trace, totals(trace))
    assert result.of == "host operators"
    assert dict(zip(result.table["part"], result.table["ns"], strict=True)) == {
        "convolution, forward": 100_000,
        "matrix products (linear, matmul)": 50_000,
        "other operators": 7_000,
    }
