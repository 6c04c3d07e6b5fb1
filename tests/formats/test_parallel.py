"""Worker processes: the same result, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from profiler_kit.formats import parallel, read_trace, workers
from tests.formats.tables import assert_same_tables

OP = '{"ph":"X","cat":"cpu_op","name":"op%d","pid":1,"tid":%d,"ts":%d,"dur":5,"args":{"Input Dims":[[%d]]}}'


def many(count: int = 30_000) -> list[str]:
    return [OP % (n % 400, n % 5, n, n % 300) for n in range(count)]


LEAN = "from profiler_kit.formats._lean import import_msgspec; import_msgspec()"


def in_a_fresh_process(script: str) -> str:
    """Return what a script prints that begins as a worker does."""
    assert LEAN in workers._BOOT
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-S", "-c", f"{LEAN}; {script}"]
    return subprocess.run(command, capture_output=True, check=True, env=environment, text=True).stdout.strip()


def test_a_worker_loads_little():
    """Otherwise it is not there before this process has read the file alone."""
    loaded = in_a_fresh_process("import sys, profiler_kit.formats._worker; print(*sys.modules)").split()
    assert "msgspec" in loaded
    assert not {"numpy", "pandas", "torch", "rich", "decimal", "uuid", "datetime", "textwrap"} & set(loaded)


def test_what_a_worker_does_without_is_there_for_who_imports_it_later():
    values = (
        "datetime.date(2026, 1, 2).year, decimal.Decimal('0.1') * 3, uuid.UUID(int=5).int, msgspec.inspect.IntType()"
    )
    assert in_a_fresh_process(f"import datetime, decimal, msgspec.inspect, uuid; print({values})") == (
        "2026 0.3 5 IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None)"
    )


@pytest.mark.parametrize(
    ("cores", "text_bytes", "expected"),
    [(64, 0, 1), (64, (16 << 20) - 1, 1), (64, 16 << 20, 2), (64, 62 << 20, 4), (64, 1 << 40, 8), (2, 1 << 40, 2)],
)
def test_small_files_do_not_start_a_process_for_every_core(monkeypatch, cores, text_bytes, expected):
    monkeypatch.setattr(parallel, "available_cores", lambda: cores)
    assert parallel.processes_for(text_bytes) == expected


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Wait for all workers and use each, which small files are too short for; returns whose pieces they are."""
    numbers: list[int] = []
    idle, submit = workers.Workers.idle, workers._Worker.submit

    def enter(self: workers.Workers) -> workers.Workers:
        deadline = time.monotonic() + 30
        while any(worker.load for worker in self._all) and time.monotonic() < deadline:
            time.sleep(0.001)
            self.idle()
        return self

    def counted(self: workers._Worker, text: memoryview) -> workers.Result:
        numbers.append(self.number)
        return submit(self, text)

    def in_turn(self: workers.Workers) -> workers._Worker | None:
        takes = idle(self)
        free = [worker for worker in self._all if worker.load <= takes.load] if takes else []
        return min(free, key=lambda worker: numbers.count(worker.number), default=None)

    monkeypatch.setattr(workers.Workers, "__enter__", enter)
    monkeypatch.setattr(workers.Workers, "idle", in_turn)
    monkeypatch.setattr(workers._Worker, "submit", counted)
    return numbers


@pytest.mark.parametrize(
    "odd", ["", '{"a":[{},{}]},', '{"ph":"X" broken},', '{"ph":"X","cat":"new","ts":1,"dur":NaN},']
)
@pytest.mark.parametrize("tail", ["]", '], "deviceProperties": [{"id":0},{"id":1}]}', ""])
def test_the_same_as_alone(tmp_path, submitted, odd, tail):
    events = many()
    head = "[" if tail == "]" else '{"traceEvents":['
    text = head + ",".join(events[:20_000]) + "," + odd + ",".join(events[20_000:]) + tail
    file = tmp_path / "t.json"
    file.write_text(text)
    alone, together = read_trace(file, cache=False, workers=1), read_trace(file, cache=False, workers=3)
    assert set(submitted) == {1, 2}
    assert len(together.ops) == 30_000
    assert_same_tables(alone, together)
    assert (alone.health, alone.metadata) == (together.health, together.metadata)


@pytest.mark.parametrize("by_workers", [True, False])
@pytest.mark.parametrize("count", [3_000, 8_000, 13_000, 18_000])  # the last piece lies in different places of memory
def test_what_follows_the_list_is_in_a_piece_of_anyone(tmp_path, submitted, monkeypatch, count, by_workers):
    """The last piece ends between two objects behind the list: whoever reads it must say where the list ended."""
    free = workers.Workers.idle

    def patient(self: workers.Workers) -> workers._Worker | None:
        while (worker := free(self)) is None and any(one.alive for one in self._all):
            time.sleep(0.0005)
        return worker

    monkeypatch.setattr(workers.Workers, "idle", patient if by_workers else lambda self: None)
    monkeypatch.setattr(workers.Workers, "__enter__", lambda self: self)
    file = tmp_path / "t.json"
    properties = ",".join(f'{{"id":{n},"name":"GPU"}}' for n in range(5))
    file.write_text('{"traceEvents":[' + ",".join(many(count)) + f'],"deviceProperties":[{properties}],"last":1}}')
    together = read_trace(file, cache=False, workers=2)
    assert bool(submitted) is by_workers
    assert len(together.ops) == count
    assert together.health.cut_at is None
    assert [one["id"] for one in together.metadata["deviceProperties"]] == [0, 1, 2, 3, 4]
    assert together.metadata["last"] == 1


