"""``profiler-kit copies``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.cli.roofs import add_device_argument


class CopiesCommand:
    """List memory copies: which way, how fast, who caused them, and what they cost.

    By direction, pinned or pageable memory, and whether the host waits: count, bytes, time, rate and its share of the
    peak that the GPU's data sheet gives for the link or the memory, and how much of it was hidden behind kernels; then
    the operators and layers that caused them. CSV holds every copy.
    """

    name = "copies"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        add_device_argument(parser)
        add_rows(parser, 15)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.device_time.copies import copies
        from profiler_kit.analysis.work.layer_of_op import layers_of_ops
        from profiler_kit.report.copies import copies_csv, copies_json, copies_sections

        trace = read_newest(arguments)
        layers = layers_of_ops(trace)
        result = copies(trace, layers=layers, device=arguments.device)
        if arguments.format == "json":
            text = copies_json(result, trace.source)
        elif arguments.format == "csv":
            text = copies_csv(result)
        else:
            sections = copies_sections(result, layers.source, arguments.rows)
            text = render_sections(arguments, "profiler_kit copies", [("trace", trace.source)], sections)
        write_output(arguments, text)
        return 0
