"""A demangler for the part of the Itanium C++ ABI that kernel names use.

Kineto leaves names beyond 1,024 characters mangled, and AMD's traces mangle more. No subprocess and no compiled
helper is needed to read them; the grammar is chapter 5.1 of the ABI (https://itanium-cxx-abi.github.io/cxx-abi/abi.html).
What does not parse, such as a name cut short, still yields its leading identifiers, which is where the facts are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ._itanium import BUILTIN, EXTENDED, OPERATORS, QUALIFIERS, STANDARD, SUFFIX
from ._stump import DIGITS, stump

_MAX_DEPTH: Final = 120
# Real names have a few hundred parts that later ones can refer to.
_MAX_SEEN: Final = 600
# Substitutions can refer to one another, so a short hostile name could otherwise print gigabytes.
_MAX_TEXT: Final = 65536


class _MalformedError(Exception):
    """The text is not a complete mangled name of the supported kind."""


class _Parser:
    """Recursive descent over one mangled name; every ``_rule`` consumes its production and returns its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.seen: list[str] = []
        self.parameters: list[str] = []

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def take(self, expected: str) -> bool:
        if self.text.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def need(self, expected: str) -> None:
        if not self.take(expected):
            raise _MalformedError

    def remember(self, text: str) -> str:
        if len(text) > _MAX_TEXT or len(self.seen) > _MAX_SEEN:
            raise _MalformedError
        self.seen.append(text)
        return text

    def number(self) -> int:
        match = DIGITS.match(self.text, self.at)
        if not match:
            raise _MalformedError
        self.at = match.end()
        return int(match[0])

    def index(self, base: int) -> int:
        """Read an index up to its ``_``: in base 36 of a substitution, in base 10 of a template parameter."""
        end = self.text.find("_", self.at, self.at + 8)
        if end < 0:
            raise _MalformedError
        digits, self.at = self.text[self.at : end], end + 1
        return int(digits, base) + 1 if digits else 0

    def encoding(self) -> str:
        self.need("_Z")
        return self.encoding_body()

    def encoding_body(self) -> str:
        name = self.name()
        if not self.peek() or self.peek() in "E.":
            return name
        # A template function states its return type first.
        if name.endswith(">") and not name.endswith("operator>"):
            self.type()
        return f"{name}({self.parameter_list()})"

    def parameter_list(self) -> str:
        parameters = []
        while self.peek() and self.peek() not in "E.":
            parameters.append(self.type())
        return "" if parameters == ["void"] else ", ".join(parameters)

    def name(self) -> str:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _MalformedError
        if self.take("N"):
            result = self.nested()
        elif self.take("Z"):
            result = self.local()
        else:
            standard = self.take("St")
            if not standard and self.peek() == "S":
                result = self.substitution()
            else:
                result = ("std::" if standard else "") + self.unqualified()
                if self.peek() == "I":
                    self.remember(result)
            if self.peek() == "I":
                result += self.template_arguments()
        self.depth -= 1
        return result

    def nested(self) -> str:
        constant = ""
        while self.peek() in ("K", "V", "r", "R", "O") and self.peek():
            constant += QUALIFIERS[self.peek()]
            self.at += 1
        result = ""
        while not self.take("E"):
            letter = self.peek()
            if letter == "I":
                result += self.template_arguments()
            elif letter == "S" and self.peek(2) != "St":
                result = self.substitution()
                continue
            elif letter == "T":
                result = self.template_parameter()
            elif letter == "D" and self.peek(2) in ("DT", "Dt"):
                result = self.decltype()
            else:
                standard = self.take("St")
                part = "std" if standard else self.unqualified(result)
                result = f"{result}::{part}" if result else part
                # Only the abbreviation is no component of its own; cuda::std is one.
                if standard:
                    continue
            if self.peek() != "E":
                self.remember(result)
        return result + constant

    def local(self) -> str:
        function = self.encoding_body()
        self.need("E")
        if self.take("s"):
            self.discriminator()
            return function
        entity = self.name()
        self.discriminator()
        return f"{function}::{entity}"

    def discriminator(self) -> None:
        if self.take("__"):
            self.number()
            self.need("_")
        elif self.take("_"):
            self.number()

    def unqualified(self, scope: str = "") -> str:
        self.take("L")
        letter = self.peek()
        if letter.isdigit():
            result = self.source_name()
        elif self.take("Ul"):
            parameters = self.parameter_list()
            self.need("E")
            result = f"{{lambda({parameters})#{self.ordinal()}}}"
        elif self.take("Ut"):
            result = f"{{unnamed type#{self.ordinal()}}}"
        elif letter in "CD" and self.peek(2)[1:].isdigit():
            self.at += 2
            plain = scope.partition("<")[0].rpartition("::")[2]
            result = plain if letter == "C" else f"~{plain}"
        elif self.take("cv"):
            result = f"operator {self.type()}"
        else:
            result = f"operator{self.operator()}"
        while self.take("B"):
            result += f"[abi:{self.source_name()}]"
        return result

    def ordinal(self) -> int:
        if self.take("_"):
            return 1
        value = self.number() + 2
        self.need("_")
        return value

    def operator(self) -> str:
        code = self.peek(2)
        symbol = OPERATORS.get(code)
        if symbol is None:
            raise _MalformedError
        self.at += 2
        return symbol

    def source_name(self) -> str:
        length = self.number()
        end = self.at + length
        if length == 0 or end > len(self.text):
            raise _MalformedError
        name, self.at = self.text[self.at : end], end
        return "(anonymous namespace)" if name.startswith("_GLOBAL__N_") else name

    def substitution(self) -> str:
        code = self.peek(2)
        if code in STANDARD:
            self.at += 2
            return STANDARD[code]
        self.need("S")
        place = self.index(36)
        if place >= len(self.seen):
            raise _MalformedError
        return self.seen[place]

    def template_parameter(self) -> str:
        self.need("T")
        place = self.index(10)
        # Forward references and packs of an outer template stay symbolic; no fact depends on them.
        return self.parameters[place] if place < len(self.parameters) else "auto"

    def template_arguments(self) -> str:
        self.need("I")
        outer = self.depth == 1
        arguments: list[str] = []
        while not self.take("E"):
            arguments.append(self.template_argument())
        if outer:
            self.parameters = arguments
        text = ", ".join(argument for argument in arguments if argument)
        return f"<{text}{' ' if text.endswith('>') else ''}>"

    def template_argument(self) -> str:
        if self.take("L"):
            return self.literal()
        if self.take("X"):
            result = self.expression()
            self.need("E")
            return result
        if self.take("J") or (self.peek() == "I" and self.take("I")):
            pack = []
            while not self.take("E"):
                pack.append(self.template_argument())
            return ", ".join(pack)
        return self.type()

    def literal(self) -> str:
        if self.take("_Z"):
            result = self.encoding_body()
            self.need("E")
            return f"&{result}"
        letter = self.peek()
        kind = self.type()
        end = self.text.find("E", self.at)
        if end < 0:
            raise _MalformedError
        value, self.at = self.text[self.at : end].replace("n", "-"), end + 1
        if letter == "b":
            return "true" if value == "1" else "false"
        return value + SUFFIX.get(letter, "") if letter in BUILTIN else f"({kind}){value}"

    def expression(self) -> str:
        """Read an expression as text; its value is never needed."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _MalformedError
        if self.take("L"):
            result = self.literal()
        elif self.peek() == "T":
            result = self.template_parameter()
        elif self.take("sZ") or self.take("sp"):
            result = self.expression() if self.peek() != "T" else self.template_parameter()
        elif self.take("st"):
            result = f"sizeof ({self.type()})"
        elif self.take("sr"):
            result = self.unresolved_name()
        elif self.peek(2) in ("ad", "de", "nt", "ng", "co", "ps"):
            result = self.operator() + self.expression()
        elif self.peek(2) in OPERATORS and self.peek(2) not in ("cl", "qu"):
            symbol = self.operator()
            result = f"({self.expression()}){symbol}({self.expression()})"
        else:
            raise _MalformedError
        self.depth -= 1
        return result

    def unresolved_name(self) -> str:
        # EDG's front end, which is nvcc's, writes a qualified name part by part and ends it, instead of as a type.
        in_parts = self.peek().isdigit()
        result = f"{self.source_name() if in_parts else self.type()}::{self.unqualified()}"
        if self.peek() == "I":
            result += self.template_arguments()
        if in_parts and self.peek(2)[:1] == "E" and self.peek(2)[1:].isdigit():
            self.take("E")
            result += f"::{self.unqualified()}"
        return result

    def decltype(self) -> str:
        self.at += 2
        result = self.expression()
        self.need("E")
        return f"decltype({result})"

    def type(self) -> str:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _MalformedError
        result = self.type_body()
        self.depth -= 1
        return result

    def type_body(self) -> str:
        letter = self.peek()
        if letter in BUILTIN:
            self.at += 1
            return BUILTIN[letter]
        if letter in QUALIFIERS:
            self.at += 1
            inner = self.type()
            return self.remember(inner + QUALIFIERS[letter])
        if letter == "S" and self.peek(2) != "St":
            result = self.substitution()
            return self.remember(result + self.template_arguments()) if self.peek() == "I" else result
        if letter == "T":
            result = self.remember(self.template_parameter())
            return self.remember(result + self.template_arguments()) if self.peek() == "I" else result
        if letter == "D":
            return self.extended_type()
        if self.take("F"):
            result = self.type()
            parameters = self.parameter_list()
            self.need("E")
            return self.remember(f"{result} ({parameters})")
        if self.take("A"):
            size = "" if self.peek() == "_" else str(self.number())
            self.need("_")
            return self.remember(f"{self.type()} [{size}]")
        return self.remember(self.other_type(letter))

    def other_type(self, letter: str) -> str:
        if self.take("u"):
            return self.source_name()
        if self.take("M"):
            owner = self.type()
            return f"{self.type()} {owner}::*"
        if not letter or not (letter.isdigit() or letter in "NZS"):
            raise _MalformedError
        return self.name()

    def extended_type(self) -> str:
        code = self.peek(2)
        if code in EXTENDED:
            self.at += 2
            return EXTENDED[code]
        if code in ("DT", "Dt"):
            return self.remember(self.decltype())
        if self.take("DF"):
            bits = self.number()
            if self.take("b"):
                return f"__bf{bits}"
            self.need("_")
            return f"_Float{bits}"
        if self.take("Dp"):
            return self.type()
        if self.take("Dv"):
            lanes = self.number()
            self.need("_")
            return self.remember(f"{self.type()} __vector({lanes})")
        raise _MalformedError


@lru_cache(maxsize=1024)
def demangle(mangled: str) -> str | None:
    """Demangle a C++ symbol.

    Args:
        mangled: A symbol that begins with ``_Z``; a second leading underscore is allowed.

    Returns:
        The readable name. Of a symbol that is cut short or uses unsupported productions, the leading qualified
        identifier and the words behind it; None if there is not even that.
    """
    text = mangled.removeprefix("_") if mangled.startswith("__Z") else mangled
    try:
        parser = _Parser(text)
        result = parser.encoding()
        if parser.at == len(text) or parser.peek() == ".":
            return result
    except (_MalformedError, ValueError, RecursionError, IndexError):
        pass
    return stump(text) or None
