"""Matched pairs: what is equal about them by torch's own count, who wins and why, and the picture."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from profiler_kit.analysis.measured.matched_pairs import (  # noqa: E402
    MATCHES,
    ConvolutionShape,
    DenseShape,
    Peaks,
    SweptLayer,
    bounds,
    least_bytes,
    overview,
    why,
)
from profiler_kit.analysis.measured.timing_statistics import MedianInterval  # noqa: E402
from profiler_kit.cli import main  # noqa: E402
from profiler_kit.errors import ExperimentError, MissingExtraError, ProfilerKitError  # noqa: E402
from profiler_kit.experiments.matched_pairs import measure_matched_pairs  # noqa: E402
from profiler_kit.report.matched_pairs import MatchedPairsReport  # noqa: E402
from profiler_kit.report.sweep_plot import write_sweep_plot  # noqa: E402


def facts(shape: ConvolutionShape | DenseShape) -> dict[str, int]:
    """Run the layer and let torch count."""
    layer: nn.Module
    if isinstance(shape, ConvolutionShape):
        layer = nn.Conv2d(shape.channels, shape.filters, shape.kernel, padding=shape.kernel // 2)
    else:
        layer = nn.Linear(shape.inputs, shape.outputs)
    values = torch.zeros(shape.input_shape)
    with FlopCounterMode(display=False) as counter:
        output = layer(values)
    assert tuple(output.shape) == shape.output_shape
    parameters = sum(p.numel() for p in layer.parameters())
    return {
        "input size": values.numel(),
        "FLOPs": counter.get_total_flops(),
        "parameters": parameters,
        "output size": output.numel(),
        "bytes": 4 * (values.numel() + parameters + output.numel()),
    }


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize(
    "shape",
    [ConvolutionShape(1, 3, 8, 3, 6), ConvolutionShape(4, 5, 7, 1, 4), ConvolutionShape(2, 2, 6, 7, 5)],
    ids=str,
)
def test_pairs_are_equal_in_what_they_say(shape: ConvolutionShape, match: str) -> None:
    dense = shape.matching_dense(match)
    convolution, other = facts(shape), facts(dense)
    assert convolution[match] == other[match]
    assert (shape.flops, dense.flops) == (convolution["FLOPs"], other["FLOPs"])
    assert (least_bytes(shape), least_bytes(dense)) == (convolution["bytes"], other["bytes"])


def test_bounds_by_hand() -> None:
    peaks = Peaks(2e9, 4e9, 100.0, "")
    assert bounds(1000, 8000, peaks) == {"arithmetic": 500, "memory": 2000, "dispatch": 100}
    assert bounds(1000, 8000, Peaks(None, None, None, "")) == {}
    # 8,000 bytes fit into a cache of about that size, which is five times as fast; 80,000 do not.
    cached = replace(peaks, cached_bytes_per_s={8192: 5 * (peaks.bytes_per_s or 0)})
    assert bounds(1000, 8000, cached)["memory"] == 400
    assert bounds(1000, 80_000, cached)["memory"] == 20_000


def layer(median: float, **fields: object) -> SweptLayer:
    interval = MedianInterval(median, median, median, 10)
    one = SweptLayer(8, "FLOPs", "layer", 1000, 1000, 10, interval, None, (), {})
    return replace(one, **fields)  # type: ignore[arg-type]


def test_a_bound_that_is_undercut_is_none() -> None:
    assert layer(100.0, bounds_ns={"memory": 200.0, "arithmetic": 50.0}).bound == "arithmetic"
    assert layer(300.0, bounds_ns={"memory": 200.0, "arithmetic": 50.0}).bound == "memory"
    assert layer(300.0, bounds_ns={"memory": 200.0}).attainable_share == pytest.approx(2 / 3)
    assert layer(300.0).bound is None


@pytest.mark.parametrize(
    ("convolution", "dense", "told"),
    [
        ((100.0, {"arithmetic": 80.0}), (1000.0, {"memory": 900.0}), "bounds: the convolution waits for arithmetic"),
        ((100.0, {"arithmetic": 80.0}), (10.0, {"arithmetic": 8.0}), "work: the convolution has 10 × the FLOPs"),
        ((100.0, {"memory": 80.0}), (10.0, {"memory": 8.0}), "memory: the convolution moves 10 × the bytes"),
        ((100.0, {"arithmetic": 10.0}), (12.0, {"arithmetic": 9.0}), "efficiency: the convolution reaches 10% of"),
        ((100.0, {}), (12.0, {"arithmetic": 9.0}), "not known"),
    ],
)
def test_reasons(convolution: tuple[float, dict[str, float]], dense: tuple[float, dict[str, float]], told: str) -> None:
    first = layer(convolution[0], bounds_ns=convolution[1], flops=10_000, bytes=10_000)
    assert why(first, layer(dense[0], bounds_ns=dense[1])).startswith(told)


def test_who_wins_is_said_only_beyond_the_noise() -> None:
    ratios = [MedianInterval(0.5, 0.4, 0.6, 9), MedianInterval(2, 1.5, 3, 9), MedianInterval(1, 0.9, 1.2, 9)]
    layers = [layer(1, ratio=ratio, size=size) for size, ratio in enumerate(ratios)]
    assert overview(layers) == {"FLOPs": {"convolution": [0], "dense": [1], "undecided": [2]}}


@pytest.fixture(scope="module")
def report() -> MatchedPairsReport:
    return MatchedPairsReport(measure_matched_pairs([4, 64], filters=16, seconds=0.05))


def test_the_sweep_has_all_pairs_of_all_sizes_or_says_why_not(report: MatchedPairsReport) -> None:
    pairs = report.pairs
    found = [(one.size, one.match) for one in pairs.layers]
    assert found == [
        (4, None), *((4, match) for match in MATCHES), (64, None), *((64, match) for match in MATCHES[:3])
    ]  # fmt: skip
    # 12,288 × 65,536 values of 4 bytes.
    assert pairs.left_out == (("Linear(12288→65536), equal output size", "its weight would take 3,221 MB"),)
    assert pairs.rounds >= 6
    for one in pairs.layers:
        assert one.kernels
        assert one.call_ns.median > 0
        assert (one.ratio is None) == (one.match is None) == (one.why == "")


def test_renderers_tell_the_same(report: MatchedPairsReport) -> None:
    document = json.loads(report.to_json())
    assert (document["schema"], document["first_calls"]) == ("profiler_kit.matched_pairs", None)
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [(int(row["size"]), row["match"] or None) for row in rows] == [
        (one["size"], one["match"]) for one in document["layers"]
    ]
    for row, one in zip(rows, document["layers"], strict=True):
        assert float(row["call_us"]) == one["call_us"]["median"]
        if one["match"]:
            assert one["winner"] in ("convolution", "dense", "undecided")
            assert f"Equal {one['match']}" in report.to_markdown()
    text = report.to_text(width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "Left out: Linear(12288→65536)" in text


def test_the_picture_is_written_in_the_format_of_its_name(report: MatchedPairsReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        path = tmp_path / f"sweep{suffix}"
        write_sweep_plot(report.pairs, path)
        assert path.read_bytes().startswith(start)
    light, dark = tmp_path / "sweep.svg", tmp_path / "dark.svg"
    write_sweep_plot(report.pairs, dark, dark=True)
    assert b"<dc:date>" not in light.read_bytes()
    assert b"#0d1117" in dark.read_bytes()
    assert b"#0d1117" not in light.read_bytes()


def test_pictures_that_cannot_be_drawn_are_refused_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--plot", str(tmp_path / "sweep.docx")]) == 2
    assert "a figure's name must end in .svg, .pdf, .png" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "matplotlib" else SimpleNamespace())
    assert main(["compare", "--plot", str(tmp_path / "sweep.svg")]) == 2
    assert "pip install 'profiler-kit[plots]'" in capsys.readouterr().err
    assert issubclass(MissingExtraError, ProfilerKitError)


@pytest.mark.parametrize(
    ("sizes", "options", "told"),
    [
        ([], {}, "no sizes"),
        ([8], {"kernel": 4}, "give an odd one"),
        ([0], {}, "at least 1"),
        ([8], {"batch": -1}, "at least 1"),
        ([100_000], {}, "too large to measure"),
        ([8], {"channels": 100_000, "filters": 100_000}, "too large to measure"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(sizes: list[int], options: dict[str, int], told: str) -> None:
    with pytest.raises(ExperimentError, match=told):
        measure_matched_pairs(sizes, **options)  # type: ignore[arg-type]


def test_the_command_measures_and_writes_csv(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--sizes", "4,6", "--channels", "2", "4", "--seconds", "0.01", "--no-cold", "--format", "csv"]
    assert main(["compare", *options]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["size"] for row in rows] == ["4"] * 5 + ["6"] * 5
    assert main(["compare", "--sizes", "4;6"]) == 2
    assert "write numbers with commas" in capsys.readouterr().err
