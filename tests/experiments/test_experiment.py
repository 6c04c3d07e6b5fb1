"""`pk.experiment` as a whole: what it measures, that it notices wrong outputs, and that it leaves no trace behind."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import profiler_kit as pk  # noqa: E402
from profiler_kit.analysis.ledger.explanation import Claim  # noqa: E402
from profiler_kit.analysis.measured.experiment import EQUAL_DENSE  # noqa: E402
from profiler_kit.cli import main  # noqa: E402
from profiler_kit.errors import ExperimentError, RecordingError  # noqa: E402
from profiler_kit.experiments import experiment as module  # noqa: E402
from profiler_kit.experiments.subject import as_given  # noqa: E402
from profiler_kit.experiments.variants import builders  # noqa: E402
from profiler_kit.report.experiment import ExperimentReport  # noqa: E402

SAMPLES = Path(__file__).resolve().parents[2] / "traces"
NAMES = ["channels_last", "batch 8", "no bias", "1 thread", "im2col GEMM", "TF32 on", "channels to 4"]


class Careful(nn.Conv2d):  # type: ignore[misc]
    """A user's layer with state that a careless experiment would change."""

    def __init__(self) -> None:
        super().__init__(4, 8, 3, padding=1)
        self.calls = 0

    def forward(self, images: Any) -> Any:
        self.calls += 1
        return super().forward(images)


@pytest.fixture(scope="module")
def report() -> ExperimentReport:
    return pk.experiment("Conv2d(4, 8, 3, padding=1)", (2, 4, 12, 12), variants=NAMES, seconds=0.05)


def test_every_variant_is_measured_or_says_why_not(report: ExperimentReport) -> None:
    result = report.experiment
    measured, missing = [one.name for one in result.variants], [one.name for one in result.not_possible]
    assert measured[0] == "as given"
    assert {*measured, *missing} >= set(NAMES)
    assert not {*measured} & {*missing}
    assert EQUAL_DENSE in measured
    assert all(one.reason for one in result.not_possible)
    for one in result.variants:
        assert one.call_ns.samples == one.ratio.samples == len(one.rounds_ns)
        assert 7 <= result.rounds <= one.ratio.samples <= result.rounds + result.more_rounds
        assert 0 < one.call_ns.low <= one.call_ns.median <= one.call_ns.high
        assert one.outputs == "same"
        assert one.kernels
    assert result.variant("as given").ratio.median == 1  # type: ignore[union-attr]
    assert result.variant("batch 8").samples == 8  # type: ignore[union-attr]


def test_flops_are_those_of_the_shapes(report: ExperimentReport) -> None:
    flops = {one.name: one.flops for one in report.experiment.variants}
    assert flops["as given"] == flops["im2col GEMM"] == 2 * (2 * 8 * 12 * 12) * (4 * 9)
    assert flops["batch 8"] == 4 * (flops["as given"] or 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="kernels of the CPU's libraries are expected")
def test_kernels_are_those_of_the_libraries(report: ExperimentReport) -> None:
    product = report.experiment.variant("im2col GEMM")
    assert product is not None
    if torch.backends.mkl.is_available():
        assert product.kernels == ("SGEMM",)


def test_the_ledger_is_put_on_trial(report: ExperimentReport) -> None:
    claims = report.experiment.claims
    assert claims[0].factor == "ratio"
    assert {claim.verdict for claim in claims} <= {"confirmed", "refuted", "undecided", "not tested"}
    for claim in claims:
        assert (claim.measured is None) == (claim.verdict == "not tested")


def test_json_csv_markdown_and_text_tell_the_same(report: ExperimentReport) -> None:
    document = json.loads(report.to_json())
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.experiment", 1)
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    markdown, text = report.to_markdown(), report.to_text(width=80)
    assert [row["name"] for row in rows] == [one["name"] for one in document["variants"]]
    for row, one in zip(rows, document["variants"], strict=True):
        assert float(row["call_us_low"]) == one["call_us"]["low"]
        assert one["effect"] in ("faster", "slower", "no difference seen", "not known")
        assert one["name"] in markdown
        assert one["name"] in text
    for one in document["not_possible"]:
        assert one["reason"] in markdown
    assert max(map(len, text.splitlines())) <= 80
    assert str(report).startswith("profiler_kit experiment\n")


def test_interference_by_other_processes_is_told(report: ExperimentReport) -> None:
    result = replace(report.experiment, rounds=9, seconds=2.0, more_rounds=4)
    for preemptions, warned in ((None, False), (199, False), (201, True)):
        text = ExperimentReport(replace(result, preemptions=preemptions)).to_text(width=160)
        assert "9 rounds in random order, and 4 of what these did not decide, in 2.0 s" in text
        assert (f"other processes took a core away {preemptions} times" in text) is warned


