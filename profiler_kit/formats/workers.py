"""Worker processes that read pieces of an event list, seen from the process that cuts.

No threads: while this process decodes, it holds the interpreter's lock, and a thread that waits for a worker would wait
for that again and again. What workers say is read between two pieces instead. They have the next ones by then.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import IO, Final

from profiler_kit.formats._worker import AROUND, LENGTH, ORDER, SLOT_BYTES, decode
from profiler_kit.formats.pieces import Read

_AHEAD: Final = 3
"""Pieces under way for each worker: one that it decodes, one that waits, one whose columns come back."""

# Without `site`: everything that is imported lies on the path that is handed over. Neither imports nor events need the
# collector.
_BOOT: Final = (
    "import gc, sys; gc.disable(); sys.path[:] = sys.argv[1:-1]; "
    "from profiler_kit.formats._lean import import_msgspec; import_msgspec(); "
    "from profiler_kit.formats._worker import main; main()"
)
_PACKAGE: Final = str(Path(__file__).resolve().parents[2])


MOST_BYTES: Final = SLOT_BYTES - 2 * AROUND
"""Size of the largest piece that a worker takes."""


class WorkerDiedError(Exception):
    """A worker process is gone."""


@dataclass
class Result:
    """What is made of one piece.

    Attributes:
        builder: Number of the worker, 0 for this process.
        read: What was read, once it is done.
        done: True once it is; it never will be if the worker dies.
    """

    builder: int
    read: Read | None = None
    done: bool = False


class Workers:
    """Worker processes, which are given pieces as soon as they are there to take them.

    Args:
        count: How many. Those that cannot be started are left out.
    """

    def __init__(self, count: int) -> None:
        self._all: list[_Worker] = []
        if sys.platform == "win32":  # where nobody can look whether a pipe has something
            return
        with suppress(OSError):
            for number in range(1, count + 1):
                self._all.append(_Worker(number))

    def __len__(self) -> int:
        return len(self._all)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        for worker in self._all:
            worker.end()

    def stop(self) -> None:
        """Have all processes end, without waiting until they have."""
        for worker in self._all:
            worker.kill()

    def idle(self) -> _Worker | None:
        """Return the worker with least to do that can take another piece, None if there is none."""
        for worker in self._all:
            worker.move()
        least = min(self._all, key=lambda worker: worker.load, default=None)
        return least if least is not None and least.load < _AHEAD else None

    def wait_for(self, result: Result) -> None:
        """Wait until a piece is done.

        Raises:
            WorkerDiedError: If its worker is gone.
        """
        while not result.done:
            if not self._all[result.builder - 1].alive:
                raise WorkerDiedError
            with DefaultSelector() as selector:
                for worker in self._all:
                    worker.watch(selector)
                selector.select()
            for worker in self._all:
                worker.move()


class _Worker:
    """One worker process.

    Args:
        number: Tells its chunks from those of others.

    Raises:
        OSError: If it cannot be started.

    Attributes:
        alive: False once it is gone.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.alive = True
        if not sys.executable:
            raise FileNotFoundError("this Python does not know its interpreter")
        with _memory_file(_AHEAD * SLOT_BYTES) as file:
            self._memory = mmap(file.fileno(), 0)
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own code
                [sys.executable, "-S", "-c", _BOOT, _PACKAGE, *sys.path, str(file.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(file.fileno(),),
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdout.fileno(), False)
        self._inbox = _Inbox(self._stdout)
        self._ready = False
        self._slots = [number * SLOT_BYTES for number in range(_AHEAD)]
        self._awaited: deque[tuple[int, Result]] = deque()

    @property
    def load(self) -> int:
        """Number of pieces that it has; as many as a worker takes at most, if it takes none yet or no longer."""
        return len(self._awaited) if self._ready and self.alive else _AHEAD

    def submit(self, text: memoryview) -> Result:
        """Let the worker read a piece of at most `MOST_BYTES`."""
        result = Result(self.number)
        start = self._slots.pop()
        self._awaited.append((start, result))
        self._memory[start + AROUND : start + AROUND + len(text)] = text
        try:
            self._stdin.write(ORDER.pack(start, len(text)))  # a pipe holds many of these: never waits
        except OSError:
            self.alive = False
        return result

    def watch(self, selector: DefaultSelector) -> None:
        """Let a selector wait until `move` can do something."""
        if self.alive:
            selector.register(self._stdout, EVENT_READ)

    def move(self) -> None:
        """Take what came of pieces, without waiting."""
        try:
            while self.alive and (message := self._inbox.next()) is not None:
                if self._ready:
                    start, result = self._awaited.popleft()
                    with memoryview(self._memory) as memory:
                        result.read, result.done = decode(message, memory[start : start + SLOT_BYTES]), True
                    self._slots.append(start)
                self._ready = True
        except (OSError, EOFError):
            self.alive = False

    def kill(self) -> None:
        """End the process at once."""
        self.alive = False
        self._process.kill()

    def end(self) -> None:
        """Wait until the process has ended, and let go of what belongs to it."""
        self._process.wait()
        with suppress(BufferError):  # if interrupted while columns are taken from it
            self._memory.close()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()


class _Inbox:
    """Messages out of a pipe that is read without waiting.

    Args:
        pipe: The pipe; reading from it gives None while it is empty.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._expect(LENGTH.size, is_length=True)

    def _expect(self, size: int, *, is_length: bool) -> None:
        self._bytes, self._have, self._is_length = bytearray(size), 0, is_length

    def next(self) -> bytearray | None:
        """Return the next message, None if there is no complete one yet.

        Raises:
            EOFError: If the pipe has ended.
        """
        while True:
            while self._have < len(self._bytes):
                count = self._pipe.readinto(memoryview(self._bytes)[self._have :])  # type: ignore[attr-defined]
                if count is None:
                    return None
                if not count:
                    raise EOFError
                self._have += count
            found = self._bytes
            if not self._is_length:
                self._expect(LENGTH.size, is_length=True)
                return found
            self._expect(LENGTH.unpack(found)[0], is_length=False)


def _memory_file(size: int) -> IO[bytes]:
    """Return a file of the given size that only open file descriptors know, in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("profiler_kit"), "r+b", 0)
    else:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
    file.truncate(size)
    return file
