"""``profiler-kit steps``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest


class StepsCommand:
    """Break every step down: compute, exposed communication and copies, idle, and what was critical.

    Outliers, trend and steps that the recording cut are marked. Below: how long compute, communication and copies ran
    at the same time, and what each stream did. CSV holds the steps.
    """

    name = "steps"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        add_rows(parser, 30)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.device_time.overlap import overlap
        from profiler_kit.analysis.device_time.steps import steps
        from profiler_kit.report.steps import steps_csv, steps_json, steps_sections

        trace = read_newest(arguments)
        result = steps(trace)
        if arguments.format == "csv":
            text = steps_csv(result)
        elif arguments.format == "json":
            text = steps_json(result, overlap(trace), trace.source)
        else:
            sections = steps_sections(result, overlap(trace), arguments.rows)
            text = render_sections(arguments, "profiler_kit steps", [("trace", trace.source)], sections)
        write_output(arguments, text)
        return 0
