"""One piece of the event list's text to one chunk of columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from mmap import mmap
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from profiler_kit.formats.chunk import Chunk
from profiler_kit.formats.columns import ColumnBuilder, NeedsDetail
from profiler_kit.formats.events import DECODE_ERRORS, Alike, Detail, Event, event_type
from profiler_kit.formats.quantities import NeedsText

if TYPE_CHECKING:
    from profiler_kit.formats.salvage import Salvaged

Text = bytes | bytearray | mmap

Rest = TypeVar("Rest")
_Decoded: TypeAlias = tuple[list[Event], Alike | None, Rest]
"""Events, what all have in common if only such events were decoded, and what else there is to say of the piece."""

_FORGET_AFTER = 4
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")


class Read(msgspec.Struct):
    """What reading one piece gave.

    Attributes:
        chunk: Its columns.
        consumed: How many characters were dealt with.
        ended: True if the event list's closing bracket was met, as the last of these.
        first_damage: Index of the first unreadable stretch, None without damage.
        cut: Index of the element that the text's end cuts short, None if it ends between two.
    """

    chunk: Chunk
    consumed: int
    ended: bool
    first_damage: int | None = None
    cut: int | None = None


class PieceReader:
    """Reads pieces of one trace's event list; what one piece teaches about the dialect is used for the next."""

    def __init__(self) -> None:
        self._columns = ColumnBuilder()
        self._exact = False
        self._usual = True
        self._detail = Detail.BULK
        self._alike: Alike | None = None
        self._alike_before: Alike | None = None
        self._without_need = 0
        self._repaired: Counter[str] = Counter()
        self._choose()

    def _choose(self) -> None:
        kind = event_type(self._detail, exact=self._exact, usual=self._usual, alike=self._alike)
        self._list: msgspec.json.Decoder[list[Event]] = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]

    def read(self, text: Text, start: int, stop: int) -> Read | None:
        """Read ``text[start:stop]``, which starts between two events and ends between two, or beyond the list's end.

        Returns:
            None if it is no such thing or is damaged.
        """
        self._repaired = Counter()
        found = self._learning(lambda: self._decode(text, start, stop))
        if found is None:
            return None
        (consumed, ended), chunk = found
        chunk.oddities = dict(Counter(chunk.oddities) + self._repaired)
        return Read(chunk, consumed - start, ended)

    def read_damaged(self, text: bytes, *, final: bool) -> Read:
        """Read what is readable of any text that starts between two events.

        Args:
            text: The text.
            final: True if nothing follows it.
        """
        from profiler_kit.formats.salvage import salvage  # which is seldom needed, and workers start faster without

        def decode() -> _Decoded[Salvaged]:
            kind = event_type(self._detail, exact=self._exact, usual=False)
            result = salvage(text, msgspec.json.Decoder(kind).decode, final=final)
            return result.events, None, result

        found = self._learning(decode)
        assert found is not None  # noqa: S101 - salvaging always gives something
        result, chunk = found
        chunk.skipped = dict(Counter(chunk.skipped) + result.skipped)
        chunk.oddities = dict(Counter(chunk.oddities) + result.repaired)
        return Read(chunk, result.consumed, result.ended, result.first_damage, result.cut)

    def _learning(self, decode: Callable[[], _Decoded[Rest] | None]) -> tuple[Rest, Chunk] | None:
        """Decode and build columns, again and differently where the columns ask for it."""
        while True:
            found = decode()
            if found is None:
                return None
            events, alike, rest = found
            try:
                chunk = self._columns.build(events, self._detail, exact=self._exact, alike=alike)
            except NeedsText:
                self._exact = True
            except NeedsDetail as request:
                self._detail, self._without_need = request.detail, 0
            else:
                self._expect_like(chunk)
                return rest, chunk
            self._choose()

    def _expect_like(self, chunk: Chunk) -> None:
        """Decode fewer arguments once a few pieces in a row did not need them, and count on what two had in common."""
        self._without_need = self._without_need + 1 if chunk.detail < self._detail else 0
        before = self._detail, self._alike
        if self._without_need == _FORGET_AFTER:
            self._detail, self._without_need = Detail(chunk.detail), 0
        self._alike = _common(self._alike_before, self._columns.alike)
        self._alike_before = self._columns.alike
        if (self._detail, self._alike) != before:
            self._choose()

    def _decode(self, text: Text, start: int, stop: int) -> _Decoded[tuple[int, bool]] | None:
        """Return the events, what they have in common, the index after them, and whether the list ends there."""
        while True:
            try:
                return self._decode_list(text, start, stop), self._alike, (stop, False)
            except DECODE_ERRORS as error:
                trailing = _TRAILING.search(str(error))
                unusual = self._usual and isinstance(error, msgspec.ValidationError)
            if self._alike is not None:
                self._alike = None
                self._choose()
            elif unusual:
                self._usual = False
                self._choose()
            elif trailing is None:
                return self._mended(text, start, stop)
            else:
                break
        # Something follows a complete list: the list's own closing bracket is in the text.
        end = text.rfind(b"]", start, start + int(trailing.group(1)) - 1)
        try:
            return self._decode_list(text, start, end), None, (end + 1, True)
        except DECODE_ERRORS:
            return None

    def _decode_list(self, text: Text, start: int, stop: int) -> list[Event]:
        """Decode elements of a list. What stands beside them gives way to brackets meanwhile, which saves a copy.

        Raises:
            msgspec.DecodeError: As all of `DECODE_ERRORS`, if they cannot be read.
        """
        if not (not isinstance(text, bytes) and 0 < start <= stop < len(text)):
            return self._list.decode(b"".join((b"[", memoryview(text)[start:stop], b"]")))
        beside = text[start - 1], text[stop]
        text[start - 1], text[stop] = b"[]"
        try:
            return self._list.decode(memoryview(text)[start - 1 : stop + 1])
        finally:
            text[start - 1], text[stop] = beside

    def _mended(self, text: Text, start: int, stop: int) -> _Decoded[tuple[int, bool]] | None:
        """Decode after mending what whole traces are full of, if anything is."""
        from profiler_kit.formats.repair import mend_numbers  # as for salvaging

        met: Counter[str] = Counter()
        mended = mend_numbers(bytes(text[start:stop]), met)
        if not met:
            return None
        try:
            events = self._list.decode(b"".join((b"[", mended, b"]")))
        except DECODE_ERRORS:
            return None
        self._repaired = met  # not added: a piece may be decoded again for more detail
        return events, None, (stop, False)


def _common(one: Alike | None, other: Alike | None) -> Alike | None:
    """Return what is the same in all events of two pieces."""
    if one is None or other is None or one.category != other.category:
        return None
    return Alike(one.category, one.track if one.track == other.track else None)
