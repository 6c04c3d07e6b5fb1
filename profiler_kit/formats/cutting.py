"""Cutting JSON text at event boundaries, and finding where one value ends, without decoding it."""

from __future__ import annotations

import re
from typing import Final

Text = bytes | bytearray

PIECE_BYTES: Final = 1 << 18
"""Text that is decoded at once, at least: large enough to be fast. It is no more than that and one block of the file
(:data:`profiler_kit.formats.source.BLOCK_BYTES`), small enough for its events to stay in the CPU's cache."""

MAX_VALUE_BYTES: Final = 32 << 20
"""One event or one metadata value larger than this is taken for damage, which bounds the memory reading needs."""

_MAX_GAP: Final = 1024
_ESCAPES: Final = 64
_WHITESPACE: Final = b" \t\r\n"
_STRUCTURE = re.compile(rb'["{}\[\]]')
_SCALAR = re.compile(rb'[^\s,\]}{["]+')
_GAP = re.compile(rb"[\s,]*")
_SPACE = re.compile(rb"\s*")
_NEXT = re.compile(rb'\}\s{0,1024},\s{0,1024}(?=\{\s{0,1024}")')


def last_boundary(text: Text, start: int = 0, end: int | None = None) -> int:
    """Return the index of the last comma in ``text[start:end]`` that may part two events, -1 if there is none.

    It may also lie inside a string or an inner list. Then what is before it is no sequence of complete events, and
    decoding that fails: a boundary is right if and only if the text before it decodes.
    """
    stop = len(text) if end is None else end
    while (brace := text.rfind(b"{", start, stop)) > start:
        before = text[max(start, brace - _MAX_GAP) : brace].rstrip(_WHITESPACE)
        if before.endswith(b",") and before[:-1].rstrip(_WHITESPACE).endswith(b"}"):
            return max(start, brace - _MAX_GAP) + len(before) - 1
        stop = brace
    return -1


def value_end(text: Text, start: int, limit: int | None = None) -> int:
    """Return the index after the JSON value that starts at `start`, -1 if it does not end before `limit`.

    Only strings and brackets are looked at; whether the value is valid is not.
    """
    stop = len(text) if limit is None else min(limit, len(text))
    first = text[start : start + 1]
    if first not in (b"{", b"[", b'"'):
        scalar = _SCALAR.match(text, start, stop)
        return -1 if scalar is None or scalar.end() == len(text) else scalar.end()
    depth, place = 0, start
    while (token := _STRUCTURE.search(text, place, stop)) is not None:
        place, kind = token.end(), token.group()
        if kind == b'"':
            place = _string_end(text, place, stop)
            if place < 0:
                return -1
        else:
            depth += 1 if kind in b"{[" else -1
        if depth <= 0:
            return place
    return -1


def _string_end(text: Text, start: int, stop: int) -> int:
    """Return the index after the quote that ends the string whose characters start at `start`, -1 if none does.

    A pattern for strings would need memory for every escape in them.
    """
    while (quote := text.find(b'"', start, stop)) >= 0:
        before = text[max(start, quote - _ESCAPES) : quote]
        if len(before) == _ESCAPES and not before.strip(b"\\"):
            before = text[start:quote]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return quote + 1
        start = quote + 1
    return -1


def skip_gap(text: Text, start: int) -> int:
    """Return the index of the next character that is neither white space nor a comma."""
    gap = _GAP.match(text, start)
    return start if gap is None else gap.end()


def skip_space(text: Text, start: int) -> int:
    """Return the index of the next character that is not white space."""
    space = _SPACE.match(text, start)
    return start if space is None else space.end()


def next_candidate(text: bytes, start: int, end: int) -> int:
    """Return where the next object after a comma may start in ``text[start:end]``, -1 if nowhere."""
    found = _NEXT.search(text, start, end)
    return -1 if found is None else found.end()