def test_the_users_layer_settings_and_random_state_are_left_alone() -> None:
    layer, values = Careful().train(), torch.randn(1, 4, 6, 6, requires_grad=True)
    weights = {name: value.clone() for name, value in layer.state_dict().items()}
    state, threads, cache = torch.get_rng_state(), torch.get_num_threads(), torch.backends.cudnn.benchmark
    result = pk.experiment(layer, values, seconds=0.01, ledger=False, variants=["bf16", "1 thread", "no bias"])
    assert len(result.experiment.variants) >= 3
    assert layer.calls == 0
    assert layer.training
    assert values.grad is None
    assert all(torch.equal(value, weights[name]) for name, value in layer.state_dict().items())
    assert layer.bias.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.backends.cudnn.benchmark) == (threads, cache)
    assert torch.is_grad_enabled()


def test_settings_come_back_when_a_variant_fails_halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, other = torch.get_num_threads(), "1 thread" if torch.get_num_threads() > 1 else "2 threads"
    if other not in builders():
        pytest.skip("there is one core only")
    monkeypatch.setattr(module, "time_interleaved", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pk.experiment("Linear(4,4)", (2, 4), variants=[other], ledger=False)
    assert torch.get_num_threads() == threads


def test_a_faster_wrong_result_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(subject: Any) -> Any:
        return replace(as_given(subject), name="wrong", call=lambda: subject.layer(subject.input) + 0.5)

    def misshapen(subject: Any) -> Any:
        return replace(as_given(subject), name="misshapen", call=lambda: subject.layer(subject.input)[:1])

    monkeypatch.setattr(module, "builders", lambda: {"wrong": wrong, "misshapen": misshapen})
    report = pk.experiment("Linear(16,8)", (4, 16), seconds=0.01, ledger=False)
    found = {one.name: one for one in report.experiment.variants}
    assert (found["wrong"].outputs, found["misshapen"].outputs) == ("different", "different")
    assert found["as given"].outputs == "same"
    assert "Another output than the layer's, whatever the time: wrong, misshapen." in report.to_text(width=120)
    # Whatever the clock says, neither is recommended.
    statement = next(line for line in report.to_text(width=120).splitlines() if line.startswith("•"))
    assert "wrong" not in statement
    assert json.loads(report.to_json())["variants"][2]["error"] is None


def test_what_the_ledger_proposes_is_measured_whatever_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    told = pk.explain(pk.read_trace(path), "conv7x7", "dense")
    claim = Claim("dispatch_overhead", "Title", "evidence", "advice", "batch", told.slow.device_us / 2, batch=6)
    monkeypatch.setattr(module, "record_ledger", lambda *_: replace(told, claims=(claim,)))
    result = pk.experiment("Conv2d(3,4,3)", (1, 3, 6, 6), variants=["no bias"], seconds=0.01).experiment
    assert {"no bias", "equal dense", "batch 6", "smallest layer", "smallest other"} == {
        one.name for one in result.variants[1:]
    }
    headline, tested = result.claims
    assert headline.statement == told.sentences[0]
    assert (tested.variant, tested.predicted) == ("batch 6", 0.5)
    assert tested.verdict in ("confirmed", "refuted", "undecided")


def test_a_layer_without_a_ledger_says_so() -> None:
    report = pk.experiment(nn.ReLU(), (2, 8), seconds=0.01, variants=["batch 1"])
    assert report.experiment.claims == ()
    assert report.experiment.no_claims == "it compares with the dense layer of equal FLOPs, only for convolutions"
    assert [one.name for one in report.experiment.variants] == ["as given", "batch 1"]


def test_bad_input_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ExperimentError, match="no variant is called 'fp8'; there are channels_last"):
        pk.experiment("Linear(4,4)", (2, 4), variants=["fp8"])
    with pytest.raises(ExperimentError, match="input must be a tensor or a shape"):
        pk.experiment("Linear(4,4)", "2,4")
    with (
        pk.profile(None, tmp_path, tensorboard=False),
        pytest.raises(RecordingError, match="another recording is running"),
    ):
        pk.experiment("Linear(4,4)", (2, 4), variants=[], seconds=0.01)


def test_the_command_writes_json_and_keeps_standard_error_clean() -> None:
    options = ["--seconds", "0.01", "--variants", "bf16, batch 8", "--no-ledger", "--format", "json"]
    command = [sys.executable, "-m", "profiler_kit", "experiment", "Linear(16, 8)", "--input", "4,16", *options]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert [one["name"] for one in document["variants"]] == ["as given", "bf16", "batch 8"]
    assert document["claims"] == []


@pytest.mark.parametrize("arguments", [["os.system('true')", "--input", "1"], ["Linear(2,2)", "--input", "0,2"]])
def test_the_command_refuses_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("profiler-kit: ")
