"""Worker processes that read pieces of an event list, seen from the process that cuts."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import IO, Final

from profiler_kit.formats._worker import LENGTH, decode, receive
from profiler_kit.formats.pieces import Read

_AHEAD: Final = 4
"""Pieces under way for each worker: one that it decodes, two in its pipe, one whose columns come back."""

# Without `site`: everything that is imported lies on the path that is handed over.
_BOOT: Final = "import sys; sys.path[:] = sys.argv[1:]; from profiler_kit.formats._worker import main; main()"
_PACKAGE: Final = str(Path(__file__).resolve().parents[2])
_PIPE_BYTES: Final = 1 << 20
_F_SETPIPE_SZ: Final = 1031  # fcntl.F_SETPIPE_SZ, which Python 3.10 knows only on some systems

Result = Future[tuple[int, "Read | None"]]
"""Will be the worker's number and what it read."""


class WorkerDiedError(Exception):
    """A worker process is gone."""


class Workers:
    """Worker processes, which are given pieces as soon as they are there to take them.

    Args:
        count: How many. Those that cannot be started are left out.
    """

    def __init__(self, count: int) -> None:
        self._all: list[_Worker] = []
        with suppress(OSError):
            for number in range(1, count + 1):
                self._all.append(_Worker(number))

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._all:
            worker.end()

    def idle(self) -> _Worker | None:
        """Return the worker with least to do that can take another piece, None if there is none."""
        worker = min(self._all, key=lambda worker: worker.load, default=None)
        return worker if worker is not None and worker.load < _AHEAD else None


class _Worker:
    """One worker process, and the two threads that keep its pipes busy.

    Args:
        number: Tells its chunks from those of others.

    Raises:
        OSError: If it cannot be started.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        if not sys.executable:
            raise FileNotFoundError("this Python does not know its interpreter")
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own code
            [sys.executable, "-S", "-c", _BOOT, _PACKAGE, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        for pipe in (self._stdin, self._stdout):
            _widen(pipe)
        self._lock = Lock()
        self._takes_pieces = False
        self._outgoing: SimpleQueue[memoryview | None] = SimpleQueue()
        self._awaited: deque[Result] = deque()
        self._threads = [
            Thread(target=work, name="profiler-kit-read", daemon=True) for work in (self._send, self._receive)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def load(self) -> int:
        """Number of pieces that it has; as many as a worker takes at most, if it takes none yet or no longer."""
        return len(self._awaited) if self._takes_pieces else _AHEAD

    def submit(self, text: memoryview) -> Result:
        """Let the worker read a piece; the result is a `WorkerDiedError` if it dies before it has."""
        result: Result = Future()
        with self._lock:
            if self._takes_pieces:
                self._awaited.append(result)
                self._outgoing.put(text)
            else:
                result.set_exception(WorkerDiedError())
        return result

    def _send(self) -> None:
        """Write pieces to the process."""
        with suppress(OSError, ValueError):
            while (text := self._outgoing.get()) is not None:
                self._stdin.write(LENGTH.pack(len(text)))
                sent = 0
                while sent < len(text):
                    sent += self._stdin.write(text[sent:]) or 0

    def _receive(self) -> None:
        """Read what the process makes of them."""
        with suppress(OSError, ValueError):
            self._takes_pieces = receive(self._stdout) is not None
            while (message := receive(self._stdout)) is not None:
                read = decode(message)
                self._awaited.popleft().set_result((self.number, read))
        with self._lock:
            self._takes_pieces = False
            for result in self._awaited:
                result.set_exception(WorkerDiedError())
            self._awaited.clear()

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._outgoing.put(None)
        for thread in self._threads:
            thread.join()
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
