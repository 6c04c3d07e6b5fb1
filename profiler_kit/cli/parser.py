"""Reading the command line, with errors that are one line and name the way out."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from profiler_kit.errors import ProfilerKitError

PROGRAM: Final = "profiler-kit"

_WAY_OUT: Final = "; "
"""Stands between what is wrong and what to do about it."""

_MISSING: Final = ("the following arguments are required:", "missing:")
_BEYOND: Final = 1 << 31
"""No count is as large as that."""


class UsageError(ProfilerKitError):
    """The command line cannot be understood."""


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of printing how the command is used and ending the process."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments.

        Raises:
            UsageError: Always.
        """
        where = self.prog.removeprefix(PROGRAM).strip()
        said = message.removeprefix("argument ").removeprefix("COMMAND: ").replace(*_MISSING)
        way_out = "" if _WAY_OUT in said else f"{_WAY_OUT}see {self.prog} --help"
        raise UsageError(f"{where + ': ' if where else ''}{said}{way_out}")

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse arguments all of which have to be known.

        Raises:
            UsageError: One is not, or does not have the right form.
        """
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = getattr(parsed, "parser", self)
            name = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(name, parser._option_string_actions, 1)
            meant = f"{_WAY_OUT}did you mean {near[0]}?" if near else ""
            said = f"there is no option {name}" if name.startswith("-") else f"one argument too many: {name!r}"
            parser.error(said + meant)
        return parsed

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is none of the choices, naming those that are near, or all."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        near = difflib.get_close_matches(str(value), choices, 1)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(choices)}"
        raise argparse.ArgumentError(action, f"{value!r} is not known{_WAY_OUT}{known}")


class ParagraphFormatter(argparse.HelpFormatter):
    """Fills each paragraph of a description to the terminal's width, and leaves indented ones as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(
            paragraph
            if paragraph.startswith(" ")
            else super(ParagraphFormatter, self)._fill_text(paragraph, width, indent)
            for paragraph in paragraphs
        )


def whole_number(what: str, advice: str = "1 or more") -> Callable[[str], int]:
    """Return a reader of whole numbers from 1 on for argparse.

    Args:
        what: What they count, in the plural.
        advice: What to give instead of something else.
    """

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:  # also for more digits than Python is willing to read
            value = 0
        if not 0 < value < _BEYOND:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of {what}{_WAY_OUT}give {advice}")
        return value

    return read
