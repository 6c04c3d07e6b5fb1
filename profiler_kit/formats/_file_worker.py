"""A process that reads whole trace files: names in on standard input, pickled traces out on standard output.

Started as a fresh interpreter, for the reasons given in :mod:`profiler_kit.formats._worker`. What is unpickled comes
from this package's own process and never from a file.
"""

from __future__ import annotations

import pickle
import signal
import sys
from typing import IO

from profiler_kit.errors import ProfilerKitError
from profiler_kit.formats._worker import LENGTH
from profiler_kit.formats.registry import read_trace


def main() -> None:
    """Serve until standard input ends; a file that cannot be read is answered with nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent as well, which ends this process
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (message := receive(source)) is not None:
        cache, name = message[:1] == b"1", message[1:].decode("utf-8", "surrogateescape")
        try:
            reply = pickle.dumps(read_trace(name, cache=cache, workers=0), pickle.HIGHEST_PROTOCOL)
        except (ProfilerKitError, OSError, MemoryError):
            reply = b""
        sink.write(LENGTH.pack(len(reply)) + reply)
        sink.flush()


def receive(stream: IO[bytes]) -> bytearray | None:
    """Read one message, None at the stream's end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    message = bytearray(LENGTH.unpack(head)[0])
    view, have = memoryview(message), 0
    while have < len(message):
        count = stream.readinto(view[have:])  # type: ignore[attr-defined]
        if not count:
            return None
        have += count
    return message
