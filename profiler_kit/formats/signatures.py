"""Raw texts of operator signatures to rows of the table of signatures."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from profiler_kit.formats.chunk import SIGNATURE_SEPARATOR
from profiler_kit.formats.events import DECODE_ERRORS, MISSING
from profiler_kit.formats.interning import Interner, as_bytes
from profiler_kit.formats.repair import repair

_Plain = str | int | float | bool | None
_SHALLOW: Final = msgspec.json.Decoder(tuple[_Plain | tuple[_Plain | tuple[_Plain, ...], ...], ...])
"""For nearly all signatures: lists of lists of lists, straight to tuples."""


_EMPTY: Final = (None, None, None, None)


class Signatures(Interner[bytes]):
    """Numbers raw texts, and decodes each when it is first met.

    Done before the last piece is there, it is done while other processes read.
    """

    def __init__(self) -> None:
        super().__init__(as_bytes)
        self._parts = _Parts()
        self._row_of: dict[tuple[Any, ...], int] = {}
        self._codes: list[int] = []

    def __missing__(self, key: bytes) -> int:
        code = super().__missing__(key)
        if code == len(self._codes):
            parts = tuple([self._parts[part] for part in key.split(SIGNATURE_SEPARATOR)])
            self._codes.append(MISSING if parts == _EMPTY else self._row_of.setdefault(parts, len(self._row_of)))
        return code

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the distinct signatures, in order."""
        return list(self._row_of)

    def row_of_code(self) -> NDArray[np.int64]:
        """Return the row of every raw text, `MISSING` for one that says nothing, and once more at the end."""
        return np.array([*self._codes, MISSING], dtype=np.int64)


class _Parts(dict[bytes, "tuple[Any, ...] | None"]):
    """Text of a part of a signature → its value; there are far fewer parts than signatures."""

    def __missing__(self, text: bytes) -> tuple[Any, ...] | None:
        self[text] = value = as_tuples(text)
        return value


def as_tuples(text: bytes | msgspec.Raw) -> tuple[Any, ...] | None:
    """Return the JSON text of a list as nested tuples; None if it is no list."""
    try:
        return _SHALLOW.decode(text)
    except DECODE_ERRORS:
        pass
    for mended in (text, repair(bytes(text), Counter())):
        try:
            value = msgspec.json.decode(mended)
            return _frozen(value) if isinstance(value, list) else None
        except DECODE_ERRORS:
            continue
    return None


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return str(value) if isinstance(value, dict) else value
