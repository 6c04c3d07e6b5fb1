"""A trace file's JSON, from outside to inside: top-level members, and the event list piece by piece."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Protocol

import msgspec

from profiler_kit.errors import TraceFormatError
from profiler_kit.formats import cutting
from profiler_kit.formats.chunk import Chunk
from profiler_kit.formats.events import DECODE_ERRORS
from profiler_kit.formats.pieces import Read
from profiler_kit.formats.repair import repair

EVENTS_KEY: Final = "traceEvents"
TOO_LARGE: Final = f"one value larger than {cutting.MAX_VALUE_BYTES >> 20} MiB"

MORE: Final = "something else follows the trace, left out"
EVENTS_TWICE: Final = f'further "{EVENTS_KEY}", read like the first'
KEY_TWICE: Final = "key of the file given again, the last value is kept"

_BOM: Final = b"\xef\xbb\xbf"
_KEY = re.compile(rb'[\s,]*("[^"\\]{0,4096}(?:\\.[^"\\]{0,4096}){0,64}")\s{0,4096}:\s*(?=\S)', re.DOTALL)


class TextBuffer:
    """Decompressed text that has been read but not dealt with.

    Attributes:
        text: Text read last; what is before `at` is dealt with.
        at: Index of the first character that is not.
        ended: True if nothing follows the text.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._text_offset = 0
        self.text = bytearray()
        self.at = 0
        self.ended = False

    def __len__(self) -> int:
        return len(self.text) - self.at

    @property
    def offset(self) -> int:
        """Offset in the whole text of the first byte that is not dealt with."""
        return self._text_offset + self.at

    @property
    def first(self) -> bytes:
        """The first byte that is not dealt with; empty if there is none."""
        return bytes(self.text[self.at : self.at + 1])

    def fill(self, size: int) -> None:
        """Read on until `size` bytes are there or the file ends."""
        have = len(self)
        if have >= size or self.ended:
            return
        parts: list[bytes | memoryview] = [memoryview(self.text)[self.at :]]
        while have < size:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
                break
            parts.append(block)
            have += len(block)
        self._text_offset += self.at
        self.text, self.at = bytearray().join(parts), 0

    def grow(self) -> bool:
        """Read at least as much again; False if the file has ended or a value is too large."""
        if self.ended or len(self) > cutting.MAX_VALUE_BYTES:
            return False
        self.fill(2 * max(len(self), cutting.PIECE_BYTES))
        return True

    def put_back(self, text: memoryview) -> None:
        """Undo reading text that comes right before what is not dealt with."""
        self._text_offset = self.offset - len(text)
        self.text, self.at = bytearray().join((text, memoryview(self.text)[self.at :])), 0

    def skip_gap(self, *, commas: bool) -> None:
        """Skip white space, however much there is, and commas if wanted."""
        while True:
            self.at = (cutting.skip_gap if commas else cutting.skip_space)(self.text, self.at)
            if len(self) or self.ended:
                return
            self.fill(cutting.PIECE_BYTES)


class EventsReader(Protocol):
    """Reads an event list; see :class:`profiler_kit.formats.stream.SequentialReader`."""

    def __call__(self, buffer: TextBuffer, document: Document) -> bool:
        """Read events up to and including the list's closing bracket; False if the list does not end."""


