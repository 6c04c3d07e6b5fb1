"""``profiler-kit report``."""

from __future__ import annotations

import argparse

from profiler_kit.analysis.kernel_facts import GROUPS
from profiler_kit.cli.output import add_output_arguments, text_width, wants_color, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest


class ReportCommand:
    """Say where the time went in a trace.

    The trace may come from profiler_kit.profile or from any torch.profiler, on any machine. Of a directory with
    several traces, the newest is reported.
    """

    name = "report"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("--by-shape", action="store_true", help="keep an operator's input shapes apart")
        parser.add_argument("--group-by", choices=GROUPS, help="also sum kernel time by this fact about the kernels")
        parser.add_argument(
            "--rows", type=int, default=15, metavar="N", help="rows of each table (default: %(default)s)"
        )
        add_output_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.report import make_report

        trace = read_newest(arguments)
        report = make_report(trace, by_shape=arguments.by_shape, group_kernels_by=arguments.group_by)
        if arguments.format == "json":
            text = report.to_json()
        elif arguments.format == "markdown":
            text = report.to_markdown(rows=arguments.rows)
        else:
            text = report.to_text(width=text_width(arguments), color=wants_color(arguments), rows=arguments.rows)
        write_output(arguments, text)
        return 0
