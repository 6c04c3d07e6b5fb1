"""``profiler-kit demo``: a short run, its figures checked by hand, and the files that it leaves."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from profiler_kit import explain, make_report, read_trace
from profiler_kit.report.explanation import explanation_json

pytest.importorskip("torch", reason="the demo needs torch")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "profiler_kit", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    logdir = tmp_path_factory.mktemp("runs") / "demo"
    return run(
        "--logdir", str(logdir), "--iterations", "5", "--rounds", "3", "--seconds", "0.2", "--width", "80"
    ), logdir


def test_it_prints_a_comparison_and_says_how_to_go_on(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    result, logdir = demo
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for title in ("Batch 1, forward", "Batch 1, backward", "Batch 32, forward", "Batch 32, backward"):
        assert title in result.stdout
    assert f"tensorboard --logdir {logdir}" in result.stdout
    assert f"profiler-kit report {logdir / 'batch_1'}" in result.stdout
    assert "http://localhost:6006/#profiler_kit&view=dense_vs_conv&run=batch_1" in result.stdout
    for batch in (1, 32):
        page = logdir / f"batch_{batch}" / "page.html"
        assert f"{page.as_uri()}#profiler_kit&view=dense_vs_conv" in result.stdout
        told = json.loads((page.parent / "explanation.json").read_text(encoding="utf-8"))
        data = re.search(r'id="profiler-kit-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
        assert data is not None
        said = json.loads(data[1])["view"]["dense_vs_conv"]["blocks"][0]["paragraphs"]
        assert "takes" in said[0]
        assert told["slow"]["operator"].removeprefix("aten::") in said[0]


# Worked out by hand: 2·1024·512; 2·(64·32·32)·(3·3·3); 2·(64·32·32)·(3·7·7), and float32 tensors once each.
BY_HAND = {
    "Linear(1024->512)": (1_048_576, 4 * (1024 + 512 * 1024 + 512 + 512)),
    "Conv2d(3->64, k3, p1)": (3_538_944, 4 * (3072 + 64 * 27 + 64 + 65536)),
    "Conv2d(3->64, k7, p3)": (19_267_584, 4 * (3072 + 64 * 147 + 64 + 65536)),
}


def test_work_and_rates_check_by_hand(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    document = json.loads((demo[1] / "comparison.json").read_text(encoding="utf-8"))
    rows = {(row["batch"], row["pass"], row["layer"]): row for row in document["rows"]}
    assert len(rows) == 12
    for layer, (flops, size) in BY_HAND.items():
        row = rows[1, "forward", layer]
        assert (row["flops"], row["bytes"]) == (flops, size)
        assert rows[32, "forward", layer]["flops"] == 32 * flops
        assert rows[32, "backward", layer]["flops"] == 64 * flops
        assert row["flops_per_s"] == pytest.approx(flops / row["median_ns"] * 1e9)
        assert row["q25_ns"] <= row["median_ns"] <= row["q75_ns"]
        dense = rows[1, "forward", "Linear(1024->512)"]
        assert row["time_ratio"] == pytest.approx(row["median_ns"] / dense["median_ns"])
    assert rows[1, "forward", "Conv2d(3->64, k7, p3)"]["flops_ratio"] == 18.375


@pytest.mark.parametrize("batch", [1, 32])
def test_each_batch_size_has_a_trace_reports_and_tensorboard_files(
    demo: tuple[subprocess.CompletedProcess[str], Path], batch: int
) -> None:
    folder = demo[1] / f"batch_{batch}"
    (path,) = folder.glob("*.pt.trace.json.gz")
    assert list(folder.glob("events.out.tfevents.*"))
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["schema"] == "profiler_kit.report"
    trace = read_trace(path)
    report = make_report(trace)
    assert report.totals.steps == 3
    assert set(report.layers.table["layer"]) == {"dense", "conv3x3", "conv7x7"}
    assert (report.layers.table["calls"] == 3).all()
    phases = trace.annotations["name"].value_counts()
    for layer in BY_HAND:
        assert phases[f"{layer} forward"] == phases[f"{layer} backward"] == 3
    for shape in ((batch, 3, 32, 32), (batch, 1024)):
        assert any(shape in (dims or ()) for dims in trace.signatures["input_dims"])


@pytest.mark.parametrize("batch", [1, 32])
def test_it_ends_with_the_ledger_and_a_verdict_on_each_of_its_sentences(
    demo: tuple[subprocess.CompletedProcess[str], Path], batch: int
) -> None:
    result, logdir = demo
    folder = logdir / f"batch_{batch}"
    told = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    trial = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    assert math.prod(factor["value"] for factor in told["factors"]) == pytest.approx(told["ratio"], rel=1e-9)
    assert [claim["factor"] for claim in trial["claims"]] == ["ratio", *(claim["factor"] for claim in told["claims"])]
    assert trial["claims"][0]["statement"] == told["sentences"][0]
    title = f"Why the 7×7 convolution takes longer than the dense layer, batch {batch}, forward"
    assert title in (folder / "ledger.md").read_text(encoding="utf-8")
    ledger = result.stdout[result.stdout.index(title[:60]) :]
    for claim in trial["claims"]:
        of_bound = claim["verdict"] == "confirmed" and claim["prediction"] != "estimate"
        assert f"• {claim['verdict']}{' as a bound' * of_bound}: {claim['statement'][:40]}" in ledger
    # The work is no matter of noise: 2·(64·32·32)·(3·7·7) against 2·1024·512 FLOP a sample.
    work = next(claim for claim in trial["claims"] if claim["factor"] == "useful_flops")
    assert (work["verdict"], work["predicted"]) == ("confirmed", pytest.approx(18.375))


@pytest.mark.parametrize("batch", [1, 32])
def test_its_trace_page_and_terminal_say_the_same(
    demo: tuple[subprocess.CompletedProcess[str], Path], batch: int
) -> None:
    _, logdir = demo
    folder = logdir / f"batch_{batch}"
    told = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    trace = read_trace(next(folder.glob("*.pt.trace.json.gz")), cache=False)
    # Whichever convolution took longer while the trace was recorded.
    assert trace.metadata["profiler_kit"]["compared_layers"] == {"slow": "conv7x7", "fast": "dense"}
    found = explain(trace)
    again = json.loads(explanation_json(found))
    assert [again[key] for key in ("ratio", "factors", "sentences", "claims")] == [
        told[key] for key in ("ratio", "factors", "sentences", "claims")
    ]
    takes = told["sentences"][0].partition(", at ")[0].rpartition(" takes ")[2]
    assert "a call, " in takes
    assert takes in (folder / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("logdir", ["/dev/null", "/proc/no"])
@pytest.mark.parametrize("claims", [(), ("--claims",)])
def test_a_logdir_that_cannot_be_written_is_one_line_before_anything_is_measured(
    logdir: str, claims: tuple[str, ...]
) -> None:
    result = run("--logdir", logdir, "--iterations", "1000000", "--seconds", "3600", *claims)
    assert result.returncode == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert logdir in lines[0]


def test_without_torch_it_names_the_extra() -> None:
    probe = (
        "import sys, importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a);"
        "from profiler_kit.cli import main; sys.exit(main(['demo']))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == "profiler-kit: the demo needs torch: pip install 'profiler-kit[torch]'\n"