def test_a_second_list_has_names_of_its_own(tmp_path, submitted):
    """Workers number what they meet; whoever reads on must not begin again with numbers that mean something else."""
    first = many(150_000)
    second = [one.replace('"op', '"other') for one in first]
    file = tmp_path / "t.json"
    file.write_text('{"traceEvents":[' + ",".join(first) + '],"traceEvents":[' + ",".join(second) + "]}")
    trace = read_trace(file, cache=False, workers=3)
    assert set(submitted) == {1, 2}
    assert trace.ops["name"].tolist() == [f"{name}{n % 400}" for n in range(150_000) for name in ("op", "other")]


def test_columns_that_are_larger_than_their_text(tmp_path, submitted, monkeypatch):
    """They do not fit into the memory that the text came in."""
    lengths: list[int] = []
    decode = workers.decode

    def noted(message: bytearray, slot: memoryview) -> workers.Read | None:
        lengths.append(len(message))
        return decode(message, slot)

    monkeypatch.setattr(workers, "decode", noted)
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(f'{{"ph":"X","cat":"kernel","ts":{n},"dur":1}}' for n in range(40_000)) + "]")
    alone, together = read_trace(file, cache=False, workers=0), read_trace(file, cache=False, workers=2)
    assert submitted
    assert max(lengths) > workers.SLOT_BYTES
    assert_same_tables(alone, together)
    assert together.kernels.start_ns.tolist() == [1000 * n for n in range(40_000)]


def test_an_event_that_is_larger_than_a_worker_takes(tmp_path, submitted):
    events = many()
    events[15_000] = OP.replace("op%d", "long" * 500_000) % (1, 15_000, 1)
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(events) + "]")
    alone, together = read_trace(file, cache=False, workers=0), read_trace(file, cache=False, workers=2)
    assert submitted
    assert_same_tables(alone, together)
    assert together.ops.name.str.len().max() == 2_000_000


def test_without_workers_the_trace_is_read_all_the_same(tmp_path, monkeypatch):
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(many()) + "]")
    monkeypatch.setattr(workers, "_BOOT", "raise SystemExit(1)")
    assert len(read_trace(file, cache=False, workers=2).ops) == 30_000
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "")
    assert len(read_trace(file, cache=False, workers=2).ops) == 30_000


@pytest.mark.parametrize("after", [0, 2])
def test_when_a_worker_dies_the_trace_is_read_all_the_same(tmp_path, submitted, monkeypatch, after):
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(many()) + "]")
    submit = workers._Worker.submit

    def deadly(self: workers._Worker, text: memoryview) -> workers.Result:
        if len(submitted) == after:
            self._process.kill()
        return submit(self, text)

    monkeypatch.setattr(workers._Worker, "submit", deadly)
    alone, together = read_trace(file, cache=False, workers=0), read_trace(file, cache=False, workers=2)
    assert len(submitted) > after
    for trace in (alone, together):  # names may be numbered differently
        assert trace.ops.name.tolist() == [f"op{n % 400}" for n in range(30_000)]
        assert trace.threads.tid[trace.ops.thread].tolist() == [str(n % 5) for n in range(30_000)]
    assert alone.health == together.health


@pytest.mark.parametrize("times", ["1610366662254362.25", "%d.5", "%d", '"%d.5"'])
def test_times_are_the_same_as_alone(tmp_path, submitted, times):
    event = '{"ph":"X","cat":"cpu_op","name":"a","pid":1,"tid":1,"ts":%s,"dur":%s}'
    texts = [event % ((times % n, times % (n + 1)) if "%" in times else (n, times)) for n in range(20_000)]
    texts[15_000] = event % ('"1610366662254362.25"', "null")
    texts[16_000] = event % ("1610366662254362.25", "-1")
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(texts) + "]")
    alone, together = read_trace(file, cache=False, workers=0), read_trace(file, cache=False, workers=2)
    assert submitted
    assert_same_tables(alone, together)
    assert alone.health == together.health
    assert alone.health.skipped == {"no start time or duration": 1}
    assert alone.ops.start_ns.max() == 1610366662254362250


def test_an_interrupt_while_a_reply_is_taken_waits_for_nothing(tmp_path, submitted, monkeypatch):
    """The piece is no longer awaited then and never done: this process once waited for it for ever."""
    file = tmp_path / "t.json"
    file.write_text("[" + ",".join(many()) + "]")
    interrupted = threading.Event()
    wait_for = workers.Workers.wait_for

    def decode(message: bytearray, slot: memoryview) -> workers.Read | None:
        interrupted.set()
        raise KeyboardInterrupt

    def waiting(self: workers.Workers, result: workers.Result) -> None:
        assert not interrupted.is_set()
        wait_for(self, result)

    monkeypatch.setattr(workers, "decode", decode)
    monkeypatch.setattr(workers.Workers, "wait_for", waiting)
    with pytest.raises(KeyboardInterrupt):
        read_trace(file, cache=False, workers=2)
    assert interrupted.is_set()


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
