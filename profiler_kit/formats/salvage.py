"""Reading a piece of the event list one event at a time: where it is damaged, or where it ends.

Slow and careful, for the few pieces that do not decode as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from profiler_kit.formats import cutting
from profiler_kit.formats.events import DECODE_ERRORS, Event
from profiler_kit.formats.repair import repair
from profiler_kit.trace.skipped import NOT_AN_OBJECT

DAMAGED = "damaged: not valid JSON"

_SMALL = 64 << 10
_EFFORT = 8
"""How many times its own length a piece may be scanned in search of events behind damage."""


class Salvaged(msgspec.Struct):
    """What one piece gave.

    Attributes:
        events: Its events, in order.
        consumed: Index of the first character that was not dealt with.
        ended: True if the list's closing bracket was met, right before `consumed`.
        skipped: Reason → how many list elements, or damaged stretches, gave no event.
        repaired: Kind of repair → how often.
        first_damage: Index of the first stretch that could not be read, None if there is none.
        cut: Index of the element that the text's end cuts short, None if it ends between two.
    """

    events: list[Event] = msgspec.field(default_factory=list)
    consumed: int = 0
    ended: bool = False
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    repaired: Counter[str] = msgspec.field(default_factory=Counter)
    first_damage: int | None = None
    cut: int | None = None


def salvage(text: bytes, decode: Callable[[bytes], Event], *, final: bool) -> Salvaged:
    """Read the elements of a JSON list one by one, going on behind whatever cannot be read.

    Args:
        text: Text that starts between two elements of the list.
        decode: Decodes the text of one object, raising one of `DECODE_ERRORS`.
        final: True if nothing follows: then an element that does not end is damage, else more text may complete it.
    """
    result = Salvaged()
    budget = _EFFORT * len(text)
    while True:
        start = result.consumed = cutting.skip_gap(text, result.consumed)
        if start == len(text):
            return result
        if text[start] == ord("]"):
            result.consumed, result.ended = start + 1, True
            return result
        end = cutting.value_end(text, start)
        event = _decode(text[start:end], decode, result.repaired) if end > 0 and text[start] == ord("{") else None
        if event is not None:
            result.events.append(event)
            result.consumed = end
        elif end > 0 and text[start] in b'["-0123456789tfn' and _is_json(text[start:end]):
            result.skipped[NOT_AN_OBJECT] += 1
            result.consumed = end
        else:
            resume, cost = _behind_damage(text, start, decode, budget)
            budget -= cost
            if resume < 0 and end < 0:
                if final:
                    result.cut, result.consumed = start, len(text)
                return result
            if result.first_damage is None:
                result.first_damage = start
            result.skipped[DAMAGED] += 1
            result.consumed = resume if resume >= 0 else max(end, start + 1)


def _decode(text: bytes, decode: Callable[[bytes], Event], repaired: Counter[str]) -> Event | None:
    """Decode one object, mending it where needed; None if it cannot be read."""
    try:
        return decode(text)
    except DECODE_ERRORS:
        pass
    met: Counter[str] = Counter()
    try:
        event = decode(repair(text, met))
    except DECODE_ERRORS:
        return None
    repaired.update(met)
    return event


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except DECODE_ERRORS:
        return False
    return True


def _behind_damage(text: bytes, start: int, decode: Callable[[bytes], Event], budget: int) -> tuple[int, int]:
    """Find the next event after damage.

    Returns:
        The index where it starts (-1 if none was found) and how many characters were scanned for it.
    """
    cost, place = 0, start
    while cost < budget:
        candidate = cutting.next_candidate(text, place + 1, len(text))
        if candidate < 0:
            return -1, cost + len(text) - place
        cost += candidate - place
        end = cutting.value_end(text, candidate, candidate + _SMALL)
        cost += (end if end > 0 else min(candidate + _SMALL, len(text))) - candidate
        event = _decode(text[candidate:end], decode, Counter()) if end > 0 else None
        if event is not None and event.ph:
            return candidate, cost
        place = candidate
    return -1, cost
