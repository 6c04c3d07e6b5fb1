"""``profiler-kit idle``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest


class IdleCommand:
    """Say when the GPU had nothing to do, and why.

    Every gap of every device gets a cause: host busy (in which operator, layer or Python function), waiting (for the
    device, for data, for device memory), between steps, another stream, a copy, communication, the launch itself, or
    unknown. Busy and idle time add up. Also: what launching costs, launch-bound stretches, graph replays. CSV holds
    every gap.
    """

    name = "idle"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        add_rows(parser, 10)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.device_time.idle import idle
        from profiler_kit.analysis.device_time.launches import launches
        from profiler_kit.analysis.work.layer_of_op import layers_of_ops
        from profiler_kit.report.idle import idle_csv, idle_json, idle_sections

        trace = read_newest(arguments)
        layers = layers_of_ops(trace)
        result = idle(trace, layers=layers)
        if arguments.format == "csv":
            text = idle_csv(result)
        elif arguments.format == "json":
            text = idle_json(result, launches(trace, layers=layers), trace.source)
        else:
            costs = launches(trace, layers=layers)
            sections = idle_sections(result, costs, layers.source, arguments.rows)
            text = render_sections(arguments, "profiler_kit idle", [("trace", trace.source)], sections)
        write_output(arguments, text)
        return 0
