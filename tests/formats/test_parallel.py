"""Worker processes: the same result, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from profiler_kit.formats import parallel, read_trace
from tests.formats.tables import assert_same_tables

OP = '{"ph":"X","cat":"cpu_op","name":"op%d","pid":1,"tid":%d,"ts":%d,"dur":5,"args":{"Input Dims":[[%d]]}}'


def many(count: int = 30_000) -> list[str]:
    return [OP % (n % 400, n % 5, n, n % 300) for n in range(count)]


@pytest.mark.parametrize(
    "odd", ["", '{"a":[{},{}]},', '{"ph":"X" broken},', '{"ph":"X","cat":"new","ts":1,"dur":NaN},']
)
@pytest.mark.parametrize("tail", ["]", '], "deviceProperties": [{"id":0},{"id":1}]}', ""])
def test_the_same_as_alone(tmp_path, odd, tail):
    events = many()
    head = "[" if tail == "]" else '{"traceEvents":['
    text = head + ",".join(events[:20_000]) + "," + odd + ",".join(events[20_000:]) + tail
    file = tmp_path / "t.json"
    file.write_text(text)
    alone, together = read_trace(file, cache=False, workers=1), read_trace(file, cache=False, workers=2)
    assert len(together.ops) == 30_000
    assert_same_tables(alone, together)
    assert (alone.health, alone.metadata) == (together.health, together.metadata)


def test_without_workers_the_trace_is_read_all_the_same(tmp_path, monkeypatch):
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(many()) + "]")
    monkeypatch.setattr(parallel, "_BOOT", "raise SystemExit(1)")
    assert len(read_trace(file, cache=False, workers=2).ops) == 30_000
    monkeypatch.setattr(sys, "executable", "")
    assert len(read_trace(file, cache=False, workers=2).ops) == 30_000


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupting_ends_all_processes_and_leaves_no_files(tmp_path):
    script = tmp_path / "script.py"  # without a main guard, on purpose
    script.write_text(
        textwrap.dedent(
            """
            import signal, sys, time
            from profiler_kit.formats import read_trace
            signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
            def progress(done, total):
                print("reading", flush=True)
                time.sleep(0.05)
            read_trace(sys.argv[1], workers=2, progress=progress)
            """
        )
    )
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(many(200_000)) + "]")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, script, file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"reading\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["script.py", "t.json"]
