"""Where a command's result goes: the terminal, a pipe or a file."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from profiler_kit.cli.parser import UsageError, whole_number

if TYPE_CHECKING:
    from profiler_kit.report.layout import Section

FORMATS = ("text", "markdown", "json")
TABLE_FORMATS = (*FORMATS, "csv")
"""Formats of results, and of those that are one table."""

PIPE_WIDTH = 120
"""Width of text that does not go to a terminal."""


def add_text_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--width`` and ``--color``."""
    parser.add_argument(
        "--width",
        type=whole_number("columns", "60 or more"),
        metavar="COLUMNS",
        help="width of text, at least 60; default: the terminal's",
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: %(default)s")
    parser.set_defaults(output=None)


def add_output_arguments(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> None:
    """Declare ``--format`` and ``--output`` besides the arguments for text."""
    add_text_arguments(parser)
    parser.add_argument("--format", choices=formats, default="text", help="default: %(default)s")
    parser.add_argument(
        "--output", "-o", type=_writable, metavar="FILE", help="write there instead of to standard output"
    )


def _writable(text: str) -> str:
    """Refuse a file that cannot be written before the work is done that it is for."""
    try:
        if Path(text).is_dir():
            raise argparse.ArgumentTypeError(f"{text!r} is a directory; name a file")
        if not Path(text).parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r} is in no directory that exists; make it first")
    except (OSError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a file; choose another") from None
    return text


def add_plot_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare ``--plot`` and ``--dark``.

    Args:
        parser: The command's parser.
        what: What is drawn, for the help.
    """
    parser.add_argument("--plot", type=_picture_file, metavar="FILE", help=f"{what} into FILE: .svg, .pdf or .png")
    parser.add_argument("--dark", action="store_true", help="with --plot, draw on a dark background")


def plot_file(arguments: argparse.Namespace) -> Path | None:
    """Return where the picture goes, None if none is wanted.

    Raises:
        UsageError: If only its background is given.
    """
    if arguments.plot is None and arguments.dark:
        raise UsageError("--dark is for a picture; add --plot FILE")
    return None if arguments.plot is None else Path(arguments.plot)


def _picture_file(text: str) -> str:
    """Read the name of a picture for argparse, before the work is done that it shows."""
    from profiler_kit.report.sweep_plot import require_plots

    require_plots(Path(_writable(text)))
    return text


def add_rows(parser: argparse.ArgumentParser, default: int, what: str = "rows of text") -> None:
    """Declare ``--rows``.

    Args:
        parser: The command's parser.
        default: Rows where nothing is given.
        what: What they are rows of, for the help.
    """
    kind = whole_number("rows")
    parser.add_argument("--rows", type=kind, default=default, metavar="N", help=f"{what} (default: %(default)s)")


def text_width(arguments: argparse.Namespace) -> int:
    """Return the width that text should have."""
    if arguments.width is not None:
        return int(arguments.width)
    fallback = (PIPE_WIDTH, 24)
    return shutil.get_terminal_size(fallback).columns


def wants_color(arguments: argparse.Namespace) -> bool:
    """Tell whether to use colour codes: on a terminal, unless the user or NO_COLOR says otherwise."""
    if arguments.color != "auto":
        return bool(arguments.color == "always")
    return not arguments.output and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def render_sections(
    arguments: argparse.Namespace, title: str, facts: Sequence[tuple[str, str]], parts: Sequence[Section]
) -> str:
    """Render a title, facts (label, text) and sections as Markdown where that was asked for, else as text."""
    from profiler_kit.report import markdown, terminal

    if arguments.format == "markdown":
        return markdown.render_sections(title, facts, parts)
    return terminal.render_sections(title, facts, parts, width=text_width(arguments), color=wants_color(arguments))


def write_output(arguments: argparse.Namespace, text: str) -> None:
    """Write the result to the file that was asked for, or to standard output.

    Raises:
        OSError: If the file cannot be written.
    """
    if arguments.output:
        Path(arguments.output).write_text(text, encoding="utf-8", errors="backslashreplace")
    else:
        sys.stdout.write(text)
