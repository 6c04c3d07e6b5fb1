"""A side with the time of its calls without the profiler: the books still close."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

from profiler_kit import explain, read_trace
from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.analysis.ledger.undisturbed import without_recording

SAMPLES = Path(__file__).resolve().parents[2] / "traces"


@pytest.fixture(scope="module")
def ledger() -> Explanation:
    (path,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    return explain(read_trace(path), "conv7x7", "dense", pass_="forward")


def test_what_is_not_in_kernels_is_around_them(ledger: Explanation) -> None:
    typical = {"main": 50.0, "layout_transform": 20.0, "helper": 200.0}
    found = without_recording(replace(ledger.slow, typical_us=typical), 100.0)
    assert found.parts_us == {
        "main": 50.0,
        "layout_transform": 20.0,
        "cast": 0.0,
        "memset": 0.0,
        "bias": 0.0,
        "helper": 30.0,
    }
    assert (found.device_us, found.recorded_us) == (100.0, ledger.slow.device_us)


def test_kernels_that_seem_longer_than_the_call_share_it(ledger: Explanation) -> None:
    typical = {"main": 60.0, "layout_transform": 20.0, "helper": 200.0}
    found = without_recording(replace(ledger.slow, typical_us=typical), 40.0)
    assert found.parts_us == {
        "main": 30.0,
        "layout_transform": 10.0,
        "cast": 0.0,
        "memset": 0.0,
        "bias": 0.0,
        "helper": 0.0,
    }


def test_the_factors_multiply_to_the_ratio_without_the_profiler() -> None:
    (path,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    found = explain(read_trace(path), "conv7x7", "dense", pass_="forward", undisturbed_us=(400.0, 200.0))
    assert found.ratio == 2.0
    assert prod(factor.value for factor in found.factors) == pytest.approx(2.0, rel=1e-12)
    assert sum(found.slow.parts_us.values()) == pytest.approx(400.0)
    assert any("without the profiler" in note for note in found.notes)
    assert not any("None" in note for note in found.notes)
