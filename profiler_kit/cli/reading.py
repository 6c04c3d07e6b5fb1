"""Reading the trace that a command is about."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from profiler_kit.cli.parser import UsageError
from profiler_kit.cli.progress import byte_progress

if TYPE_CHECKING:
    from profiler_kit.trace import Trace


def add_trace_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the trace and ``--no-cache``."""
    parser.add_argument(
        "path",
        metavar="TRACE",
        help="a trace (JSON, plain or gzipped), a directory or zip archive that holds some, a URL, or - for standard "
        "input; of several, the newest is taken",
    )
    parser.add_argument("--no-cache", action="store_true", help="parse anew, and keep nothing for the next time")


def read_newest(arguments: argparse.Namespace) -> Trace:
    """Read the trace that the arguments name, with a progress bar; tells on standard error what was left out.

    Raises:
        ProfilerKitError: If there is no trace there, or it cannot be read.
    """
    from profiler_kit.formats import find_traces, newest_of, read_trace
    from profiler_kit.printable import printable

    found = find_traces(arguments.path)
    newest = newest_of(found)
    if len(found) > 1:
        print(f"{len(found)} traces in {printable(arguments.path)}; this is the newest", file=sys.stderr)
    with byte_progress(f"reading {printable(newest.name)}") as advance:
        trace = read_trace(newest, cache=not arguments.no_cache, progress=advance)
    tell_losses(trace, newest.name)
    return trace


def require_one_pipe(*paths: str | None) -> None:
    """Make sure that standard input is not to be read twice.

    Raises:
        UsageError: If it is.
    """
    from profiler_kit.formats.places import STDIN

    if paths.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read once; name a file for the other trace")


def tell_losses(trace: Trace, what: str) -> None:
    """Say on standard error what of a file could not be read: every answer drawn from it lacks that."""
    from profiler_kit.printable import printable

    for loss in trace.health.losses():
        print(f"{printable(what)}: {loss}", file=sys.stderr)
