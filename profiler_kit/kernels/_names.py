"""One spelling for a kernel's name: decorations removed, template constants bare, the qualified identifier found."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ._demangle import demangle
from ._dtypes import cpp_dtype

# Deciding tokens stand early; what lies beyond is arguments of arguments. Bounds the work on hostile names.
MAX_READ: Final = 16384

_SUFFIX: Final = re.compile(r"(?:\.kd|(?:\.(?:clone|isra|constprop|part|cold))(?:\.\d+)*|\s*\[clone [^\]]*\]?)$")
# nvcc's prefix of kernels with internal linkage: a hash and the file, then the mangled name.
_STATIC: Final = re.compile(r"__nv_static_\d+__\w*?_(?=_Z)")
_CAST: Final = re.compile(r"\((?:unsigned )?(?:int|long|short|char|size_t|bool)(?: long)?\)(?=-?\d)")
_NAMED: Final = re.compile(r"(?<![\w:])(?:unsigned )?(?:int|long|short|char|size_t|bool)=(?=-?\d|true|false)")
_BOOLEAN_CAST: Final = re.compile(r"\(bool\)([01])(?!\d)")
_LEADING: Final = 401
_POINTER: Final = re.compile(r"[(,] ?((?:\w+::)*\w+(?: char| int)?)( const)? ?\*")
_CAST_CONSTANT: Final = re.compile(r"\)-?\d")


class Name:
    """A kernel's name made ready for the grammars.

    Attributes:
        text: The normalised name.
        head: The qualified identifier: everything before the first template argument or parameter.
        closed: Whether something follows the head, so that it cannot be the stump of a longer identifier.
        demangled: The demangled form, if the given name was mangled.
    """

    __slots__ = ("closed", "demangled", "head", "text")

    def __init__(self, given: str) -> None:
        text = _undecorated(given[:MAX_READ].strip())
        self.demangled = None
        if text.startswith("__nv_static_"):
            text = _STATIC.sub("", text, count=1)
        if text.startswith(("_Z", "__Z")):
            self.demangled = demangle(text)
            text = (self.demangled or text)[:MAX_READ]
        self.text = text = _normalise(text)
        self.head = head = text.partition("<")[0].partition("(")[0].rstrip()
        self.closed = len(head) < len(text)

    @property
    def base(self) -> str:
        """The identifier without its namespaces."""
        return self.head.rpartition("::")[2]

    @property
    def dtypes(self) -> tuple[tuple[str, str], ...]:
        """The number formats among the leading template arguments up to the first nested one, each with its token."""
        start = len(self.head)
        if not self.text.startswith("<", start):
            return ()
        return _number_formats(self.text[start + 1 : start + _LEADING].partition("<")[0].partition(">")[0])

    @property
    def data_types(self) -> tuple[tuple[str, str], ...]:
        """As ``dtypes``, without the types of counts and indices."""
        return without_indices(self.dtypes)

    @property
    def pointers(self) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        """The format and token of the first pointer to constant data (read) and of the first other one (written)."""
        start = self.text.rfind(">(")
        start = start + 1 if start >= 0 else self.text.find("(")
        if start < 0:
            return None, None
        return _pointers(self.text[start : start + 600])


@lru_cache(maxsize=8192)
def without_indices(formats: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Drop 32-bit integers, which count and index in nearly every template."""
    return tuple([pair for pair in formats if pair[0] != "i32"])


@lru_cache(maxsize=8192)
def _number_formats(arguments: str) -> tuple[tuple[str, str], ...]:
    return tuple([(kind, text) for text in arguments.split(", ") if (kind := cpp_dtype(text)) is not None])


@lru_cache(maxsize=8192)
def _pointers(parameters: str) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
    """Read the pointers of a parameter list; instances of one template mostly share theirs."""
    read = written = None
    for kind, constant in _POINTER.findall(parameters):
        word = cpp_dtype(kind)
        if word is None:
            continue
        if constant:
            read = read or (word, f"{kind} const*")
        else:
            written = written or (word, f"{kind}*")
    return read, written


def _undecorated(text: str) -> str:
    """Drop what compilers and loaders append: AMD's kernel-descriptor suffix and the marks of cloned functions."""
    while text.endswith((".kd", "]")) or ("." in text[-24:] and "<" not in text[-24:]):
        shorter = text[:-96] + _SUFFIX.sub("", text[-96:])
        if shorter == text:
            break
        text = shorter
    return text


def _normalise(text: str) -> str:
    if "<" not in text and "(" not in text:
        return text.removeprefix("void ")
    text = text.replace("(anonymous namespace)::", "").replace("_GLOBAL__N_::", "")
    if _CAST_CONSTANT.search(text):
        text = _BOOLEAN_CAST.sub(lambda match: "true" if match[1] == "1" else "false", text)
        text = _CAST.sub("", text)
    if "=" in text:
        text = _NAMED.sub("", text)
    return text[5:] if text.startswith("void ") else _without_return_type(text)


def _without_return_type(text: str) -> str:
    """Drop the return type, other than void, that demanglers print before template functions."""
    if not text.startswith(("std::enable_if", "typename ")):
        return text
    angles = rounds = 0
    for position, letter in enumerate(text[:2048]):
        if letter in "()":
            rounds += 1 if letter == "(" else -1
        elif rounds:
            # Between parentheses < and > may be comparisons.
            continue
        elif letter in "<>":
            angles += 1 if letter == "<" else -1
        elif letter == " " and angles == 0 and position > 9:
            return text[position + 1 :]
    return text
