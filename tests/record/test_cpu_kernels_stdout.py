"""The user's stdout while the kernels of oneDNN and MKL are captured: to the byte what it is without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder, cpu_kernels

TRAINING = """
import ctypes, os, subprocess, sys, threading
import torch
from torch import nn
from profiler_kit.record import Recorder

libc = ctypes.CDLL(None)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 5))
images = torch.randn(2, 3, 8, 8)

def train(speak, steps=4):
    with Recorder(model, sys.argv[1], active=2, repeat=steps // 2, cpu_kernels=sys.argv[2] == "on") as recording:
        for step in range(steps):
            speak(step, "before")
            model(images).sum().backward()
            speak(step, "after")
            recording.step()

"""

SPEAKERS = {
    "python": "def speak(*what): print(*what)",
    "python, half lines": "def speak(*what): print('half', *what, end='', flush=True)",
    "file descriptor": r"def speak(*what): os.write(1, b'raw \xff\x00 %r' % (what,))",
    "C, left in the buffer": r"def speak(step, when): libc.printf(b'C %d\n', step); os.write(1, b'raw %d\n' % step)",
    "C, flushed": r"def speak(step, when): libc.printf(b'C %d', step); libc.fflush(None); os.write(1, b'raw\n')",
    "C, long": r"def speak(step, when): libc.puts(b'x' * 5000); print(step, flush=True)",
    "what looks like the libraries' lines": r"""
def speak(step, when):
    for line in (b'onednn_verbose,v1,mine', b'MKL_VERBOSE mine', b'onednn_verbos', b'MKL_VERBOS'):
        libc.puts(line)
        libc.printf(b'%s', line)
        os.write(1, line + b'\n')
""",
    "a child process": "def speak(*what): subprocess.run(['echo', *map(str, what)], check=True)",
    "a child that trains": r"""
CHILD = "import torch; torch.nn.Linear(4, 4)(torch.ones(2, 4)); print('done')"
def speak(step, when):
    if (step, when) == (1, "before"):
        subprocess.run([sys.executable, '-c', CHILD], check=True)
""",
    "a fork": r"""
def speak(step, when):
    child = os.fork()
    if child == 0:
        libc.printf(b'child %d', step)
        libc.fflush(None)
        os._exit(0)
    os.waitpid(child, 0)
""",
    "sys.stdout replaced": r"""
import io
def speak(step, when):
    sys.stdout, kept = io.StringIO(), sys.stdout
    print(step)
    text, sys.stdout = sys.stdout.getvalue(), kept
    print('kept', text)
""",
    "stdout redirected in between": r"""
def speak(step, when):
    print(step, when, flush=True)
    if when == 'before':
        speak.kept = os.dup(1)
        os.dup2(2, 1)
    else:
        os.dup2(speak.kept, 1)
        os.close(speak.kept)
""",
}


@pytest.fixture(autouse=True, scope="module")
def possible() -> None:
    capture = cpu_kernels.CpuKernelCapture()
    capture.install()
    capture.remove()
    if capture.problem is not None:
        pytest.skip(capture.problem)


def run(script: str, logdir: Path, *, on: bool) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_VERBOSE")}
    result = subprocess.run(
        [sys.executable, "-c", TRAINING + script, str(logdir), "on" if on else "off"],
        capture_output=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    assert result.returncode == 0, result.stderr.decode(errors="replace")
    return result


def test_stdout_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """All ways of printing in one process: importing torch for each of them would take most of the time."""
    parts = [f"{text}\ntrain(speak)\nprint('=' * 8, flush=True)\nlibc.fflush(None)\n" for text in SPEAKERS.values()]
    script = "\n".join(parts)
    with_capture, without = (run(script, tmp_path / str(on), on=on).stdout for on in (True, False))
    assert with_capture == without
    assert with_capture.count(b"=" * 8) == len(SPEAKERS)
    traces = sorted((tmp_path / "True").iterdir())
    assert len(traces) == 2 * len(SPEAKERS)
    assert all(len(read_trace(path).cpu_kernels) for path in traces)


def test_threads_that_print_lose_nothing(tmp_path: Path) -> None:
    script = r"""
def chatter(name):
    for number in range(2000):
        os.write(1, b'%s %d\n' % (name, number))
        libc.puts(b'C %s %d' % (name, number))
threads = [threading.Thread(target=chatter, args=(name,)) for name in (b'a', b'b')]
for thread in threads: thread.start()
train(lambda *_: None, steps=8)
for thread in threads: thread.join()
"""
    lines = run(script, tmp_path, on=True).stdout.splitlines()
    for start in (b"a ", b"b ", b"C a ", b"C b "):
        # C writes its full buffer in the middle of a line, and then the other way of printing may come in between.
        assert sum(line.count(start) for line in lines) >= 1990
    assert sum(map(len, lines)) == sum(2 * (len(f"a {n}") + len(f"C a {n}")) for n in range(2000))
    assert b"onednn_verbose" not in b"".join(lines)
    assert b"MKL_VERBOSE" not in b"".join(lines)


def test_stdout_closed_and_lines_printed_before(tmp_path: Path) -> None:
    """oneDNN decides with its first line, once and for all, whether it prints timestamps."""
    script = """
with torch.backends.mkldnn.verbose(1): model(images)
os.close(1)
train(lambda *_: None, steps=2)
os._exit(0)
"""
    assert run(script, tmp_path, on=True).stdout.count(b"convolution,") == 1
    (path,) = tmp_path.iterdir()
    trace = read_trace(path)
    convolutions = trace.cpu_kernels[trace.cpu_kernels["primitive"] == "convolution"]
    assert len(convolutions) == 4
    assert (convolutions["start_from"] == "line").all()
    assert convolutions["op"].notna().all()


def test_captured_by_pytest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Recorder(None, tmp_path, cpu_kernels=True):
        print("from Python")
        nn.Linear(4, 4)(torch.ones(2, 4))
        os.write(1, b"written\n")
    assert sorted(capfd.readouterr().out.splitlines()) == ["from Python", "written"]


def test_captured_by_pytest_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorder(None, tmp_path, cpu_kernels=True):
        print("from Python")
        nn.Linear(4, 4)(torch.ones(2, 4))
    assert capsys.readouterr().out == "from Python\n"
