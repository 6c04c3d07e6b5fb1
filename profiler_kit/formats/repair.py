"""Making text decodable that strict JSON rejects though its meaning is clear, and counting what was repaired."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

NOT_FINITE: Final = "numbers that are not finite, read as missing"
CONTROL: Final = "control characters inside text"
ESCAPE: Final = "invalid escapes inside text"
SURROGATE: Final = "halves of surrogate pairs, replaced"
ENCODING: Final = "invalid UTF-8, replaced"

# The bounds keep the memory bounded that a pattern needs for every round.
_TOKEN = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*){0,1000000}"|-?Infinity|NaN|-?nan\b|-?inf\b|-?\d[\d.]*[eE]\+?\d{3,}|-?\d{309,}[\d.]*',
    re.DOTALL,
)
_ODD = re.compile(rb"[\x00-\x1f]|\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_FOUR_DIGITS = re.compile(rb"[0-9a-fA-F]{4}")


_NUMBER = re.compile(rb'((?<!\\)"\s{0,64}:\s{0,64})-?(?:NaN|Infinity|nan\b|inf\b)')


def mend_numbers(text: bytes, met: Counter[str]) -> bytes:
    """Return the text with members that are no finite number set to null: fast, and enough for most traces.

    Args:
        text: JSON text.
        met: Counts the repairs.
    """
    text, count = _NUMBER.subn(rb"\1null", text)
    if count:
        met[NOT_FINITE] += count
    return text


def repair(text: bytes, met: Counter[str]) -> bytes:
    """Return JSON text in which strict decoding no longer trips over how characters and numbers were written.

    Args:
        text: JSON text, or a piece of it that starts outside of strings.
        met: Counts each kind of repair.
    """
    try:
        text.decode()
    except UnicodeDecodeError:
        met[ENCODING] += 1
        text = text.decode("utf-8", "replace").encode()

    def mend(match: re.Match[bytes]) -> bytes:
        token = match.group()
        if token[:1] != b'"':
            met[NOT_FINITE] += 1
            return b"null"
        return _mend_string(token, met)

    return _TOKEN.sub(mend, text)


def _mend_string(token: bytes, met: Counter[str]) -> bytes:
    """Return one JSON string, quotes included, with valid characters and escapes only."""

    def mend(match: re.Match[bytes]) -> bytes:
        odd = match.group()
        if len(odd) == 1:
            met[CONTROL] += 1
            return b"\\u%04x" % odd[0]
        if odd[1:2] in b'"\\/bfnrt' or len(odd) > 2:
            return odd
        digits = _FOUR_DIGITS.match(token, match.end())
        if odd != b"\\u" or digits is None:
            met[ESCAPE] += 1
            return b"\\" + odd if odd[1] >= 0x20 else b"\\\\\\u%04x" % odd[1]
        if 0xD800 <= int(digits.group(), 16) < 0xE000:
            met[SURROGATE] += 1
            # Leaves the four digits, preceded by a replacement character: the text stays recognisable.
            return b"\\ufffd"
        return odd

    return _ODD.sub(mend, token)
