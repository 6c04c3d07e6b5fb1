"""A side with the time of its calls without the profiler: the books still close."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

from profiler_kit import explain, read_trace
from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.analysis.ledger.undisturbed import to_note, without_recording
from profiler_kit.errors import RecordingError
from profiler_kit.record.trace_file import note_in_trace
from profiler_kit.report import make_report

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


NOTES: list[dict[str, Any]] = [
    {
        "layer": "conv7x7", "pass": "forward", "call_us": 100.0, "doubt": None,
        "parts_us": {"main": 50.0, "layout_transform": 10.0, "memset": 0.0, "bias": 0.0, "helper": 40.0},
        "kernels": [["jit", "main", 1, 50.0], ["reorder", "layout_transform", 2, 10.0]],
    },
    {
        "layer": "dense", "pass": "forward", "call_us": 25.0, "doubt": None,
        "parts_us": {"main": 20.0, "layout_transform": 0.0, "memset": 0.0, "bias": 0.0, "helper": 5.0},
        "kernels": [["SGEMM", "main", 1, 20.0]],
    },
]  # fmt: skip


def noted(tmp_path: Path, notes: Any) -> Path:
    (sample,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    path = tmp_path / sample.name
    path.write_bytes(sample.read_bytes())
    note_in_trace(path, "profiler_kit", {"undisturbed": notes})
    return path


def test_a_trace_that_notes_times_without_the_profiler_is_explained_by_them(tmp_path: Path) -> None:
    """(50 + 10) / 50 against 20 / 20, and 100 / 60 against 25 / 20, whoever asks."""
    trace = read_trace(noted(tmp_path, NOTES), cache=False)
    for found in (explain(trace), explain(trace, "conv7x7", "dense", pass_="forward"), make_report(trace).explanation):
        assert found is not None
        assert (found.ratio, found.slow.device_us, found.fast.device_us) == (4.0, 100.0, 25.0)
        factors = {factor.name: factor.value for factor in found.factors}
        assert factors["layout_transforms"] == pytest.approx(60 / 50)
        assert factors["dispatch_overhead"] == pytest.approx((100 / 60) / (25 / 20))
        assert prod(factors.values()) == pytest.approx(4.0, rel=1e-12)
        assert any("noted in it (recorded in it, with the profiler, a call took " in note for note in found.notes)
    # Beside a layer of which nothing is noted both keep their recorded times.
    assert explain(trace, "conv3x3", "dense", pass_="forward").fast.recorded_us is None


def test_a_call_whose_kernels_share_all_of_it_is_read_back_as_it_was_noted(tmp_path: Path, ledger: Explanation) -> None:
    """Scaled to the call, these kernels add up to 1.4e-14 µs more than it: notes of negative times are not read."""
    typical = {"main": 150.223, "layout_transform": 5.04}
    slow = without_recording(replace(ledger.slow, typical_us=typical), 115.18234633769279)
    fast = without_recording(replace(ledger.fast, typical_us={"main": 20.0}), 25.0)
    assert slow.parts_us["helper"] == 0
    told = [(to_note(side), layer) for side, layer in ((slow, "conv7x7"), (fast, "dense"))]
    notes = [note.noted(layer, "forward") for note, layer in told if note is not None]
    found = explain(read_trace(noted(tmp_path, notes), cache=False), "conv7x7", "dense")
    assert (found.ratio, found.slow.parts_us) == (115.18234633769279 / 25.0, slow.parts_us)
    assert prod(factor.value for factor in found.factors) == pytest.approx(found.ratio, rel=1e-12)


def test_what_speaks_against_noted_times_is_said(tmp_path: Path) -> None:
    doubted = [{**note, "doubt": "it took 1 ms once"} for note in NOTES]
    found = explain(read_trace(noted(tmp_path, doubted), cache=False))
    assert "What was measured without the profiler is in doubt: it took 1 ms once." in found.notes


@pytest.mark.parametrize(
    "notes",
    [
        NOTES[:1],  # of one side only: times with and without the profiler do not compare
        "text",
        [{**note, "call_us": -1.0} for note in NOTES],
        [{**note, "call_us": "1"} for note in NOTES],
        [{**note, "call_us": note["call_us"] * 2} for note in NOTES],  # the parts don't add up to it
        [{**note, "parts_us": {"other": note["call_us"]}} for note in NOTES],
        [{**note, "kernels": [["name"]]} for note in NOTES],
    ],
)
def test_notes_that_make_no_sense_are_passed_over(tmp_path: Path, ledger: Explanation, notes: Any) -> None:
    found = explain(read_trace(noted(tmp_path, notes), cache=False), "conv7x7", "dense", pass_="forward")
    assert (found.ratio, found.slow.recorded_us) == (ledger.ratio, None)


def test_a_note_changes_nothing_else_of_a_trace(tmp_path: Path) -> None:
    (sample,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    before, after = (json.loads(gzip.decompress(path.read_bytes())) for path in (sample, noted(tmp_path, NOTES)))
    assert after["profiler_kit"].pop("undisturbed") == NOTES
    assert after == before
    assert [path.name for path in tmp_path.iterdir()] == [sample.name]


def test_a_file_that_is_no_trace_of_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.pt.trace.json.gz"
    path.write_bytes(gzip.compress(b'{"traceEvents": []}'))
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="no trace of profiler_kit"):
        note_in_trace(path, "profiler_kit", {"undisturbed": []})
    assert path.read_bytes() == before
