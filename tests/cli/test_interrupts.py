"""Ctrl-C, sent to real processes at many moments: they stop, say nothing and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from profiler_kit.cli.commands import COMMANDS
from profiler_kit.formats import parallel, several
from tests.builders import TraceBuilder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

# As the installed script does it, but telling when the command has begun to see to Ctrl-C: nothing can be done before.
BOOT = (
    "import os, sys; from profiler_kit.cli import interrupts, main; take_over = interrupts.take_over; "
    "interrupts.take_over = lambda: (take_over(), os.write(int(sys.argv.pop(1)), b'.')); sys.exit(main())"
)
PATIENCE_S = 60
MOMENTS_S = 2.0


class Interrupted:
    """A run of the command that was sent a signal some time after its start."""

    def __init__(self, arguments: list[str], after_s: float | None, folder: Path, to_all: bool = False) -> None:
        temporary, cache = folder / "temporary", folder / "cache"
        for directory in (folder, temporary, cache):
            directory.mkdir()
        ready, says_ready = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", BOOT, str(says_ready), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(cache)},
            pass_fds=[says_ready],
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # may be ignored here
        )
        os.close(says_ready)
        assert os.read(ready, 1) == b"."
        os.close(ready)
        if after_s is not None:
            time.sleep(after_s)
            with suppress(ProcessLookupError):
                (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        started = time.monotonic()
        self.stdout, self.stderr = process.communicate(timeout=PATIENCE_S)
        self.took_s = time.monotonic() - started
        self.code = process.returncode
        self.files = [*temporary.rglob("*"), *cache.rglob(".*")]
        self.all_gone = _all_gone(process.pid)


def _all_gone(group: int) -> bool:
    """Wait for the last process of a group: a worker ends when it notices that nobody listens any more."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def check(run: Interrupted, whole: Interrupted) -> bool:
    """Check one run; returns whether it was stopped."""
    assert run.stderr in (b"", whole.stderr)
    assert (run.files, run.all_gone) == ([], True)
    # While the interpreter shuts down after the work is done, Python itself ends by the signal.
    finished = run.stdout == whole.stdout and run.code in (whole.code, -signal.SIGINT)
    assert finished or run.code == 130
    return not finished


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace large enough for a worker process, and one for every rank that is read by a process of its own."""
    folder = tmp_path_factory.mktemp("big")
    event = '{"ph":"X","cat":"cpu_op","name":"op%d","pid":1,"tid":1,"ts":%d,"dur":5,"args":{"Input Dims":[[%d]]}}'
    events = ",".join(event % (n % 400, 10 * n, n % 300) for n in range(parallel.WORTH_BYTES // 100))
    assert parallel.WORTH_BYTES <= len(events) < several.WORTH_BYTES
    (folder / "big.json").write_text('{"traceEvents":[' + events + "]}")
    (folder / "job").mkdir()
    for rank in range(1 + several.WORTH_BYTES // len(events)):
        facts = json.dumps({"distributedInfo": {"rank": rank}})[:-1]
        (folder / "job" / f"{rank}.pt.trace.json").write_text(facts + ', "traceEvents":[' + events + "]}")
    return folder


@pytest.mark.parametrize(
    ("arguments", "moments"),
    [(["report", "big.json", "--no-cache"], 16), (["steps", "big.json"], 6), (["ranks", "job"], 6)],
)
def test_at_any_moment(big: Path, tmp_path: Path, arguments: list[str], moments: int) -> None:
    command, place, *options = arguments
    given = [command, str(big / place), *options]
    whole = Interrupted(given, None, tmp_path / "whole")
    assert (whole.code, whole.files, whole.all_gone) == (0, [], True)
    while_it_works = min(whole.took_s, MOMENTS_S) / moments
    stopped = [
        check(Interrupted(given, while_it_works * n, tmp_path / str(n), to_all=n % 2 == 1), whole)
        for n in range(moments)
    ]
    assert sum(stopped) > 2


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
@pytest.mark.parametrize("after_s", [0.005, 0.06, 0.4])
def test_every_command(tmp_path: Path, command: str, after_s: float) -> None:
    trace = TraceBuilder()
    trace.op("aten::mm", 0, 50, **{"Input Dims": [[4, 4], [4, 4]]})
    file = str(trace.write(tmp_path / "t.json"))
    given = {
        "experiment": ["Conv2d(3,4,3)", "--input", "1,3,8,8"],
        "compare": ["--sizes", "4"],
        "diff": [file, file],
        "identify": [],
        "check": [file, "--write-baseline", str(tmp_path / "baseline")],
        "export": [file, "--to", "speedscope", "-o", "-"],
        "demo": ["--logdir", str(tmp_path / "demo")],
    }.get(command, [file])
    run = Interrupted([command, *given], after_s, tmp_path / "run")
    assert (run.files, run.all_gone) == ([], True)
    assert b"Traceback" not in run.stderr
    assert run.stderr.count(b"\n") <= 1
    if run.code not in (130, -signal.SIGINT):
        assert run.stdout + run.stderr  # it was done before


def test_a_second_time_while_it_cleans_up(big: Path, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time\n"
        "from profiler_kit.cli import interrupts\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "interrupts.take_over()\n"
        "try:\n    print('at work', flush=True); time.sleep(60)\n"
        "finally:\n    print('cleaning up', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    for line in (b"at work\n", b"cleaning up\n"):
        assert process.stdout.readline() == line
        process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE_S) == (b"", b"")
    assert process.returncode == 130


def test_where_it_is_ignored_it_stays_ignored() -> None:
    script = (
        "import os, signal; from profiler_kit.cli import main\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import sys; sys.argv = ['profiler-kit', 'identify', 'volta_sgemm_128x64_nn']; main()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_an_interrupt_that_falls_into_a_destructor_is_not_lost() -> None:
    script = (
        "import os, signal, sys, time\n"
        "from profiler_kit.cli import interrupts\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "interrupts.take_over()\n"
        "class Falls:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
        "try:\n    Falls(); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=PATIENCE_S)
    assert (done.stdout, done.stderr) == (b"stopped\n", b"")
