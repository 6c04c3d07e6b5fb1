"""What is said of changes between variants, on answers written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiler_kit import read_trace
from profiler_kit.analysis.selection.predicted_selection import NO_PLAN, PredictedSelection
from profiler_kit.report.layout import Item
from profiler_kit.report.predict_changes import change_items
from tests.predictions import conv_trace, prediction_by_hand


@pytest.fixture
def made(tmp_path: Path) -> PredictedSelection:
    return prediction_by_hand(read_trace(conv_trace(tmp_path / "worker.pt.trace.json")), ["H100", "A100"])


def one_gpu(tmp_path: Path) -> PredictedSelection:
    return prediction_by_hand(read_trace(conv_trace(tmp_path / "one.pt.trace.json")), ["H100"])


def titles(items: list[Item]) -> list[str]:
    return [item.title for item in items]


def test_a_change_of_one_variant_is_told_side_by_side(tmp_path: Path) -> None:
    first, *_ = change_items(one_gpu(tmp_path))
    assert first.title == (
        "H100, float16: NCHW → NHWC (channels_last): computes with the same; copies 131.072 kB → 0 B"
    )
    # Read once and written once at 3.35 TB/s.
    assert ("cost", "reading and writing the copies takes at least 78 ns → 0 ns (modelled)") in first.details
    assert ("copies", "go in 1 pass: conv (forward)") in first.details


def test_a_change_of_several_variants_is_one_item_and_equal_lines_are_one(made: PredictedSelection) -> None:
    items = change_items(made)
    by_title = {item.title: item.details for item in items}
    assert [text for _, text in by_title["NCHW → NHWC (channels_last)"]] == [
        "H100, float16: computes with the same; copies 131.072 kB → 0 B (at least 78 ns → 0 ns)",
        "A100, float16: computes with the same; copies 131.072 kB → 0 B (at least 129 ns → 0 ns)",
    ]
    assert [text for _, text in by_title["H100 → A100"]] == ["float16, NCHW; float16, NHWC: the same plans and copies"]


def test_what_has_no_plan_says_why_and_is_not_called_the_same(made: PredictedSelection) -> None:
    refused = next(item for item in change_items(made) if item.title.startswith("There is no plan"))
    assert "CUDNN_STATUS_NOT_SUPPORTED: not this one" in refused.details[0][1]
    nothing = replace(made, table=made.table.assign(**{"class": NO_PLAN}))
    gpus = next(item for item in change_items(nothing) if item.title == "H100 → A100")
    assert gpus.details == [("for", "float16, NCHW; float16, NHWC: no plan either way")]


def test_rules_that_passed_over_plans_are_named(made: PredictedSelection) -> None:
    rules = [("3 × TF32 off", "1 × doesn't finalize: 3 × 3")] * len(made.table)
    items = change_items(replace(made, table=made.table.assign(removed=rules)))
    (told,) = [item for item in items if item.title.startswith("PyTorch passes over")]
    assert all("[TF32 off, doesn't finalize: 3 × 3]" in text for _, text in told.details)
