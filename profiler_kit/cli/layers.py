"""``profiler-kit layers``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest


class LayersCommand:
    """Sum time by layer, forward and backward.

    Layers come from the spans that profiler_kit.profile records, else from the module calls in recorded Python stacks
    (torch.profiler with with_stack=True); the source is stated.
    """

    name = "layers"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        add_rows(parser, 30, "layers in text")
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.times.layer_times import layer_times
        from profiler_kit.report.layers import layers_csv, layers_json, layers_sections

        trace = read_newest(arguments)
        result = layer_times(trace)
        if arguments.format == "json":
            text = layers_json(result, trace.source)
        elif arguments.format == "csv":
            text = layers_csv(result)
        else:
            sections = layers_sections(result, arguments.rows)
            text = render_sections(arguments, "profiler_kit layers", [("trace", trace.source)], sections)
        write_output(arguments, text)
        return 0
