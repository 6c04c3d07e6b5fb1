"""The demo's workload, in a short run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from profiler_kit.record import DenseVsConv, record_dense_vs_conv
from profiler_kit.record.dense_vs_conv import BATCHES, LAYERS, PASSES
from profiler_kit.trace.spans import METADATA_KEY
from tests.record.recordings import annotations, layer_names, load, steps


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DenseVsConv:
    return record_dense_vs_conv(tmp_path_factory.mktemp("demo"), iterations=7, rounds=2)


def test_every_layer_batch_and_pass_is_measured(result: DenseVsConv) -> None:
    cases = [(m.batch, m.layer, m.pass_) for m in result.measurements]
    assert cases == [(batch, layer, pass_) for batch in BATCHES for layer in LAYERS for pass_ in PASSES]
    for measurement in result.measurements:
        assert len(measurement.call_ns) == 7
        assert min(measurement.call_ns) > 0


def test_shapes_are_those_of_the_question(result: DenseVsConv) -> None:
    shapes = {m.layer: (m.input_shape, m.weight_shape, m.output_shape) for m in result.measurements if m.batch == 32}
    assert shapes == {
        "Linear(1024->512)": ((32, 1024), (512, 1024), (32, 512)),
        "Conv2d(3->64, k3, p1)": ((32, 3, 32, 32), (64, 3, 3, 3), (32, 64, 32, 32)),
        "Conv2d(3->64, k7, p3)": ((32, 3, 32, 32), (64, 3, 7, 7), (32, 64, 32, 32)),
    }
    assert {m.dtype for m in result.measurements} == {"float32"}


def test_each_batch_has_a_trace_with_annotated_phases(result: DenseVsConv) -> None:
    assert [path.parent.name for path in result.trace_paths.values()] == ["batch_1", "batch_32"]
    phases = [f"{layer} {pass_}" for layer in LAYERS for pass_ in PASSES]
    for path in result.trace_paths.values():
        assert [name for name in annotations(path) if name in phases] == phases * 2
        assert layer_names(path) == ["dense", "conv3x3", "conv7x7"] * 2
        assert len(steps(path)) == 2


def test_backward_phases_hold_all_three_gradients(result: DenseVsConv) -> None:
    events = load(result.trace_paths[1])["traceEvents"]
    masks = [event["args"]["Concrete Inputs"][-1] for event in events if event["name"] == "aten::convolution_backward"]
    assert masks == ["[True, True, True]"] * 4


def test_traces_stay_small(result: DenseVsConv) -> None:
    document = load(result.trace_paths[1])
    assert document[METADATA_KEY]["schedule"]["active"] == 2
    # A full run has 20 rounds, and its two traces are committed as samples.
    assert sum(path.stat().st_size for path in result.trace_paths.values()) / 2 * 20 < 700_000


def test_progress_is_reported_and_random_state_and_gc_left_alone(tmp_path: Path) -> None:
    import gc

    shares = []
    state = torch.get_rng_state()
    record_dense_vs_conv(tmp_path, iterations=1, rounds=1, progress=lambda share, text: shares.append((share, text)))
    assert torch.equal(torch.get_rng_state(), state)
    assert gc.isenabled()
    assert shares == sorted(shares)
    assert shares[0] == (0.0, "timing at batch 1")
    assert shares[-1] == (1.0, "done")
