"""A process that decodes pieces of event lists.

Text comes in shared memory and columns go out in it; standard input and output only say which piece, and what else
there is to know. Started as a fresh interpreter instead of being forked or spawned by `multiprocessing`: it neither
runs the user's script again nor inherits locks of the user's threads, and it ends when its standard input does. Forking
was no faster: what it saves at the start goes into copies of the pages that both processes write to. What this module
imports decides how small a file can be for a worker to pay: neither NumPy nor pandas.
"""

from __future__ import annotations

import struct
import sys
from mmap import mmap
from typing import Any, Final

import msgspec

from profiler_kit.formats.chunk import Part
from profiler_kit.formats.pieces import PieceReader, Read

LENGTH: Final = struct.Struct("<Q")
"""Goes before every message to whoever started this process."""

ORDER: Final = struct.Struct("<QQ")
"""A message to this process: where a piece starts in the shared memory, and how long it is."""

SLOT_BYTES: Final = 1 << 20
"""Shared memory for one piece and its columns, which take its place."""

AROUND: Final = 1
"""Bytes before and after a piece that belong to it, too: decoding needs them for brackets."""

READY: Final = b""
"""The worker's first message."""

_ALIGNED = 8


class Reply(msgspec.Struct):
    """What the worker made of one piece; the bytes of all columns are in the piece's slot, or follow if that is small.

    Attributes:
        read: None if the piece is damaged or ends in the wrong place. Its chunk has no parts.
        parts: Table, rows, and name and type code of every column of each part.
        in_slot: Bytes of columns in the slot, 0 if they follow.
    """

    read: Read | None
    parts: list[tuple[str, int, list[tuple[str, str]]]]
    in_slot: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Reply)


def encode(read: Read | None, slot: memoryview) -> list[bytes | memoryview]:
    """Return a reply as the buffers of one message, its columns put into the slot if they fit."""
    parts: list[tuple[str, int, list[tuple[str, str]]]] = []
    columns: list[bytes | memoryview] = []
    if read is not None:
        for part in read.chunk.parts:
            parts.append((part.table, part.rows, [(name, values.typecode) for name, values in part.columns.items()]))
            for values in part.columns.values():
                content = memoryview(values).cast("B")
                columns += [content, bytes(-len(content) % _ALIGNED)]
        read.chunk.parts = []
    size = sum(map(len, columns))
    fits = size <= len(slot)
    head = _ENCODER.encode(Reply(read, parts, in_slot=size if fits else 0))
    buffers: list[bytes | memoryview] = [LENGTH.pack(len(head)), head]
    if fits:
        place = 0
        for buffer in columns:
            slot[place : place + len(buffer)] = buffer
            place += len(buffer)
    else:
        buffers += [bytes(-len(head) % _ALIGNED), *columns]
    return [LENGTH.pack(sum(map(len, buffers))), *buffers]


def decode(message: bytearray, slot: memoryview) -> Read | None:
    """Undo `encode`; the slot can be used again."""
    view = memoryview(message)
    place = LENGTH.size + LENGTH.unpack_from(message)[0]
    reply = _DECODER.decode(view[LENGTH.size : place])
    if reply.read is None:
        return None
    if reply.in_slot:
        view, place = memoryview(bytes(slot[: reply.in_slot])), 0
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
    """Serve until standard input ends. The last argument is the file descriptor of the shared memory."""
    memory = mmap(int(sys.argv[-1]), 0)
    slots = memoryview(memory)
    pieces = PieceReader()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(LENGTH.pack(len(READY)) + READY)
    sink.flush()
    while order := source.read(ORDER.size):
        start, size = ORDER.unpack(order)
        read = pieces.read(memory, start + AROUND, start + AROUND + size)
        sink.writelines(encode(read, slots[start : start + SLOT_BYTES]))
        sink.flush()
