"""``profiler-kit report``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from profiler_kit.analysis.work.kernel_facts import GROUPS
from profiler_kit.cli.output import FORMATS, add_output_arguments, add_rows, text_width, wants_color, write_output
from profiler_kit.cli.prediction import OF_TRACE, Wanted, convolutions_of, predict
from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from profiler_kit.analysis.selection.predicted_selection import PredictedSelection
    from profiler_kit.trace import Trace

_HTML = "html"


class ReportCommand:
    """Say where the time went in a trace.

    The trace may come from profiler_kit.profile or from any torch.profiler, on any machine. Of a directory with
    several traces, the newest is reported. The format html is one file with every view that TensorBoard's tab has, to
    be opened from disk and sent around.
    """

    name = "report"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("--by-shape", action="store_true", help="keep an operator's input shapes apart")
        parser.add_argument("--group-by", choices=GROUPS, help="also sum kernel time by this fact about the kernels")
        add_rows(parser, 15, "rows of each table")
        parser.add_argument(
            "--predict",
            metavar="GPUS",
            help="also ask cuDNN what it would choose for the convolutions on these GPUs, such as H100,A100; "
            f"{OF_TRACE}: the one that it was recorded on (see the command predict)",
        )
        add_output_arguments(parser, (*FORMATS, _HTML))

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.report import make_report

        trace = read_newest(arguments)
        prediction = None
        if arguments.predict is not None:
            prediction = predict(Wanted(gpus=arguments.predict), trace, convolutions_of(trace))
        if arguments.format == _HTML:
            write_page(arguments, trace, lambda: prediction)
            return 0
        report = make_report(
            trace, by_shape=arguments.by_shape, group_kernels_by=arguments.group_by, prediction=prediction
        )
        if arguments.format == "json":
            text = report.to_json()
        elif arguments.format == "markdown":
            text = report.to_markdown(rows=arguments.rows)
        else:
            text = report.to_text(width=text_width(arguments), color=wants_color(arguments), rows=arguments.rows)
        write_output(arguments, text)
        return 0


def write_page(
    arguments: argparse.Namespace, trace: Trace, prediction: Callable[[], PredictedSelection | None] = lambda: None
) -> None:
    """Write the whole page about a trace as one HTML file.

    Args:
        arguments: Where to.
        trace: The trace.
        prediction: Returns what cuDNN was asked about its convolutions, if it was.

    Raises:
        ProfilerKitError: If it would go to a terminal.
    """
    from profiler_kit.report.html import render
    from profiler_kit.report.page import Answers

    if not arguments.output and sys.stdout.isatty():
        raise ProfilerKitError("a page is nothing for a terminal: name a file with --output FILE.html")
    write_output(arguments, render(Answers(trace, prediction=prediction)))
