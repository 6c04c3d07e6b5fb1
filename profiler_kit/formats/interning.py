"""Numbers for values that repeat: names, tracks, operator signatures."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from profiler_kit.trace.spans import LAYER_PREFIX, LayerSpan, parse_layer_span

Value = TypeVar("Value", bound=Hashable)


class Interner(dict[Any, int], Generic[Value]):
    """Counts distinct values in the order they are first looked up, by plain indexing.

    Args:
        normal: Turns a key as decoded into the value it stands for; different keys may stand for one value.
    """

    def __init__(self, normal: Callable[[Any], Value]) -> None:
        super().__init__()
        self.values_in_order: list[Value] = []
        self._normal = normal
        self._known: dict[Value, int] = {}

    def __missing__(self, key: Any) -> int:
        value = self._normal(key)
        code = self._known.get(value)
        if code is None:
            code = self._known[value] = len(self.values_in_order)
            self.values_in_order.append(value)
        self[key] = code
        return code

    def codes(self, keys: list[Any]) -> list[int]:
        """Return the numbers of all keys, which need not be hashable."""
        try:
            return list(map(self.__getitem__, keys))
        except TypeError:
            return [self[self._normal(key)] for key in keys]


class Names(Interner[str]):
    """Interned event names; knows which of them are the recorder's layer spans."""

    def __init__(self) -> None:
        super().__init__(as_text)
        self.spans: dict[int, LayerSpan] = {}

    def __missing__(self, key: Any) -> int:
        code = super().__missing__(key)
        text = self.values_in_order[code]
        if text.startswith(LAYER_PREFIX) and (span := parse_layer_span(text)) is not None:
            self.spans[code] = span
        return code


def as_text(value: Any) -> str:
    """Return a JSON value as the text that stands for it in names and ids."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def as_track(key: tuple[Any, Any]) -> tuple[str, str]:
    """Return process and thread id of a track as text."""
    return as_text(key[0]), as_text(key[1])


def as_bytes(key: bytes) -> bytes:
    """Return the key itself."""
    return key
