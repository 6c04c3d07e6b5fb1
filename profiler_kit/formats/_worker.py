"""A process that decodes pieces of event lists: text in on standard input, columns out on standard output.

Started as a fresh interpreter instead of being forked or spawned by `multiprocessing`: it neither runs the user's
script again nor inherits locks of the user's threads, and it ends when its standard input does.
"""

from __future__ import annotations

import gc
import signal
import struct
import sys
from typing import IO, Any, Final

import msgspec
import numpy as np

from profiler_kit.formats.pieces import PieceReader, Read

LENGTH: Final = struct.Struct("<Q")
"""Goes before every message, both ways."""


class Reply(msgspec.Struct):
    """What the worker made of one piece; the bytes of all arrays follow it.

    Attributes:
        read: None if the piece is damaged or ends in the wrong place. Its chunk has no tables.
        arrays: Table, column, dtype and length of every array.
    """

    read: Read | None
    arrays: list[tuple[str, str, str, int]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Reply)


def encode(read: Read | None) -> list[bytes | memoryview]:
    """Return a reply as the buffers of one message."""
    arrays: list[tuple[str, str, str, int]] = []
    buffers: list[bytes | memoryview] = []
    if read is not None:
        for table, columns in read.chunk.tables.items():
            for column, values in columns.items():
                arrays.append((table, column, values.dtype.str, len(values)))
                buffers.append(np.ascontiguousarray(values).data.cast("B"))
        read.chunk.tables = {}
    head = _ENCODER.encode(Reply(read, arrays))
    size = LENGTH.size + len(head) + sum(len(buffer) for buffer in buffers)
    return [LENGTH.pack(size), LENGTH.pack(len(head)), head, *buffers]


def decode(message: bytes | bytearray) -> Read | None:
    """Undo `encode`; the columns are views into the message."""
    view = memoryview(message)
    place = LENGTH.size + LENGTH.unpack_from(message)[0]
    reply = _DECODER.decode(view[LENGTH.size : place])
    if reply.read is None:
        return None
    tables: dict[str, dict[str, Any]] = {}
    for table, column, dtype, length in reply.arrays:
        values = np.frombuffer(message, dtype=dtype, count=length, offset=place)
        place += values.nbytes
        tables.setdefault(table, {})[column] = values
    reply.read.chunk.tables = tables
    return reply.read


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent as well, which ends this process
    gc.disable()  # events hold no cycles
    pieces = PieceReader()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (message := receive(source)) is not None:
        for buffer in encode(pieces.read(bytes(message), 0, len(message))):
            sink.write(buffer)
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
