"""``profiler-kit report``."""

from __future__ import annotations

import argparse
import sys

from profiler_kit.analysis.kernel_facts import GROUPS
from profiler_kit.cli.output import add_output_arguments, text_width, wants_color, write_output


class ReportCommand:
    """Say where the time went in a trace.

    The trace may come from profiler_kit.profile or from any torch.profiler, on any machine. Of a directory with
    several traces, the newest is reported.
    """

    name = "report"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("path", metavar="TRACE", help="a *.pt.trace.json[.gz], or a directory that holds some")
        parser.add_argument("--by-shape", action="store_true", help="keep an operator's input shapes apart")
        parser.add_argument("--group-by", choices=GROUPS, help="also sum kernel time by this fact about the kernels")
        parser.add_argument(
            "--rows", type=int, default=15, metavar="N", help="rows of each table (default: %(default)s)"
        )
        add_output_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.formats import find_traces, read_trace
        from profiler_kit.report import make_report

        found = find_traces(arguments.path)
        newest = max(found, key=lambda path: path.stat().st_mtime_ns)
        if len(found) > 1:
            print(f"{len(found)} traces in {arguments.path}; this is the newest, {newest}", file=sys.stderr)
        report = make_report(read_trace(newest), by_shape=arguments.by_shape, group_kernels_by=arguments.group_by)
        if arguments.format == "json":
            text = report.to_json()
        elif arguments.format == "markdown":
            text = report.to_markdown(rows=arguments.rows)
        else:
            text = report.to_text(width=text_width(arguments), color=wants_color(arguments), rows=arguments.rows)
        write_output(arguments, text)
        return 0
