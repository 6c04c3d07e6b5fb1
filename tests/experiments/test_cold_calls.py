"""Cold calls taken apart: the arithmetic on made-up times, and the process that takes real ones."""

from __future__ import annotations

import json
import sys

import pytest

torch = pytest.importorskip("torch")

from profiler_kit.analysis.measured.first_calls import ProcessTimes, take_apart  # noqa: E402
from profiler_kit.errors import ExperimentError  # noqa: E402
from profiler_kit.experiments import cold_calls  # noqa: E402
from profiler_kit.experiments.matched_pairs import measure_matched_pairs  # noqa: E402
from profiler_kit.report.matched_pairs import MatchedPairsReport  # noqa: E402

STEADY = {"a": [100] * 19 + [300], "b": [200] * 20}
DISPATCH = {"a": [40] * 20, "b": [60] * 20}


def process(order: tuple[str, ...], **cold_ns: int) -> ProcessTimes:
    """Made up: the first layer of a process pays 5,000 ns, each layer's first call 700 (a) or 900 (b) ns."""
    second = {"a": 150, "b": 250}
    return ProcessTimes(order, cold_ns, second, STEADY, DISPATCH)


FIRST = process(("a", "b"), a=5800, b=1100)
SECOND = process(("b", "a"), a=800, b=6100)


def test_a_cold_call_is_the_sum_of_its_parts() -> None:
    calls = take_apart([FIRST, SECOND], 1.0)
    for one, layer_ns in zip(calls.layers, (700, 900), strict=True):
        assert one.once_a_process_ns == 5000
        assert one.once_a_layer_ns == layer_ns
        assert one.cold_ns == one.once_a_process_ns + one.once_a_layer_ns + one.steady_ns.median
    a, b = calls.layers
    assert (a.steady_ns.median, b.steady_ns.median) == (100, 200)
    assert (a.dispatch_ns, b.dispatch_ns) == (40, 60)
    assert (a.second_ns, b.second_ns) == (150, 250)
    assert a.noise_low_ns == 100
    assert a.noise_high_ns > 100


def test_the_usual_measurement_and_the_proper_one_tell_different_ratios() -> None:
    calls = take_apart([FIRST, SECOND], 1.0)
    # Timed cold in the usual order, b looks faster than a, because a has paid for the process.
    assert calls.told_ratio == {"a": 1, "b": 1100 / 5800}
    assert calls.true_ratio == {"a": 1, "b": 2}


def test_every_layer_must_have_been_first_once() -> None:
    with pytest.raises(ValueError, match="b is never the first layer"):
        take_apart([FIRST, FIRST], 1.0)


def test_the_process_prints_times_of_all_layers(capsys: pytest.CaptureFixture[str]) -> None:
    cold_calls.main(["2", "0", "1"])
    times = json.loads(capsys.readouterr().out)
    assert times["order"] == [cold_calls.LAYERS[number] for number in (2, 0, 1)]
    for name in cold_calls.LAYERS:
        assert times["cold_ns"][name] >= 0
        assert len(times["steady_ns"][name]) == len(times["dispatch_ns"][name]) == 300
        assert min(times["steady_ns"][name]) > 0


def test_a_fresh_process_is_started_with_what_this_one_can_import() -> None:
    times = cold_calls._in_fresh_process([1, 0, 2])
    assert times.order[0] == cold_calls.LAYERS[1]
    assert set(times.cold_ns) == set(cold_calls.LAYERS)


def test_a_process_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_calls, "__name__", "profiler_kit.no_such_module")
    with pytest.raises(ExperimentError, match=r"the process that measures cold calls failed: .*no_such_module"):
        cold_calls.measure_first_calls()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ExperimentError, match="No such file"):
        cold_calls.measure_first_calls()


def test_they_are_part_of_the_comparison() -> None:
    pairs = measure_matched_pairs([2], channels=1, filters=2, seconds=0.01)
    report = MatchedPairsReport(pairs, take_apart([FIRST, SECOND], 1000.0))
    row = json.loads(report.to_json())["first_calls"]["layers"][0]
    assert (row["cold_us"], row["once_a_process_us"], row["steady_us"]["median"]) == (5.8, 5.0, 0.1)
    assert (row["told_ratio"], row["true_ratio"]) == (1, 1)
    text = report.to_text(width=80)
    assert "What one cold time.time() contains" in text
    assert max(map(len, text.splitlines())) <= 80
