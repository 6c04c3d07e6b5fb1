"""``profiler-kit report`` as a user meets it: real processes, their output and exit codes."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiler_kit.cli import commands
from tests.builders import TraceBuilder


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "profiler_kit", *arguments],
        capture_output=True, text=True, encoding="utf-8", env=environment, timeout=120, **options,
    )  # fmt: skip


@pytest.fixture
def gpu_trace(tmp_path: Path) -> Path:
    b = TraceBuilder(deviceProperties=[{"id": 0, "name": "NVIDIA Example"}])
    b.op("aten::cudnn_convolution", 0, 50, **{"Input Dims": [[1, 3, 8, 8], [4, 3, 3, 3]]})
    b.kernel("void cudnn::example<float, 3>(int)", 60, 40, launched_at=10)
    (tmp_path / "run").mkdir()
    return b.write(tmp_path / "run" / "worker0.pt.trace.json")


def test_text_into_a_pipe_has_no_colour_codes(gpu_trace: Path) -> None:
    result = run("report", str(gpu_trace))
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert "NVIDIA Example (device 0)" in result.stdout
    assert "cudnn::example<float, 3>" in result.stdout
    assert result.stderr == ""


def test_colour_on_request(gpu_trace: Path) -> None:
    assert "\x1b[" in run("report", str(gpu_trace), "--color", "always").stdout


def test_json_has_the_documented_keys(gpu_trace: Path) -> None:
    document = json.loads(run("report", str(gpu_trace), "--format", "json").stdout)
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.report", 1)
    assert list(document["totals"]) == [
        "kernels", "distinct_kernels", "kernel_us", "copies", "copy_us", "copy_bytes", "memsets", "memset_us",
        "gpu_busy_us", "gpu_span_us", "kernels_launched", "kernels_in_op", "conv_fwd_us", "conv_bwd_us", "steps",
    ]  # fmt: skip
    assert document["totals"]["conv_fwd_us"] == 40
    assert document["kernels"]["rows"][0]["total_ns"] == 40_000


def test_markdown_goes_to_a_file(gpu_trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.md"
    assert run("report", str(gpu_trace), "--format", "markdown", "-o", str(out)).stdout == ""
    assert out.read_text(encoding="utf-8").startswith("# profiler_kit report\n")


def test_by_shape(gpu_trace: Path) -> None:
    assert "(1,3,8,8) (4,3,3,3)" in run("report", str(gpu_trace), "--by-shape", "--width", "160").stdout


def test_a_directory_reports_its_newest_trace(gpu_trace: Path) -> None:
    newer = gpu_trace.with_name("worker1.pt.trace.json")
    newer.write_bytes(gpu_trace.read_bytes())
    os.utime(gpu_trace, ns=(0, 0))
    result = run("report", str(gpu_trace.parent))
    assert newer.name in result.stdout.replace("\n", "").replace(" ", "")
    assert "2 traces" in result.stderr


def test_a_trace_without_gpu_gives_its_host_report(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::linear", 0, 50)
    result = run("report", str(b.write(tmp_path / "cpu.json")))
    assert result.returncode == 0
    assert "No GPU activity" in result.stdout
    assert "matrix products" in result.stdout


def test_a_reader_that_goes_away_is_no_error(gpu_trace: Path) -> None:
    command = f"{sys.executable} -m profiler_kit report {gpu_trace} | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert result.stderr == ""


def test_an_ascii_terminal_gets_replacements(gpu_trace: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "profiler_kit", "report", str(gpu_trace)]
    result = subprocess.run(command, capture_output=True, env=environment, timeout=60)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_a_name_that_is_no_text(gpu_trace: Path, tmp_path: Path) -> None:
    odd = gpu_trace.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\x1b[31m.json"))
    out = tmp_path / "out"
    for given in (["report"], ["report", "--format", "html"], ["ranks", "--format", "json"], ["layers"]):
        assert commands.run([*given, str(odd), "-o", str(out)]) == 0
        assert "\x1b" not in out.read_text(encoding="utf-8")
    json.loads(run("report", str(odd), "--format", "json").stdout)
    for viewer in ("speedscope", "torch-tb-profiler"):
        assert commands.run(["export", str(odd), "--to", viewer, "-o", str(tmp_path / "x.pt.trace.json.gz")]) == 0
    odd.write_bytes(b"")
    assert_one_line_error(run("report", str(odd)), "the file is empty")


def test_too_little_memory(
    gpu_trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(_path: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr("profiler_kit.formats.read_trace", read)
    assert commands.run(["report", str(gpu_trace)]) == 2
    assert capsys.readouterr().err.startswith("profiler-kit: there is not enough memory")


BAD_FILES = {
    "empty.json": b"",
    "empty.json.gz": gzip.compress(b""),
    "other.json": b'{"a": 1}',
    "list_of_numbers.json": b"[1, 2, 3]",
    "text.json": b"hello",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "cut.json.gz": gzip.compress(b'{"traceEvents": []}')[:12],
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_give_one_line_and_exit_code_2(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BAD_FILES[name])
    assert_one_line_error(run("report", str(path)), str(path))


def test_bad_places_give_one_line_and_exit_code_2(gpu_trace: Path, tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing.json", tmp_path / "empty"
    empty.mkdir()
    assert_one_line_error(run("report", str(missing)), str(missing))
    assert_one_line_error(run("report", str(empty)), str(empty))
    assert_one_line_error(run("report", str(gpu_trace), "-o", str(empty)), str(empty))
    assert_one_line_error(run("report", str(gpu_trace), "-o", str(missing / "x.md")), str(missing))


NUMBER = ("0", "-1", "x", "1.5", "9" * 5000, "")


def bad_options() -> list[tuple[list[str], str]]:
    """Every option of every command with values that it does not take, and what the error has to name."""
    listed: list[tuple[list[str], str]] = [([], "COMMAND"), (["reprot"], "did you mean report?")]
    numbers = {"rows", "width", "batch", "channels", "kernel", "iterations", "rounds", "seconds"}
    numbers |= {"peak_flops", "bandwidth"}
    for parser in subparsers():
        command = [parser.prog.split()[-1]]
        for action in parser._actions:
            if action.required and action.nargs not in ("?", "*"):
                command += [*action.option_strings[:1], next(iter(action.choices or ["x"]))]
        listed += [
            ([*command, "--nothing"], "no option --nothing"),
            ([*command, "--colour", "never"], "no option --colour"),
        ]
        for action in parser._actions:
            name = action.option_strings[0] if action.option_strings else ""
            bad = NUMBER if action.dest in numbers else ("", "nonsense", "\x1b[31mred") if action.choices else ()
            values = [value for value in bad if not (value == "1.5" and action.dest in FRACTIONS)]
            listed += [([*command, f"{name}={value}"], name) for value in values if action.nargs is None]
            if name and action.nargs is None:
                listed.append(([*command, name], name))
    return listed


FRACTIONS = ("seconds", "peak_flops", "bandwidth")


def subparsers() -> list[argparse.ArgumentParser]:
    (group,) = [a for a in commands._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return list(group.choices.values())


def test_bad_options_are_one_line_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    tried = bad_options()
    assert len(tried) > 200
    for given, named in tried:
        assert commands.run(given) == 2, given
        out, error = capsys.readouterr()
        assert out == ""
        (line,) = error.splitlines()
        assert line.startswith("profiler-kit: "), line
        assert named in line
        assert "; " in line, line  # what is wrong; what to do
        assert "argument --" not in line
        assert "\x1b" not in line


def test_unknown_arguments_exit_with_2(gpu_trace: Path) -> None:
    assert_one_line_error(run("report"), "missing: TRACE")
    assert_one_line_error(run("no-such-command"), "known are report, ")
    assert_one_line_error(run(), "missing: COMMAND")
    assert_one_line_error(run("report", str(gpu_trace), "more"), "one argument too many: 'more'")
    assert_one_line_error(run("diff", "-", "-"), "can be read once; name a file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_output_that_goes_nowhere(gpu_trace: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m profiler_kit report {gpu_trace}"
    for redirection, code, said in (
        (">/dev/full", 2, "profiler-kit: No space left on device\n"),
        (">&-", 2, "profiler-kit: standard output is closed; name a file with --output\n"),
        (f"-o {tmp_path / 'x'} >&-", 0, ""),
        ("2>&-", 0, ""),
    ):
        done = subprocess.run(["bash", "-c", f"{command} {redirection}"], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (code, said)
    assert (tmp_path / "x").read_text(encoding="utf-8").startswith("profiler_kit report\n")


@pytest.mark.parametrize("command", [[], ["report"], ["demo"]])
def test_help(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.returncode == 0
    assert "usage: profiler-kit" in result.stdout


def assert_one_line_error(result: subprocess.CompletedProcess[str], place: str) -> None:
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("profiler-kit: ")
    assert place in line


@pytest.mark.parametrize("command", ["report", "layers", "steps", "selection"])
def test_every_command_says_that_a_file_is_cut_short(gpu_trace: Path, command: str) -> None:
    text = gpu_trace.read_bytes()
    gpu_trace.write_bytes(text[: text.rindex(b"]")])
    result = run(command, str(gpu_trace))
    assert result.returncode == 0
    assert result.stderr.startswith(f"{gpu_trace.name}: The file is cut short: complete events end at byte ")
    assert result.stderr.count("\n") == 1


def test_ranks_says_which_file_is_cut_short_and_whose_rank_is_a_name(gpu_trace: Path) -> None:
    text = gpu_trace.read_bytes()
    gpu_trace.with_name("worker1.pt.trace.json").write_bytes(text[: text.rindex(b"]")])
    result = run("ranks", str(gpu_trace.parent))
    assert result.returncode == 0
    first, second = result.stderr.splitlines()
    assert first == "ranks told by the file's name only: 2 of 2 traces"
    assert second.startswith("rank 1: The file is cut short")


def test_ranks_says_which_file_cannot_be_read(gpu_trace: Path) -> None:
    bad = gpu_trace.with_name("worker1.pt.trace.json")
    bad.touch()
    result = run("ranks", str(gpu_trace.parent))
    assert result.returncode == 0
    assert result.stderr.splitlines()[0].startswith(f"left out: {bad}, byte 0: the file is empty;")
    assert "ranks 1; missing: 1" in result.stdout
    gpu_trace.write_bytes(b"")
    assert_one_line_error(run("ranks", str(gpu_trace.parent)), "the file is empty")


@pytest.mark.parametrize("width", ["0", "-3", "wide"])
def test_a_width_that_is_none_is_refused(gpu_trace: Path, width: str) -> None:
    result = run("report", str(gpu_trace), "--width", width)
    assert (result.returncode, result.stdout) == (2, "")
    advice = "is no number of columns; give 60 or more"
    assert result.stderr == f"profiler-kit: report: --width: '{width}' {advice}\n"


def test_a_narrow_text_is_60_wide_and_names_the_columns_left_out(gpu_trace: Path) -> None:
    narrow = run("report", str(gpu_trace), "--width", "40").stdout
    assert narrow == run("report", str(gpu_trace), "--width", "60").stdout
    assert "At this width without: library, what, types, layout, mean." in narrow
    assert "At this width without" not in run("report", str(gpu_trace), "--width", "200").stdout
