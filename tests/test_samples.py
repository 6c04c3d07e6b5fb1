"""The recordings that come with the project: small, readable by everything, and free of what should not be shared."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from profiler_kit import find_traces, make_report, read_trace

SAMPLES = Path(__file__).parents[1] / "traces"


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 1_000_000


@pytest.mark.parametrize(("run", "batch"), [("batch_1", 1), ("batch_32", 32)])
def test_they_hold_what_their_readme_says(run: str, batch: int) -> None:
    (path,) = find_traces(SAMPLES / run)
    trace = read_trace(path, cache=False)
    report = make_report(trace)
    assert report.totals.steps == 10
    layers = report.layers.table
    assert dict(zip(layers["layer"], layers["type"], strict=True)) == {
        "dense": "Linear",
        "conv3x3": "Conv2d",
        "conv7x7": "Conv2d",
    }
    assert (layers["calls"] == 10).all()
    assert any((batch, 3, 32, 32) in (dims or ()) for dims in trace.signatures["input_dims"])
    assert report.facts.environment["torch"].startswith("2.13.0")


def test_they_name_no_machine() -> None:
    for path in find_traces(SAMPLES):
        text = gzip.decompress(path.read_bytes()).decode()
        document = json.loads(text)
        assert document["traceName"] == path.name
        assert not re.search(r'"host_name"|/home/|/tmp/|/work/|/root/', text)
