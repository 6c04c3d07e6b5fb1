"""Reading several trace files, side by side where that pays."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Final

from profiler_kit.errors import ProfilerKitError
from profiler_kit.formats._file_worker import receive
from profiler_kit.formats._worker import LENGTH
from profiler_kit.formats.parallel import available_cores
from profiler_kit.formats.places import open_source
from profiler_kit.formats.registry import read_trace
from profiler_kit.formats.source import Progress
from profiler_kit.trace import Trace

WORTH_BYTES: Final = 96 << 20
"""Text of all files from which starting processes that make whole traces, about 0.5 s, pays; and text of one file from
which its pieces keep all cores busy."""

_BOOT: Final = "import sys; sys.path[:] = sys.argv[1:]; from profiler_kit.formats._file_worker import main; main()"


def read_traces(
    places: Sequence[Path], *, cache: bool = True, progress: Progress | None = None
) -> Iterator[Trace | ProfilerKitError]:
    """Read several files, one after the other in the order given.

    Many files of moderate size are read by one process each, as many at a time as there are cores. A file that is large
    enough to be cut into pieces is read by all cores anyway, so then one file is read after the other.

    Args:
        places: What :func:`profiler_kit.formats.find_traces` returned.
        cache: As in :func:`profiler_kit.formats.read_trace`.
        progress: As there; bytes count over all files.

    Yields:
        The trace of each, or why it cannot be read.
    """
    sizes = [_size(place) for place in places]
    workers = min(available_cores(), len(places))
    texts = [_text_size(place) for place in places]
    worth_it = workers > 1 and sum(texts) >= WORTH_BYTES and max(texts) < WORTH_BYTES and bool(sys.executable)
    done = _Done(sizes, progress)
    if not worth_it:
        for place, size in zip(places, sizes, strict=True):
            yield _here(place, size, cache, done)
        return
    idle: SimpleQueue[_FileWorker] = SimpleQueue()
    started: list[_FileWorker] = []
    threads = ThreadPoolExecutor(workers, thread_name_prefix="profiler-kit-files")
    try:
        with suppress(OSError):
            for _ in range(workers):
                started.append(_FileWorker())
                idle.put(started[-1])
        found = threads.map(lambda place: _elsewhere(place, cache, idle, done) if started else None, places)
        for place, size, trace in zip(places, sizes, found, strict=True):
            # What no worker could read is read here, which says why it cannot be read.
            yield _here(place, size, cache, done) if trace is None else trace
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in started:
            worker.end()  # with it ends what its thread waits for
        threads.shutdown()


class _Done:
    """Bytes of finished files, and the caller's progress."""

    def __init__(self, sizes: Sequence[int], progress: Progress | None) -> None:
        self._total = sum(sizes)
        self._finished = 0
        self._progress = progress
        self._lock = Lock()

    def inside(self, done: int, _size: int | None) -> None:
        """Report how far the one file that is being read has come."""
        if self._progress is not None:
            self._progress(self._finished + done, self._total)

    def add(self, size: int) -> None:
        """Report that a file is finished."""
        with self._lock:
            self._finished += size
            if self._progress is not None:
                self._progress(self._finished, self._total)


def _here(place: Path, size: int, cache: bool, done: _Done) -> Trace | ProfilerKitError:
    try:
        return read_trace(place, cache=cache, progress=done.inside)
    except ProfilerKitError as error:
        return error
    finally:
        done.add(size)


def _elsewhere(place: Path, cache: bool, idle: SimpleQueue[_FileWorker], done: _Done) -> Trace | None:
    """Let an idle worker read a file; None if it cannot."""
    worker = idle.get()
    try:
        trace = worker.read(place, cache)
    finally:
        idle.put(worker)
    if trace is not None:
        done.add(_size(place))
    return trace


def _size(place: Path) -> int:
    try:
        return place.stat().st_size
    except OSError:
        return 0


def _text_size(place: Path) -> int:
    """Estimate the size of a file's text; 0 for what is no local file."""
    try:
        return open_source(place, None).text_size() if place.is_file() else 0
    except (OSError, ProfilerKitError):
        return 0


class _FileWorker:
    """One process that reads files.

    Raises:
        OSError: If it cannot be started.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own code
            [sys.executable, "-c", _BOOT, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def read(self, place: Path, cache: bool) -> Trace | None:
        """Let it read one file; None if it cannot or is gone."""
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        name = (b"1" if cache else b"0") + str(place).encode("utf-8", "surrogateescape")
        try:
            self._process.stdin.write(LENGTH.pack(len(name)) + name)
            self._process.stdin.flush()
            reply = receive(self._process.stdout)
        except (OSError, ValueError):
            return None
        if not reply:
            return None
        trace = pickle.loads(reply)  # noqa: S301 - written by our own process a moment ago
        return trace if isinstance(trace, Trace) else None

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
