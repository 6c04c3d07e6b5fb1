"""Which pair is explained where nobody names one: the one that the trace notes, if it has it, in every output."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from profiler_kit import explain, make_report, read_trace
from profiler_kit.analysis.ledger.explanation import ProblemNotFoundError
from profiler_kit.cli import main
from profiler_kit.record.trace_file import note_in_trace
from profiler_kit.report import html
from profiler_kit.report.page import Answers, view
from tests.builders import TraceBuilder

SAMPLES = Path(__file__).resolve().parents[2] / "traces"

NOTE = {"slow": "small", "fast": "dense"}

LAYERS = {"small": ("conv2d", 3, 12), "big": ("conv2d", 5, 40), "dense": ("linear", 16, 5), "wide": ("linear", 32, 8)}
"""Operator, edge or rows of the weight, and µs of one call. Without a note, it's 40 / 8; the noted pair is 12 / 5."""


def write(tmp_path: Path, own: Any) -> Path:
    """A trace with two convolutions and two dense layers; `own` is what its recorder has written into it."""
    b = TraceBuilder(**({"profiler_kit": own} if own is not None else {}))
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    for place, (layer, (operator, size, us)) in enumerate(LAYERS.items()):
        start = 1000 * place
        convolves = operator == "conv2d"
        dims = [[1, 4, 16, 16], [8, 4, size, size]] if convolves else [[1, 64], [size, 64]]
        arguments: dict[str, Any] = {"Input Dims": dims, "Input type": ["float"] * 2}
        b.annotation(f"layer: {layer} ({'Conv2d' if convolves else 'Linear'}) #1", start, 100)
        b.op(f"aten::{operator}", start, 100, **arguments, **({"Concrete Inputs": concrete} if convolves else {}))
        b.kernel("volta_sgemm_64x64_nt", start + 200, us, launched_at=start + 10)
    return b.write(tmp_path / "worker0.pt.trace.json")


@pytest.fixture(autouse=True)
def page_of_one_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write into pages the view that tells of a pair, as the others would take most of the time."""
    monkeypatch.setattr(html, "VIEWS", [one for one in html.VIEWS if one.id == "dense_vs_conv"])


def ratios(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the ratio that each output tells."""
    trace = read_trace(path, cache=False)
    report = make_report(trace)
    assert report.explanation is not None
    assert main(["explain", str(path), "--format", "json", "--no-cache"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = re.search(r'id="profiler-kit-data">(.*?)</script>', html.render(Answers(trace)), re.DOTALL)
    assert page is not None
    views = {"page": json.loads(page[1])["view"]["dense_vs_conv"], "TensorBoard": view(Answers(trace), "dense_vs_conv")}
    waterfalls = {
        name: next(block for block in one["blocks"] if block["id"] == "waterfall") for name, one in views.items()
    }
    return {
        "explain": explain(trace).ratio,
        "report": report.explanation.ratio,
        "report as JSON": json.loads(report.to_json())["explanation"]["ratio"],
        "explain as JSON": told["ratio"],
        **{name: block["series"][0]["points"][-1][1] for name, block in waterfalls.items()},
    }


def test_every_output_explains_the_noted_pair_though_another_convolution_takes_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, {"compared_layers": NOTE})
    assert set(ratios(path, capsys).values()) == {12 / 5}
    found = explain(read_trace(path, cache=False))
    assert (found.slow.layers, found.fast.layers) == (("small",), ("dense",))


@pytest.mark.parametrize(
    "own",
    [
        None,
        "text",
        [NOTE],
        {},
        *(
            {"compared_layers": note}
            for note in (
                None,
                "small",
                ["small", "dense"],
                {},
                {"slow": "small"},
                {"slow": None, "fast": "dense"},
                {"slow": 1, "fast": 2.5},
                {"slow": ["small"], "fast": {"dense": 1}},
                {"slow": "small", "fast": "gone"},
                {"slow": "gone", "fast": "dense"},
                {"slow": "dense", "fast": "small"},  # no dense layer is a convolution
                {"slow": "small", "fast": "big"},
                {"slow": "mall", "fast": "dense"},
                {"slow": "", "fast": ""},
                {"slow": "aten::conv2d", "fast": "aten::linear"},
            )
        ),
    ],
)
def test_without_a_pair_that_the_trace_has_it_is_what_takes_most_time(tmp_path: Path, own: Any) -> None:
    assert explain(read_trace(write(tmp_path, own), cache=False)).ratio == 40 / 8


@pytest.mark.parametrize("own", [None, {"compared_layers": {"slow": "small", "fast": "gone"}}])
def test_every_output_explains_what_takes_most_time_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own: Any
) -> None:
    assert set(ratios(write(tmp_path, own), capsys).values()) == {40 / 8}


@pytest.mark.parametrize(
    ("slow", "fast", "ratio"),
    [
        ("big", "wide", 40 / 8),
        ("big", "dense", 40 / 5),
        ("dense", "small", 5 / 12),
        ("small", None, 12 / 5),  # with what it was compared with
        ("conv2d (1,4,16,16) × (8,4,3,3)", None, 12 / 5),
        (None, "dense", 12 / 5),
        ("big", None, 40 / 8),  # others are not part of the pair
        (None, "wide", 40 / 8),
        ("dense", None, 5 / 8),  # nor are those in the other role
        (None, "small", 40 / 12),
    ],
)
def test_names_that_are_given_come_first(tmp_path: Path, slow: str | None, fast: str | None, ratio: float) -> None:
    trace = read_trace(write(tmp_path, {"compared_layers": NOTE}), cache=False)
    assert explain(trace, slow, fast).ratio == ratio


def test_a_name_that_is_not_found_is_said(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path, {"compared_layers": NOTE}), cache=False)
    for names in (("smalll", None), (None, "densse")):
        with pytest.raises(ProblemNotFoundError, match="did you mean"):
            explain(trace, *names)
    with pytest.raises(ProblemNotFoundError, match="no convolution has a pass 'dgrad'; there is forward"):
        explain(trace, pass_="dgrad")


def test_the_pair_is_noted_of_every_pass(tmp_path: Path) -> None:
    """In the sample's recording, the 7×7 convolution takes longer than the 3×3 one."""
    (sample,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    path = tmp_path / sample.name
    path.write_bytes(sample.read_bytes())
    assert explain(read_trace(path, cache=False)).slow.layers == ("conv7x7",)
    note_in_trace(path, "profiler_kit", {"compared_layers": {"slow": "conv3x3", "fast": "dense"}})
    trace = read_trace(path, cache=False)
    for pass_ in (None, "forward"):
        found = explain(trace, pass_=pass_)
        assert (found.slow.layers, found.slow.pass_, found.fast.pass_) == (("conv3x3",), "forward", "forward")
    found = explain(trace, "(64,3,3,3) padding 1, backward")
    assert (found.slow.layers, found.slow.pass_, found.fast.layers) == (("conv3x3",), "backward", ("dense",))
    with pytest.raises(ProblemNotFoundError, match="no matrix product has a pass 'backward'; there is dgrad"):
        explain(trace, pass_="backward")