class Document:
    """Everything that one file says, except the columns: they go where the events reader puts them.

    Attributes:
        form: ``object`` or ``list``.
        metadata: Top-level members other than the events.
        cut_at: Offset of the first byte that belongs to nothing complete, None if the file is whole.
        damaged_at: Offset of the first unreadable stretch, None if there is none.
        oddities: What was odd but could be read → how often.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.form = "object"
        self.metadata: dict[str, Any] = {}
        self.cut_at: int | None = None
        self.damaged_at: int | None = None
        self.oddities: Counter[str] = Counter()

    def damage(self, offset: int) -> None:
        """Note that something at this offset cannot be read."""
        if self.damaged_at is None:
            self.damaged_at = offset

    def read(self, buffer: TextBuffer, read_events: EventsReader) -> None:
        """Read the whole text.

        Raises:
            TraceFormatError: If it is no trace.
        """
        buffer.fill(cutting.PIECE_BYTES)
        if buffer.text.startswith(_BOM):
            buffer.at = len(_BOM)
        buffer.skip_gap(commas=False)
        first = buffer.first
        if not first:
            raise TraceFormatError(self.name, "the file is empty; was the recording killed before it was written?", 0)
        if first == b"[":
            self.form = "list"
            buffer.at += 1
            self._events(buffer, read_events)
        elif first == b"{":
            buffer.at += 1
            self._members(buffer, read_events)
        else:
            raise TraceFormatError(
                self.name, f"{_guess(bytes(buffer.text[buffer.at :]))}; name a trace of torch.profiler", buffer.offset
            )

    def _events(self, buffer: TextBuffer, read_events: EventsReader) -> None:
        if not read_events(buffer, self):
            if self.cut_at is None:
                self.cut_at = buffer.offset
        elif self.form == "list":
            self._after(buffer)

    def _members(self, buffer: TextBuffer, read_events: EventsReader) -> None:
        """Read the members of the top-level object."""
        found = False
        while True:
            key = self._key(buffer)
            if key is None:
                break
            if key == EVENTS_KEY and buffer.first == b"[":
                self.oddities[EVENTS_TWICE] += found
                found = True
                buffer.at += 1
                self._events(buffer, read_events)
                if self.cut_at is not None:
                    return
            elif not self._value(buffer, key):
                break
        buffer.skip_gap(commas=False)
        if not found:
            what = "JSON, but no trace: it has" if buffer.first == b"}" else "no trace, or cut short: it has"
            if self.oddities[TOO_LARGE]:
                what = f"{TOO_LARGE} is here, and"
            raise TraceFormatError(self.name, f'{what} no "{EVENTS_KEY}" up to here', buffer.offset)
        if buffer.first == b"}":
            buffer.at += 1
            self._after(buffer)
        elif self.damaged_at is None:
            self.cut_at = buffer.offset

    def _after(self, buffer: TextBuffer) -> None:
        """Note what follows the document, such as another one: it is not read."""
        buffer.skip_gap(commas=False)
        if len(buffer):
            self.oddities[MORE] += 1
            self.damage(buffer.offset)

    def _key(self, buffer: TextBuffer) -> str | None:
        """Take the next key and its colon off the text; None if there is no further member."""
        while True:
            buffer.skip_gap(commas=True)
            match = _KEY.match(buffer.text, buffer.at)
            if match is not None or buffer.first == b"}":
                break
            if len(buffer) > cutting.PIECE_BYTES or not buffer.grow():
                break
        if match is None:
            return None
        try:
            key = msgspec.json.decode(repair(bytes(match.group(1)), self.oddities), type=str)
        except DECODE_ERRORS:
            return None
        buffer.at = match.end()
        return key

    def _value(self, buffer: TextBuffer, key: str) -> bool:
        """Read one member's value; False if it does not end or cannot be read."""
        while (end := cutting.value_end(buffer.text, buffer.at)) < 0:
            if not buffer.grow():
                if len(buffer) > cutting.MAX_VALUE_BYTES:
                    self.oddities[TOO_LARGE] += 1
                    self.damage(buffer.offset)
                return False
        text = bytes(buffer.text[buffer.at : end])
        self.oddities[KEY_TWICE] += key in self.metadata
        try:
            self.metadata[key] = msgspec.json.decode(text)
        except DECODE_ERRORS:
            try:
                self.metadata[key] = msgspec.json.decode(repair(text, self.oddities))
            except DECODE_ERRORS:
                self.damage(buffer.offset)
        buffer.at = end
        return True


def note(document: Document, read: Read, text_offset: int) -> Chunk:
    """Note in the document where reading a piece met damage or its end, and return the piece's columns.

    Args:
        document: The document.
        read: What reading gave, with indices into a text.
        text_offset: Offset of that text in the whole text.
    """
    if read.first_damage is not None:
        document.damage(text_offset + read.first_damage)
    if read.cut is not None:
        document.cut_at = text_offset + read.cut
    return read.chunk


_SIGNS: Final = (
    (b"\x7fELF", "an ELF binary"),
    (b"\x89PNG", "a PNG image"),
    (b"\x80", "a Python pickle"),
    (b"PK", "a zip archive that is cut short"),
    (b"\x1f\x8b", "compressed twice"),
    (b"\xff\xfe\0\0", "UTF-32 text (write it as UTF-8)"),
    (b"\xff\xfe", "UTF-16 text (write it as UTF-8)"),
    (b"\xfe\xff", "UTF-16 text (write it as UTF-8)"),
    (b"SQLite", "an SQLite database (Nsight Systems?)"),
    (b"\xfd7zXZ", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"<", "HTML or XML"),
    (b"version https://git-lfs", "a pointer of Git LFS (git lfs pull brings the file)"),
    (b"\0", "zero bytes (it was never written out)"),
)


def _guess(text: bytes) -> str:
    """Say what a file that is no JSON seems to be."""
    for sign, what in _SIGNS:
        if text.startswith(sign):
            return f"not JSON but {what}"
    return "not JSON"
