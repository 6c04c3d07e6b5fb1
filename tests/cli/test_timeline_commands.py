"""``profiler-kit memory``, ``ranks``, ``diff`` and ``check``: what they print, and their exit codes."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from profiler_kit.cli import main
from tests.builders import TraceBuilder
from tests.cli.test_report_command import run as run_process

EVIL = "\x1b[31mevil\u202e=cmd"


def run(*arguments: str) -> SimpleNamespace:
    """Run a command in this process, which saves starting dozens of them."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranks of two steps, with memory events, and names that must not reach a terminal as they are."""
    folder = tmp_path_factory.mktemp("traces")
    for rank in range(2):
        b = TraceBuilder(distributedInfo={"rank": rank, "world_size": 2})
        for step in range(2):
            at = 1000 * step
            b.annotation(f"ProfilerStep#{step}", at, 900)
            b.annotation(f"layer: {EVIL} (Linear) #1", at + 1, 300)
            b.op("aten::linear", at + 5, 200, **{"Input Dims": [[4, 8], [16, 8]]})
            b.kernel(f"volta_sgemm_{rank}", at + 20, 100 + 30 * rank, launched_at=at + 10)
            b.event(
                "user_annotation", "nccl:all_reduce", at + 210, 20, **{"Input Dims": [[1000]], "Input type": ["float"]}
            )
            b.kernel(
                "ncclKernel_AllReduce_RING_LL_Sum_float", at + 130 + 30 * rank, 100 - 30 * rank, launched_at=at + 215
            )
            for size in (4096, -4096):
                args = {"Device Type": 1, "Device Id": 0, "Addr": 7, "Bytes": size, "Total Allocated": max(size, 0)}
                instant = {"ph": "i", "cat": "cpu_instant_event", "name": "[memory]", "pid": 10, "tid": 1}
                b.events.append({**instant, "ts": at + 100 + (size < 0), "args": args})
        b.write(folder / f"rank{rank}.pt.trace.json")
    (folder / "rules.toml").write_text("[pageable_copies]\nmax = 0\n[kernels_per_step]\nmax = 1\n")
    return folder


def arguments(traces: Path) -> dict[str, list[str]]:
    first, second = str(traces / "rank0.pt.trace.json"), str(traces / "rank1.pt.trace.json")
    return {
        "memory": ["memory", first],
        "ranks": ["ranks", str(traces)],
        "diff": ["diff", first, second],
        "check": ["check", first, "--rules", str(traces / "rules.toml")],
    }


@pytest.mark.parametrize("command", ["memory", "ranks", "diff", "check"])
def test_text_fits_and_is_harmless(traces: Path, command: str) -> None:
    for width in ("80", "160"):
        result = run(*arguments(traces)[command], "--width", width)
        assert result.returncode == (command == "check")
        assert result.stderr == ""
        assert max(map(len, result.stdout.splitlines())) <= int(width)
        assert "\x1b" not in result.stdout
        assert "\u202e" not in result.stdout


@pytest.mark.parametrize("command", ["memory", "ranks", "diff", "check"])
def test_json_and_markdown(traces: Path, command: str) -> None:
    document = json.loads(run(*arguments(traces)[command], "--format", "json").stdout)
    assert (document["schema"], document["schema_version"]) == (f"profiler_kit.{command}", 1)
    assert document["rows"]
    assert run(*arguments(traces)[command], "--format", "markdown").stdout.startswith(f"# profiler_kit {command}")


@pytest.mark.parametrize("command", ["memory", "ranks", "diff"])
def test_csv_is_one_table_without_formulas(traces: Path, command: str) -> None:
    text = run(*arguments(traces)[command], "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows
    assert "\x1b" not in text
    assert not [cell for row in rows for cell in row.values() if cell.startswith("=")]


def test_figures_of_the_json(traces: Path) -> None:
    documents = {
        name: json.loads(run(*given, "--format", "json").stdout) for name, given in arguments(traces).items()
    }  # fmt: skip
    (device,) = documents["memory"]["devices"]
    assert (device["peak_bytes"], device["peak_us"], device["allocations"]) == (4096, 0.0, 2)
    assert documents["memory"]["rows"][0]["operator"] == "aten::linear"
    ranks = documents["ranks"]
    assert [row["waiting_us"] for row in ranks["rows"]] == [60.0, 0.0]
    assert [step["straggler"] for step in ranks["steps"]] == [1, 1]
    diff = documents["diff"]
    assert (diff["a_us"], diff["b_us"], diff["difference_us"]) == (200.0, 200.0, 0.0)
    assert sum(row["difference_us"] for row in diff["rows"]) == 0
    assert [row["result"] for row in documents["check"]["rows"]] == ["passed", "failed"]


def test_check_exit_codes(traces: Path, tmp_path: Path) -> None:
    trace, rules, baseline = str(traces / "rank0.pt.trace.json"), tmp_path / "rules.toml", tmp_path / "base.json"
    written = run("check", trace, "--write-baseline", str(baseline))
    assert (written.returncode, written.stdout) == (0, "")
    assert "2 names of GPU" in written.stderr
    rules.write_text('[kernels]\nbaseline = "base.json"\n')
    assert run("check", trace, "--rules", str(rules)).returncode == 0
    failed = run_process("check", str(traces / "rank1.pt.trace.json"), "--rules", str(rules))
    assert failed.returncode == 1
    assert "volta_sgemm_1" in failed.stdout
    rules.write_text("[kernel]\nbaseline = 1\n")
    for given in (["--rules", str(rules)], [], ["--rules", str(tmp_path / "none.toml")]):
        wrong = run("check", trace, *given)
        assert (wrong.returncode, wrong.stdout, len(wrong.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("command", ["memory", "ranks", "check", "diff"])
def test_a_trace_that_is_not_there_is_one_line(command: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing.json")
    given = [
        command,
        missing,
        *([missing] if command == "diff" else []),
        *(["--rules", "x"] if command == "check" else []),
    ]
    result = run(*given)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_ranks_without_a_gpu(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::relu", 0, 1)
    result = run("ranks", str(b.write(tmp_path / "t.json")))
    assert result.returncode == 0
    assert "No GPU activity in these traces" in result.stdout
    assert "0.000" not in result.stdout


def test_memory_that_was_not_recorded(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::relu", 0, 1)
    path = b.write(tmp_path / "t.json")
    result = run("memory", str(path))
    assert result.returncode == 0
    assert "profile_memory=True" in result.stdout
    assert json.loads(run("memory", str(path), "--format", "json").stdout)["missing"]
