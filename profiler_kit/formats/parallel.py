"""Reading an event list with several processes: this one cuts and decodes, the others decode."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from profiler_kit.formats import cutting
from profiler_kit.formats.chunk import Chunk
from profiler_kit.formats.document import Document, TextBuffer
from profiler_kit.formats.stream import SequentialReader
from profiler_kit.formats.workers import MOST_BYTES, Result, WorkerDiedError, Workers

WORTH_BYTES: Final = 16 << 20
"""Text for which starting one more process pays: this one reads about half as much until it is there."""

_MOST: Final = 8
"""Processes beyond which more would wait: decompressing, cutting and assembling, a quarter of all work, stay here."""

_MOST_UNDER_WAY = 4
"""Pieces under way for each process, this one included, before this one waits for the others."""

_PATIENCE = 4
"""Failed pieces after which the rest is read in this process."""


@dataclass
class _Piece:
    """Text that was cut off but whose columns are not taken yet.

    Attributes:
        text: The text.
        gap: Where the comma and white space before it begin.
        start: Where it starts.
        stop: Where it ends.
        end_offset: Offset of its end in the whole text.
        result: What is made of it.
    """

    text: cutting.Text
    gap: int
    start: int
    stop: int
    end_offset: int
    result: Result


class ParallelReader:
    """Reads event lists with worker processes, falling back to this one wherever the list is not plain.

    Args:
        take: Called with each chunk, in file order, and the number of its builder. Builder 0 is this process.
        learn: Called like `take` for a chunk whose rows are not wanted.
        workers: The other processes, which are stopped at the end of the first list: few files have another one.
    """

    def __init__(
        self, take: Callable[[Chunk, int], None], learn: Callable[[Chunk, int], None], workers: Workers
    ) -> None:
        self._take = take
        self._learn = learn
        self._workers = workers
        self._here = SequentialReader(lambda chunk: take(chunk, 0))

    def __call__(self, buffer: TextBuffer, document: Document) -> bool:
        """Read events up to and including the list's closing bracket; False if the list does not end."""
        patience = _PATIENCE
        try:
            while patience > 0:
                ended = self._until_failure(buffer, document)
                if ended is not None:
                    return ended
                patience -= 1
        except WorkerDiedError:
            pass
        self._workers.stop()
        return self._here(buffer, document)

    def _until_failure(self, buffer: TextBuffer, document: Document) -> bool | None:
        """Read until the list ends, or None after one piece had to be read in this process."""
        under_way: deque[_Piece] = deque()
        try:
            while self._go_on(under_way, buffer) or under_way:
                piece = under_way[0]
                self._workers.wait_for(piece.result)
                read = piece.result.read
                if read is None or read.ended:
                    break
                under_way.popleft()
                self._take(read.chunk, piece.result.builder)
            else:
                self._workers.stop()
                return self._here(buffer, document)
            if read is not None:
                under_way.popleft()
                self._take(read.chunk, piece.result.builder)
        except WorkerDiedError:
            self._put_back(under_way, buffer)
            raise
        # Not after an interrupt: it may have come while a reply was taken, which would be waited for without end.
        self._put_back(under_way, buffer)
        if read is not None:
            self._workers.stop()
            buffer.put_back(memoryview(piece.text)[piece.start + read.consumed : piece.stop])
            return True
        while buffer.offset < piece.end_offset:
            ended = self._here.step(buffer, document)
            if ended is not None:
                return ended
        return None

    def _go_on(self, under_way: deque[_Piece], buffer: TextBuffer) -> bool:
        """Give the workers pieces and read some here until the first one's columns are there; False at the end."""
        while len(under_way) < _MOST_UNDER_WAY * (1 + len(self._workers)):
            worker = self._workers.idle()
            if worker is None and under_way and under_way[0].result.done:
                return True
            buffer.fill(cutting.PIECE_BYTES)
            if buffer.ended and worker is not None and worker.load:
                worker = None  # which has enough to do: this process would wait for it
            gap, start = buffer.at, cutting.skip_gap(buffer.text, buffer.at)
            boundary = cutting.last_boundary(buffer.text, start)
            if boundary < 0:
                return False
            text = buffer.text
            buffer.at = boundary
            if worker is not None and boundary - start <= MOST_BYTES:
                result = worker.submit(memoryview(text)[start:boundary])
            else:
                result = Result(0, self._here.pieces.read(text, start, boundary), done=True)
            under_way.append(_Piece(text, gap, start, boundary, buffer.offset, result))
        return True

    def _put_back(self, under_way: deque[_Piece], buffer: TextBuffer) -> None:
        """Make pieces that are under way text again. What their builders learned meanwhile has to be known."""
        for piece in under_way:
            with suppress(WorkerDiedError):
                self._workers.wait_for(piece.result)
                if piece.result.read is not None:
                    self._learn(piece.result.read.chunk, piece.result.builder)
        for piece in reversed(under_way):
            buffer.put_back(memoryview(piece.text)[piece.gap : piece.stop])


def processes_for(text_bytes: int) -> int:
    """Return how many processes, this one included, read a text fastest."""
    return min(available_cores(), 1 + text_bytes // WORTH_BYTES, _MOST)


def available_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
