"""Progress on a terminal, and nothing of it elsewhere."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.builders import TraceBuilder

pty = pytest.importorskip("pty", reason="terminals")

# As if every file took longer than a second.
BOOT = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from profiler_kit.cli import main, progress; progress.SHOWN_AFTER_S = -1; sys.exit(main())"
)
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
EVIL = "[red]evil[_red]\x1b[2J"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    b = TraceBuilder()
    for n in range(20_000):
        b.op(f"op{n % 9}", 10 * n, 5)
    return b.write(tmp_path / f"{EVIL}.json")


def start(*arguments: str, columns: int = 80) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command whose standard error is a terminal; returns it and the terminal's other end."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", BOOT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**environment, "COLUMNS": str(columns), "TERM": "xterm-256color"},
    )
    os.close(theirs)
    return process, ours


def read_until(terminal: int, sign: bytes | None) -> bytes:
    """Return what a terminal shows until a sign appears, or until nobody writes to it any more."""
    shown = b""
    while sign is None or sign not in shown:
        try:
            block = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not block:
            break
        shown += block
    return shown


@pytest.mark.parametrize("columns", [60, 160])
def test_a_terminal_shows_bytes_and_gets_its_cursor_back(trace: Path, columns: int) -> None:
    process, terminal = start("layers", str(trace), "--no-cache", columns=columns)
    shown = read_until(terminal, None)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert ("reading [red]evil[_red]\\u001b[2J" if columns == 160 else "reading [re…").encode() in shown
    assert re.search(rb"\d\.\d/\d+\.\d MB.* MB/s.*\d:\d\d:\d\d", shown)
    assert b"\x1b[2J" not in shown
    assert 0 <= shown.rfind(HIDE) < shown.rfind(SHOW)
    assert b"\x1b" not in output


def test_elsewhere_nothing_is_shown(trace: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BOOT, "layers", str(trace)], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_gives_the_cursor_back(trace: Path) -> None:
    process, terminal = start("layers", "-")
    assert process.stdin is not None
    begun = threading.Event()

    def feed() -> None:
        with suppress(BrokenPipeError):
            process.stdin.write(trace.read_bytes()[:-1000])
            begun.wait()
            process.stdin.close()

    feeding = threading.Thread(target=feed)
    feeding.start()
    shown = read_until(terminal, HIDE)
    process.send_signal(signal.SIGINT)
    shown += read_until(terminal, None)
    begun.set()
    feeding.join()
    assert process.wait(timeout=60) == 130
    assert 0 <= shown.rfind(HIDE) < shown.rfind(SHOW)
    assert b"Traceback" not in shown
