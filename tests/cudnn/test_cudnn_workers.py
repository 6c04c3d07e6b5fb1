"""Workers that crash, hang or can't begin: stand-ins in a few lines of Python take the place of cuDNN's process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from profiler_kit.cudnn import oracle as oracle_module
from profiler_kit.cudnn.description import target_of_device
from profiler_kit.cudnn.oracle import CudnnError, Oracle, cudnn_library
from profiler_kit.cudnn.problem import conv_problem
from profiler_kit.cudnn.stand_in import StandInError, stand_in
from profiler_kit.devices import find_device
from profiler_kit.errors import MissingExtraError

PRELUDE = """
import json, os, sys, time
def say(**fields): print(json.dumps(fields), flush=True)
say(driver=True)
sys.stdin.readline()
"""

SERVE = """
say(version=90800)
for line in sys.stdin:
    batch = json.loads(line)["problem"]["input_shape"][0]
    if batch == 2:
        {trouble}
    say(version=90800, plans=[], chosen=None, error=f"batch {{batch}}")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libcudnn.so.9"
    library.touch()
    monkeypatch.setattr(oracle_module, "cudnn_library", lambda: library)


def start(script: str, timeout_s: float = 20, workers: int = 1) -> Oracle:
    return Oracle(workers, timeout_s=timeout_s, command=(sys.executable, "-c", PRELUDE + script))


def errors(oracle: Oracle) -> list[str | None]:
    target = target_of_device(find_device("H100"))
    problems = [conv_problem("fprop", (batch, 8, 8, 8), (8, 8, 3, 3)) for batch in (1, 2, 3, 4)]
    with oracle:
        return [answer.error for answer in oracle.predict([(problem, target) for problem in problems])]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("print('the last words', file=sys.stderr, flush=True); os.kill(os.getpid(), 11)", "signal 11.*the last words"),
        ("sys.exit(3)", r"ended \(3\)"),
        ("print('no JSON', flush=True)", "wrote no answer"),
        ("print('Could not load symbol x', file=sys.stderr, flush=True); os.abort()", "signal 6$"),
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.usefixtures("installed")
def test_a_crash_costs_one_question(trouble: str, words: str, workers: int) -> None:
    told = errors(start(SERVE.format(trouble=trouble), workers=workers))
    assert [told[0], *told[2:]] == ["batch 1", "batch 3", "batch 4"]
    with pytest.raises(RuntimeError, match=words):
        raise RuntimeError(told[1])


@pytest.mark.usefixtures("installed")
def test_a_device_that_ends_every_process_is_given_up(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"""
open({str(started)!r}, "a").write("x")
say(version=91002)
for line in sys.stdin:
    request = json.loads(line)
    if request["device"]["deviceName"] == "NVIDIA B200":
        os.kill(os.getpid(), 11)
    say(version=91002, plans=[], chosen=None, error="fine")
"""
    targets = [target_of_device(find_device(gpu)) for gpu in ("B200", "H100")]
    problems = [conv_problem("fprop", (batch, 8, 8, 8), (8, 8, 3, 3)) for batch in range(1, 21)]
    with start(script) as oracle:
        answers = oracle.predict([(problem, target) for problem in problems for target in targets])
    told = {gpu: [answer.error or "" for answer in answers if answer.device == gpu] for gpu in ("B200", "H100")}
    assert told["H100"] == ["fine"] * 20
    assert ["signal 11" in error for error in told["B200"]] == [True] * 3 + [False] * 17
    assert all(error.startswith("not asked: cuDNN's process ended 3 times in a row") for error in told["B200"][3:])
    assert started.read_text() == "x" * 4


@pytest.mark.usefixtures("installed")
def test_a_hang_costs_one_question() -> None:
    told = errors(start(SERVE.format(trouble="time.sleep(60)"), timeout_s=1.5))
    assert [told[0], *told[2:]] == ["batch 1", "batch 3", "batch 4"]
    assert "no answer in 1.5 s" in (told[1] or "")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("say(problem='old', message='90700')", "cuDNN 9.7.0 can't be asked.*9.8.*pip install"),
        ("say(problem='old', message='undefined symbol: cudnnX')", "undefined symbol.*9.8"),
        ("say(problem='load', message='libz.so.1: not found')", "libz.so.1: not found"),
        ("print('out of memory', file=sys.stderr, flush=True); sys.exit(1)", "out of memory"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_cannot_begin_says_why_in_one_line(script: str, words: str) -> None:
    with pytest.raises(CudnnError, match=words) as caught:
        start(script)
    assert "\n" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(MissingExtraError, match=r"profiler-kit\[cudnn\]"):
        cudnn_library()


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(StandInError, match="C compiler"):
        stand_in()


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StandInError, match=r"file/profiler-kit/cudnn: can't be written .*XDG_CACHE_HOME"):
        stand_in()


def test_a_failing_compiler_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho some notes >&2\necho disk full >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(StandInError, match="disk full"):
        stand_in()
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_stand_in_is_compiled_once_and_says_no_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import subprocess

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library = stand_in()
    made = library.stat().st_mtime_ns
    assert stand_in() == library
    assert library.stat().st_mtime_ns == made
    assert library.name != "libcuda.so.1"
    probe = f"import ctypes; print(ctypes.CDLL({str(library)!r}).cuModuleLoadData())"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True).stdout == "100\n"
