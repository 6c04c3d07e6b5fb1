"""``profiler-kit ranks``."""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import TYPE_CHECKING

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.progress import byte_progress
from profiler_kit.cli.reading import tell_losses
from profiler_kit.errors import UnreadableTraceWarning

if TYPE_CHECKING:
    from profiler_kit.trace import Ranks


class RanksCommand:
    """Compare the ranks of a distributed job.

    Reads one trace for each rank (of several, the last written): what each rank did with its time, which rank the
    others waited for in each step and why, and the collectives with their bandwidth. Collectives are matched by their
    order in a step, clocks aligned by their ends. Files that cannot be read are named and left out. CSV holds the
    table of ranks.
    """

    name = "ranks"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("path", metavar="TRACES", help="a directory, pattern or zip archive with a trace per rank")
        parser.add_argument("--no-cache", action="store_true", help="parse anew, and keep nothing for the next time")
        add_rows(parser, 15)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.ranks.rank_times import rank_times
        from profiler_kit.report.ranks import ranks_csv, ranks_facts, ranks_json, ranks_sections

        result = rank_times(_read(arguments))
        if arguments.format == "json":
            text = ranks_json(result, arguments.path)
        elif arguments.format == "csv":
            text = ranks_csv(result)
        else:
            facts = [("traces", arguments.path), *ranks_facts(result)]
            text = render_sections(arguments, "profiler_kit ranks", facts, ranks_sections(result, arguments.rows))
        write_output(arguments, text)
        return 0


def _read(arguments: argparse.Namespace) -> Ranks:
    """Read the ranks; tells on standard error what was left out, and where their numbers are guesses."""
    from profiler_kit.formats import read_ranks
    from profiler_kit.printable import printable
    from profiler_kit.trace.ranks import FROM_NAME, FROM_ORDER

    with byte_progress(f"reading {printable(arguments.path)}") as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreadableTraceWarning)  # told below
        ranks = read_ranks(arguments.path, cache=not arguments.no_cache, progress=advance)
    for file in ranks.unreadable:
        print(printable(f"left out: {file.reason}"), file=sys.stderr)
    if ranks.superseded:
        print(f"left out, since a later one has the same rank: {len(ranks.superseded)} of the traces", file=sys.stderr)
    named, numbered = (sum(origin == o for o in ranks.origins.values()) for origin in (FROM_NAME, FROM_ORDER))
    if named:
        print(f"ranks told by the file's name only: {named} of {len(ranks)} traces", file=sys.stderr)
    if numbered:
        which = f"{numbered} of {len(ranks)} traces do not tell their rank; they are numbered in order"
        print(which if len(ranks) > 1 else "the trace does not tell its rank; taken for rank 0", file=sys.stderr)
    for rank, trace in ranks.items():
        tell_losses(trace, f"rank {rank}")
    return ranks
