"""Reading an event list with several processes: this one cuts, the others decode."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Final

from profiler_kit.formats import cutting
from profiler_kit.formats._worker import LENGTH, decode, receive
from profiler_kit.formats.columns import Chunk
from profiler_kit.formats.document import Document, TextBuffer
from profiler_kit.formats.pieces import Read
from profiler_kit.formats.stream import SequentialReader

WORTH_BYTES: Final = 96 << 20
"""Text from which starting processes, about 0.2 s, pays."""

_AHEAD = 3
"""Pieces under way for each worker."""

_PATIENCE = 4
"""Failed pieces after which the rest is read in this process."""

_BOOT: Final = "import sys; sys.path[:] = sys.argv[1:]; from profiler_kit.formats._worker import main; main()"
_PIPE_BYTES: Final = 1 << 20
_F_SETPIPE_SZ: Final = 1031  # fcntl.F_SETPIPE_SZ, which Python 3.10 knows only on some systems


class WorkerDiedError(Exception):
    """A worker process is gone or cannot be started."""


@dataclass
class _Piece:
    """Text under way to a worker.

    Attributes:
        text: The text.
        gap: Where the comma and white space before it begin.
        start: Where it starts.
        stop: Where it ends.
        end_offset: Offset of its end in the whole text.
        result: Will be the worker's number and what it read.
    """

    text: bytes
    gap: int
    start: int
    stop: int
    end_offset: int
    result: Future[tuple[int, Read | None]]


class ParallelReader:
    """Reads event lists with worker processes, falling back to this one wherever the list is not plain.

    Args:
        take: Called with each chunk, in file order, and the number of its builder. Builder 0 is this process.
        learn: Called like `take` for a chunk whose rows are not wanted.
        workers: Number of processes.
    """

    def __init__(self, take: Callable[[Chunk, int], None], learn: Callable[[Chunk, int], None], workers: int) -> None:
        self._take = take
        self._learn = learn
        self._workers = workers
        self._here = SequentialReader(lambda chunk: take(chunk, 0))

    def __call__(self, buffer: TextBuffer, document: Document) -> bool:
        """Read events up to and including the list's closing bracket; False if the list does not end."""
        patience = _PATIENCE
        try:
            with _Pool(self._workers) as pool:
                while patience > 0:
                    ended = self._until_failure(buffer, document, pool)
                    if ended is not None:
                        return ended
                    patience -= 1
        except WorkerDiedError:
            pass
        return self._here(buffer, document)

    def _until_failure(self, buffer: TextBuffer, document: Document, pool: _Pool) -> bool | None:
        """Read until the list ends, or None after one piece had to be read in this process."""
        under_way: deque[_Piece] = deque()
        try:
            while self._refill(under_way, buffer, pool) or under_way:
                piece = under_way[0]
                builder, read = piece.result.result()
                if read is None or read.ended:
                    break
                under_way.popleft()
                self._take(read.chunk, builder)
            else:
                return self._here(buffer, document)
            if read is not None:
                under_way.popleft()
                self._take(read.chunk, builder)
        finally:
            self._put_back(under_way, buffer)
        if read is not None:
            buffer.put_back(memoryview(piece.text)[piece.start + read.consumed : piece.stop])
            return True
        while buffer.offset < piece.end_offset:
            ended = self._here.step(buffer, document)
            if ended is not None:
                return ended
        return None

    def _refill(self, under_way: deque[_Piece], buffer: TextBuffer, pool: _Pool) -> bool:
        """Give the workers pieces enough to be busy; False if there is no further piece."""
        while len(under_way) < _AHEAD * self._workers:
            buffer.fill(cutting.PIECE_BYTES)
            gap, start = buffer.at, cutting.skip_gap(buffer.text, buffer.at)
            boundary = cutting.last_boundary(buffer.text, start)
            if boundary < 0:
                return False
            result = pool.submit(memoryview(buffer.text)[start:boundary])
            buffer.at = boundary
            under_way.append(_Piece(buffer.text, gap, start, boundary, buffer.offset, result))
        return True

    def _put_back(self, under_way: deque[_Piece], buffer: TextBuffer) -> None:
        """Make pieces that are under way text again. What their workers learned meanwhile has to be known."""
        for piece in under_way:
            if not piece.result.cancel():
                with suppress(WorkerDiedError):
                    builder, read = piece.result.result()
                    if read is not None:
                        self._learn(read.chunk, builder)
        for piece in reversed(under_way):
            buffer.put_back(memoryview(piece.text)[piece.gap : piece.stop])


class _Pool:
    """Worker processes, each served by one thread at a time."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="profiler-kit-read")
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._all: list[_Worker] = []
        try:
            for number in range(1, workers + 1):
                self._all.append(_Worker(number))
                self._idle.put(self._all[-1])
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> _Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._all:
            worker.end()
        self._threads.shutdown(cancel_futures=True)

    def submit(self, text: memoryview) -> Future[tuple[int, Read | None]]:
        """Let some worker read a piece; the result is the worker's number and what it read."""
        return self._threads.submit(self._read, text)

    def _read(self, text: memoryview) -> tuple[int, Read | None]:
        worker = self._idle.get()
        try:
            return worker.number, worker.read(text)
        finally:
            self._idle.put(worker)


class _Worker:
    """One worker process.

    Args:
        number: Tells its chunks from those of others.

    Raises:
        WorkerDiedError: If it cannot be started.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        if not sys.executable:
            raise WorkerDiedError
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own code
                [sys.executable, "-c", _BOOT, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError:
            raise WorkerDiedError from None
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        for pipe in (self._stdin, self._stdout):
            _widen(pipe)

    def read(self, text: memoryview) -> Read | None:
        """Send one piece and wait for the reply.

        Raises:
            WorkerDiedError: If the process is gone.
        """
        try:
            self._stdin.write(LENGTH.pack(len(text)))
            sent = 0
            while sent < len(text):
                sent += self._stdin.write(text[sent:]) or 0
            message = receive(self._stdout)
        except (OSError, ValueError):
            raise WorkerDiedError from None
        if message is None:
            raise WorkerDiedError
        return decode(message)

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold a whole piece, where the system can do that."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)


def available_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
