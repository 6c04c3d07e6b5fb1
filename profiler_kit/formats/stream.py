"""Reading an event list in this process, piece after piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from profiler_kit.formats import cutting
from profiler_kit.formats.chunk import Chunk
from profiler_kit.formats.document import TOO_LARGE, Document, TextBuffer, note
from profiler_kit.formats.pieces import PieceReader, Read

_SMALLEST_SPAN: Final = 8 << 10
_CAREFUL_SPAN: Final = 64 << 10


class SequentialReader:
    """Reads event lists in this process.

    Args:
        take: Called with each chunk, in file order.
    """

    def __init__(self, take: Callable[[Chunk], None]) -> None:
        self._take = take
        self.pieces = PieceReader()
        self._span = cutting.PIECE_BYTES

    def __call__(self, buffer: TextBuffer, document: Document) -> bool:
        """Read events up to and including the list's closing bracket; False if the list does not end."""
        ended: bool | None = None
        while ended is None:
            ended = self.step(buffer, document)
        return ended

    def step(self, buffer: TextBuffer, document: Document) -> bool | None:
        """Read one piece; True at the list's end, False where the text ends before that, None to go on."""
        buffer.fill(cutting.PIECE_BYTES)
        buffer.skip_gap(commas=True)
        if not len(buffer):
            return False
        limit = buffer.at + self._span if self._span < len(buffer) else None
        boundary = cutting.last_boundary(buffer.text, buffer.at, limit)
        if boundary < 0 and limit is None and buffer.grow():
            return None
        read = self.pieces.read(buffer.text, buffer.at, boundary if boundary >= 0 else len(buffer.text))
        if read is not None:
            self._span = min(4 * self._span, cutting.PIECE_BYTES)
            return self._accept(read, buffer, document)
        # A wrong boundary or damage. Getting closer by quarters is much faster than looking at every event.
        if self._span > _SMALLEST_SPAN:
            self._span //= 4
            return None
        return self._careful(buffer, document)

    def _careful(self, buffer: TextBuffer, document: Document) -> bool | None:
        """Read a little text one event at a time, or more if it holds nothing complete."""
        for size in (_CAREFUL_SPAN, len(buffer)):
            window = bytes(buffer.text[buffer.at : buffer.at + size])
            read = self.pieces.read_damaged(window, final=buffer.ended and size >= len(buffer))
            if read.consumed or size >= len(buffer):
                break
        if read.consumed == 0 and not buffer.ended:
            if buffer.grow():
                return None
            document.oddities[TOO_LARGE] += 1
            document.cut_at = buffer.offset
            return False
        return self._accept(read, buffer, document)

    def _accept(self, read: Read, buffer: TextBuffer, document: Document) -> bool | None:
        """Take what was read of the text that comes next in the buffer."""
        self._take(note(document, read, buffer.offset))
        buffer.at += read.consumed
        return True if read.ended else None
