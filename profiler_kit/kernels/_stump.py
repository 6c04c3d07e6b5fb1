"""The readable part of a mangled name that does not parse, most often because it was cut short."""

from __future__ import annotations

import re
from typing import Final

from ._itanium import BUILTIN

DIGITS: Final = re.compile(r"\d{1,6}")
_STUMP_PART: Final = re.compile(r"L[a-z]n?\d+E|\d{1,6}(?=[A-Za-z_])|I(?=[a-z]*[LNS\d])|(?<=I)[a-z]+(?=[LNS\d])")
# The facts stand in the first identifiers and arguments.
_MAX_PARTS: Final = 256


def stump(text: str) -> str:
    """Read the identifiers of a name that does not parse, in order, as if it were a plain qualified name."""
    at = 3 if text.startswith("_ZN") else 2
    path: list[str] = []
    inside: list[str] = []
    while len(path) < _MAX_PARTS and (match := DIGITS.match(text, at)):
        name = text[match.end() : match.end() + int(match[0])]
        if len(name) < int(match[0]):
            break
        path.append(name)
        at = match.end() + len(name)
    head = "::".join(name for name in path if not name.startswith("_GLOBAL__N_"))
    while len(inside) < _MAX_PARTS and (match := _STUMP_PART.search(text, at)):
        at = match.end()
        if match[0][0] == "L":
            inside.append(match[0][2:-1])
        elif match[0].isdigit():
            inside.append(text[at : at + int(match[0])])
            at += len(inside[-1])
        elif match[0] != "I":
            inside.extend(BUILTIN.get(letter, letter) for letter in match[0])
    return f"{head}<{', '.join(inside)}" if inside else head
