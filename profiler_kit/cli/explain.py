"""``profiler-kit explain``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from profiler_kit.cli.output import add_output_arguments, add_plot_arguments, plot_file, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest, require_one_pipe
from profiler_kit.cli.roofs import add_roof_arguments, given_roofs

if TYPE_CHECKING:
    from profiler_kit.trace import Trace


class ExplainCommand:
    """Explain why one convolution or matrix product takes longer than another.

    Decomposes the ratio of their times into factors that multiply to it exactly: useful FLOPs, padded work, the
    arithmetic unit, fill of the machine, memory, layout transforms and other helpers, and what stays unexplained, each
    with its evidence. Without names, it compares the two layers that the trace's recorder has compared, where it notes
    that (`profiler-kit demo` does), or else the forward convolution with most time with the matrix product with most
    time. With a second trace, it compares the same layer in both.
    """

    name = "explain"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("other", metavar="TRACE2", nargs="?", help="take the fast side from this trace")
        named = "a layer, or an operator with its shapes as `profiler-kit selection` shows them"
        parser.add_argument("--slow", metavar="NAME", help=f"what to explain: {named}")
        parser.add_argument("--fast", metavar="NAME", help="what to compare it with, likewise")
        parser.add_argument("--pass", dest="pass_", metavar="PASS", help="forward, dgrad, wgrad or backward")
        parser.add_argument("--elapsed", action="store_true", help="compare times with the gaps between kernels")
        parser.add_argument(
            "--ask-cudnn", action="store_true", help="put cuDNN's prediction, and its log, beside the kernels' names"
        )
        add_roof_arguments(parser)
        add_output_arguments(parser)
        add_plot_arguments(parser, "also draw the factors")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.ledger.explanation import explain
        from profiler_kit.cli.witnesses import explanation_witnesses
        from profiler_kit.report.explanation import explanation_facts, explanation_json, explanation_sections

        picture = plot_file(arguments)
        require_one_pipe(arguments.path, arguments.other)
        trace = read_newest(arguments)
        other = _second(arguments)
        explanation = explain(
            trace,
            arguments.slow,
            arguments.fast,
            other=other,
            pass_=arguments.pass_,
            roofs=given_roofs(arguments, trace),
            elapsed=arguments.elapsed,
        )
        if arguments.format == "json":
            text = explanation_json(explanation)
        else:
            facts, parts = explanation_facts(explanation), explanation_sections(explanation)
            if arguments.ask_cudnn:
                parts = [*parts, *explanation_witnesses(trace, other, explanation)]
            text = render_sections(arguments, "profiler_kit explain", facts, parts)
        write_output(arguments, text)
        if picture is not None:
            from profiler_kit.report.plots import draw_waterfall

            draw_waterfall(explanation, picture, dark=arguments.dark)
        return 0


def _second(arguments: argparse.Namespace) -> Trace | None:
    """Read the second trace, if one is named."""
    if not arguments.other:
        return None
    return read_newest(argparse.Namespace(path=arguments.other, no_cache=arguments.no_cache))
