"""A process that decodes pieces of event lists: text in on standard input, columns out on standard output.

Started as a fresh interpreter instead of being forked or spawned by `multiprocessing`: it neither runs the user's
script again nor inherits locks of the user's threads, and it ends when its standard input does. What it imports decides
how small a file can be for it to pay: neither NumPy nor pandas.
"""

from __future__ import annotations

import gc
import signal
import struct
import sys
from typing import IO, Any, Final

import msgspec

from profiler_kit.formats.chunk import Part
from profiler_kit.formats.pieces import PieceReader, Read

LENGTH: Final = struct.Struct("<Q")
"""Goes before every message, both ways."""

READY: Final = b""
"""The worker's first message."""

_ALIGNED = 8


class Reply(msgspec.Struct):
    """What the worker made of one piece; the bytes of all columns follow it.

    Attributes:
        read: None if the piece is damaged or ends in the wrong place. Its chunk has no parts.
        parts: Table, rows, and name and type code of every column of each part.
    """

    read: Read | None
    parts: list[tuple[str, int, list[tuple[str, str]]]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Reply)


def encode(read: Read | None) -> list[bytes | memoryview]:
    """Return a reply as the buffers of one message."""
    parts: list[tuple[str, int, list[tuple[str, str]]]] = []
    buffers: list[bytes | memoryview] = []
    if read is not None:
        for part in read.chunk.parts:
            parts.append((part.table, part.rows, [(name, values.typecode) for name, values in part.columns.items()]))
            for values in part.columns.values():
                content = memoryview(values).cast("B")
                buffers += [content, bytes(-len(content) % _ALIGNED)]
        read.chunk.parts = []
    head = _ENCODER.encode(Reply(read, parts))
    buffers = [LENGTH.pack(len(head)), head, bytes(-len(head) % _ALIGNED), *buffers]
    return [LENGTH.pack(sum(map(len, buffers))), *buffers]


def decode(message: bytes | bytearray) -> Read | None:
    """Undo `encode`; the columns are views into the message."""
    view = memoryview(message)
    place = LENGTH.size + LENGTH.unpack_from(message)[0]
    reply = _DECODER.decode(view[LENGTH.size : place])
    if reply.read is None:
        return None
    for table, rows, kinds in reply.parts:
        columns: dict[str, Any] = {}
        for name, kind in kinds:
            place += -place % _ALIGNED
            end = place + rows * struct.calcsize(kind)
            columns[name] = view[place:end].cast(kind)  # type: ignore[call-overload]
            place = end
        reply.read.chunk.parts.append(Part(table, rows, columns))
    return reply.read


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent as well, which ends this process
    gc.disable()  # events hold no cycles
    pieces = PieceReader()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(LENGTH.pack(len(READY)) + READY)
    sink.flush()
    while (message := receive(source)) is not None:
        for buffer in encode(pieces.read(message, 0, len(message))):
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
