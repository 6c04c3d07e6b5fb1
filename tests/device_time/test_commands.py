"""``profiler-kit idle``, ``copies`` and ``steps``: what they write, in every format."""

from __future__ import annotations

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from profiler_kit.cli import main
from tests.builders import TraceBuilder

COMMANDS = ["idle", "copies", "steps"]


class Written(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Written:
    """Run the command in this process, as it runs when piped."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(arguments)
    return Written(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 µs of host in an operator with a hostile name, between two kernels; a copy at the end."""
    b = TraceBuilder()
    b.annotation("ProfilerStep#1", 0, 150)
    b.annotation("ProfilerStep#2", 150, 100)
    b.kernel("first", 10, 10, launched_at=5)
    b.op("=cmd \x1b[31mred <img src=x>", 20, 99)
    b.kernel("second", 120, 30, launched_at=115)
    b.copy("Memcpy HtoD (Pageable -> Device)", 160, 40, launched_at=155, size=1000)
    return b.write(tmp_path_factory.mktemp("trace") / "worker0.pt.trace.json")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    b = TraceBuilder()
    b.op("aten::add", 0, 10)
    return b.write(tmp_path_factory.mktemp("empty") / "worker0.pt.trace.json")


def document(command: str, path: Path) -> dict:
    found = json.loads(run(command, str(path), "--format", "json").stdout)
    assert (found["schema"], found["schema_version"]) == (f"profiler_kit.{command}", 1)
    return found


def test_idle_json(trace: Path) -> None:
    found = document("idle", trace)
    device = found["devices"][0]
    assert (device["busy_us"], device["idle_us"], device["span_us"]) == (80.0, 110.0, 190.0)
    assert sum(row["us"] for row in found["causes"]) == 110.0
    assert (found["origin_ns"], device["first_us"], device["before_first_us"]) == (0, 10.0, 10.0)
    gap = found["rows"][0]
    assert (gap["start_us"], gap["duration_us"], gap["device"], gap["cause"]) == (20.0, 100.0, 0, "host busy")
    assert gap["evidence"] == "host in =cmd \x1b[31mred <img src=x>; next is second"
    assert gap["step"] == 1


def test_copies_json(trace: Path) -> None:
    found = document("copies", trace)
    assert (found["total_us"], found["bytes"]) == (40.0, 1000)
    row = found["rows"][0]
    assert (row["direction"], row["memory"], row["waits"], row["step"]) == ("HtoD", "pageable", "asynchronous", 2)
    assert (row["start_us"], row["duration_us"], row["hidden_us"], row["exposed_us"]) == (0.0, 40.0, 0.0, 40.0)


def test_copies_of_a_gpu_that_is_named(trace: Path) -> None:
    """1000 B in 40 µs are 25 MB/s, of 15.754 GB/s."""
    (kind,) = json.loads(run("copies", str(trace), "--device", "T4", "--format", "json").stdout)["kinds"]
    assert (kind["peak_of"], kind["peak_share"]) == ("PCIe 3.0 x16", pytest.approx(0.025 / 15.754, rel=1e-4))
    assert document("copies", trace)["kinds"][0]["peak_share"] is None
    wrong = run("copies", str(trace), "--device", "T44")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1
    assert "did you mean T4" in wrong.stderr


def test_steps_json(trace: Path) -> None:
    found = document("steps", trace)
    first, second = found["rows"]
    assert (first["duration_us"], first["busy_us"], first["idle_us"], first["outside_us"]) == (150.0, 40.0, 100.0, 10.0)
    assert (second["exposed_copy_us"], second["idle_us"], second["outside_us"]) == (40.0, 10.0, 50.0)
    assert {row["class"]: row["us"] for row in found["classes"]} == {"compute": 40.0, "copy": 40.0}


@pytest.mark.parametrize("command", COMMANDS)
def test_text_fits_and_is_harmless(trace: Path, command: str) -> None:
    result = run(command, str(trace), "--width", "80")
    assert (result.returncode, result.stderr) == (0, "")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout


def test_text_says_what_is_not_idle(trace: Path) -> None:
    text = " ".join(run("idle", str(trace), "--width", "200").stdout.split())
    assert "Not counted as idle: 10.000 µs of the recording before the first activity and 50.000 µs after" in text


@pytest.mark.parametrize(("command", "rows"), [("idle", 2), ("copies", 1), ("steps", 2)])
def test_csv_is_one_table_without_formulas(trace: Path, command: str, rows: int) -> None:
    text = run(command, str(trace), "--format", "csv").stdout
    table = list(csv.DictReader(io.StringIO(text)))
    assert len(table) == rows
    assert "\x1b" not in text
    assert not [cell for row in table for cell in row.values() if cell.startswith("=")]


@pytest.mark.parametrize("command", COMMANDS)
def test_markdown_has_no_html(trace: Path, command: str) -> None:
    text = run(command, str(trace), "--format", "markdown").stdout
    assert text.startswith(f"# profiler_kit {command}")
    assert "<img" not in text


@pytest.mark.parametrize(
    ("command", "says"),
    [("idle", "no idle time"), ("copies", "no copies"), ("steps", "prof.step()")],
)
def test_nothing_to_show_is_said(empty: Path, command: str, says: str) -> None:
    result = run(command, str(empty))
    assert result.returncode == 0
    assert says in " ".join(result.stdout.split())


def test_a_trace_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    for command in COMMANDS:
        result = run(command, str(tmp_path / "nothing.json"))
        assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
