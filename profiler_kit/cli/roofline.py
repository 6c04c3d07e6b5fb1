"""``profiler-kit roofline``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import (
    TABLE_FORMATS,
    add_output_arguments,
    add_plot_arguments,
    add_rows,
    plot_file,
    render_sections,
    write_output,
)
from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.cli.roofs import add_roof_arguments, given_roofs


class RooflineCommand:
    """Show how close operators, kernels and layers come to what the machine can do.

    For each: arithmetic intensity, the rate that was reached, the rate that is attainable, and what limits it: compute,
    memory, or the launch. Peaks are those of the trace's GPU by its data sheet, of the GPU named by --device, those
    given, or, for a CPU, those measured when the trace was recorded. Needs shapes (record_shapes=True).
    """

    name = "roofline"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        add_roof_arguments(parser)
        parser.add_argument(
            "--by",
            choices=("operators", "kernels", "layers"),
            help="show this table only; of CSV, the table to write (default: operators)",
        )
        add_rows(parser, 15)
        add_output_arguments(parser, TABLE_FORMATS)
        add_plot_arguments(parser, "also draw the roofline")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.ledger.counters import counters
        from profiler_kit.analysis.ledger.roofline import roofline
        from profiler_kit.report.roofline import TABLES, device_text, roofline_csv, roofline_json, roofline_sections

        picture = plot_file(arguments)
        trace = read_newest(arguments)
        result = roofline(trace, given_roofs(arguments, trace))
        counted = counters(trace) if len(trace.counters) else None
        if arguments.format == "json":
            text = roofline_json(result, counted, trace.source)
        elif arguments.format == "csv":
            text = roofline_csv(result, arguments.by or TABLES[0])
        else:
            by = (arguments.by,) if arguments.by else TABLES
            facts = [("trace", trace.source), ("device", device_text(result.roofs))]
            parts = roofline_sections(result, counted, arguments.rows, by)
            text = render_sections(arguments, "profiler_kit roofline", facts, parts)
        write_output(arguments, text)
        if picture is not None:
            from profiler_kit.report.plots import draw_roofline

            draw_roofline(result, picture, dark=arguments.dark)
        return 0
