"""Vocabulary of a grammar: what a token means and how we know, for people who want a name explained."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._identity import Facts
    from ._names import Name

BINARY: Final = "seen in the libraries' binaries"
TRACE: Final = "seen in recorded traces"
INFERRED: Final = "inferred from the grammar"
CUTLASS_DOC: Final = "CUTLASS documentation"
SOURCE_CODE: Final = "the library's public source"


# Longer tokens are no words of any library, and some patterns take quadratic time.
_LONGEST_TOKEN: Final = 200


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of a vocabulary.

    Attributes:
        pattern: What the token looks like.
        meaning: What it means, in a few words; ``{0}``, ``{1}`` … stand for the pattern's groups.
        source: How we know.
        whole: Whether the pattern describes the whole token or is found inside it.
    """

    pattern: re.Pattern[str]
    meaning: str
    source: str
    whole: bool = True

    def explain(self, token: str) -> str | None:
        """Give this entry's meaning of a token, or None if it is not about that token."""
        if len(token) > _LONGEST_TOKEN:
            return None
        if not self.whole:
            return self.meaning if self.pattern.search(token) else None
        match = self.pattern.fullmatch(token)
        return self.meaning.format(*(group or "" for group in match.groups())) if match else None


def word(pattern: str, meaning: str, source: str = BINARY) -> Word:
    """Write one vocabulary entry."""
    return Word(re.compile(pattern), meaning, source)


@dataclass(frozen=True, slots=True)
class Grammar:
    """One naming grammar.

    Attributes:
        family: Its name in reports.
        read: Reads a name into facts, or gives None if the name is not of this grammar.
        words: Its vocabulary.
        accepts: Whether a name with this qualified identifier can be of this grammar at all. Identifiers repeat, so
            the answer is kept and spares most grammars a look at most names.
    """

    family: str
    read: Callable[[Name], Facts | None]
    words: tuple[Word, ...]
    accepts: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Rule:
    """One production of a grammar whose names are plain identifiers.

    Attributes:
        pattern: Searched in the qualified identifier.
        values: Fields and the values that the matched token states.
        why: Why the token means that.
    """

    pattern: re.Pattern[str]
    values: tuple[tuple[str, Any], ...]
    why: str = ""


def rule(pattern: str, operation: str, why: str = "", direction: str | None = None, **values: Any) -> Rule:
    """Write one production; ``direction`` is the pass, ``values`` are fields of the identity beside the operation."""
    stated = {"operation": operation, **({"pass_": direction} if direction else {}), **values}
    # A leading \w* would make every search take quadratic time; the token is widened to its word afterwards.
    searched = pattern.removeprefix(r"\w*").replace(r"|\w*", "|")
    return Rule(re.compile(searched), tuple(stated.items()), why)


def _word_around(text: str, match: re.Match[str]) -> str:
    """Widen a match to the left up to the beginning of its word."""
    start = match.start()
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    token = text[start : match.end()]
    return token.strip("_:") or token


class RuleBook:
    """Productions tried in order; identifiers repeat far more often than whole names, so answers are kept.

    Args:
        rules: The productions, most specific first.
    """

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.find = lru_cache(maxsize=8192)(self._find)

    def _find(self, head: str) -> tuple[dict[str, Any], str] | None:
        """Find the first production that matches, with the token that matched it."""
        text = head[-400:]
        for entry in self.rules:
            match = entry.pattern.search(text)
            if match:
                return dict(entry.values), _word_around(text, match)
        return None

    def words(self) -> tuple[Word, ...]:
        """Turn the productions that say why into vocabulary."""
        return tuple(Word(entry.pattern, entry.why, BINARY, whole=False) for entry in self.rules if entry.why)


def state(facts: Facts, values: dict[str, Any], token: str) -> Facts:
    """Record the values of a production with the token that stated them."""
    for key, value in values.items():
        if key != "operation":
            facts.say(key, value, token)
    return facts
