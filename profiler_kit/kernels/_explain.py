"""A name taken apart for people: its tokens in order, what each means, and how that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ._identity import UNKNOWN, KernelIdentity
from ._names import Name
from ._registry import identify, read_name
from ._words import Grammar

_MAX_TOKENS: Final = 400
_TOKENS: Final = re.compile(r"[A-Za-z_]\w*(?: (?:char|short|int|long)\b)?|\d[\w.]*")
_CPP_MEANING: Final = {
    "const": "not written",
    "void": "no return value",
    "true": "template switch, on",
    "false": "template switch, off",
    "float": "32-bit floating point",
    "double": "64-bit floating point",
    "int": "32-bit integer",
    "bool": "truth value",
    "__half": "16-bit floating point",
    "__nv_bfloat16": "bfloat16",
    "unsigned short": "16-bit integer",
    "signed char": "8-bit integer",
    "long": "64-bit integer",
    "unsigned int": "32-bit integer",
}
# Flat names are read token by token between underscores; some of these tokens are joined by the grammar itself.
_JOINED: Final = re.compile(r"__half2?|__nv_bfloat16|first_layer|dyn_cga|stream_k|wo_smem|split_k|segment_k_(?:on|off)")


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a kernel's name.

    Attributes:
        text: The token as it stands in the (demangled) name.
        meaning: What it means; "not known" if no grammar says.
        source: How that is known; empty if it is not.
    """

    text: str
    meaning: str
    source: str


def explain(name: str) -> tuple[Token, ...]:
    """Split a kernel's name into its tokens and say what each means.

    Args:
        name: The name as a trace or profiler shows it.

    Returns:
        The tokens in order, at most 400 of them. Tokens that prove a field of the identity name the field and its
        value; the rest are explained from the vocabulary of the grammar that reads the name.
    """
    ready = Name(name)
    found = read_name(ready)
    identity = identify(name)
    grammar = found[0] if found else None
    flat = not ready.closed and ":" not in ready.head
    texts = _flat_tokens(ready.head) if flat else [match[0] for match in _TOKENS.finditer(ready.text)]
    return tuple(_explain_token(text, grammar, identity) for text in texts[:_MAX_TOKENS])


def _flat_tokens(head: str) -> list[str]:
    tokens, at = [], 0
    while at < len(head):
        joined = _JOINED.match(head, at)
        if joined:
            tokens.append(joined[0])
            at = joined.end()
            continue
        end = head.find("_", at)
        end = len(head) if end < 0 else end
        if end > at:
            tokens.append(head[at:end])
        at = end + 1
    return tokens


def _explain_token(text: str, grammar: Grammar | None, identity: KernelIdentity) -> Token:
    meaning, source = _from_words(text, grammar)
    stated = _fields(text, identity)
    if stated:
        meaning = f"{meaning} → {stated}" if meaning else stated
        source = source or "the identity's evidence"
    if not meaning and text in _CPP_MEANING:
        meaning, source = _CPP_MEANING[text], "C++"
    if not meaning and text.isdigit():
        meaning, source = "number; a template constant or running number", "C++"
    return Token(text, meaning or "not known", source)


def _from_words(text: str, grammar: Grammar | None) -> tuple[str, str]:
    for entry in grammar.words if grammar else ():
        meaning = entry.explain(text)
        if meaning is not None:
            return meaning, entry.source
    return "", ""


def _fields(text: str, identity: KernelIdentity) -> str:
    """List the fields that this token proves, as ``pass = fprop, algorithm = implicit_gemm``."""
    public = identity.to_dict()
    stated = [
        f"{key} = {public[key]}"
        for key, token in identity.evidence.items()
        if public[key] not in (None, UNKNOWN) and _proves(text, token)
    ]
    return ", ".join(stated)


def _proves(text: str, token: str) -> bool:
    if text == token:
        return True
    return len(text) > 1 and text in re.split(r"[_\s,:<>()]+", token)
