"""The codes of the Itanium C++ ABI, chapter 5.1, that kernel names use."""

from __future__ import annotations

from typing import Final

# The builtin types of the Itanium ABI by their one-letter codes.
BUILTIN: Final = {
    "v": "void",
    "w": "wchar_t",
    "b": "bool",
    "c": "char",
    "a": "signed char",
    "h": "unsigned char",
    "s": "short",
    "t": "unsigned short",
    "i": "int",
    "j": "unsigned int",
    "l": "long",
    "m": "unsigned long",
    "x": "long long",
    "y": "unsigned long long",
    "n": "__int128",
    "o": "unsigned __int128",
    "f": "float",
    "d": "double",
    "e": "long double",
    "g": "__float128",
    "z": "...",
}
EXTENDED: Final = {"Dn": "decltype(nullptr)", "Dh": "half", "Di": "char32_t", "Ds": "char16_t", "Du": "char8_t"}
STANDARD: Final = {"St": "std", "Sa": "std::allocator", "Ss": "std::string", "Sb": "std::basic_string"}
SUFFIX: Final = {"j": "u", "l": "l", "m": "ul", "x": "ll", "y": "ull"}
OPERATORS: Final = {
    "cl": "()",
    "ix": "[]",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "nt": "!",
    "aa": "&&",
    "oo": "||",
    "pl": "+",
    "mi": "-",
    "ml": "*",
    "dv": "/",
    "rm": "%",
    "an": "&",
    "or": "|",
    "eo": "^",
    "co": "~",
    "ls": "<<",
    "rs": ">>",
    "aS": "=",
    "ps": "+",
    "ng": "-",
    "ad": "&",
    "de": "*",
    "qu": "?",
    "cm": ",",
    "pm": "->*",
    "pt": "->",
    "pp": "++",
    "mm": "--",
}
QUALIFIERS: Final = {"P": "*", "R": "&", "O": "&&", "K": " const", "V": " volatile", "r": " restrict"}
