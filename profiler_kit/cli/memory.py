"""``profiler-kit memory``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest


class MemoryCommand:
    """Show memory over time and what was live at the peak.

    For every device: allocated and reserved memory, the peak and when it was reached, and by layer and operator what
    had been allocated then. Record with profile_memory=True. CSV holds what was live at the peaks.
    """

    name = "memory"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        add_rows(parser, 15)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.device_time.memory_use import memory_use
        from profiler_kit.report.memory import memory_csv, memory_json, memory_sections

        trace = read_newest(arguments)
        result = memory_use(trace)
        if arguments.format == "json":
            text = memory_json(result, trace.source)
        elif arguments.format == "csv":
            text = memory_csv(result)
        else:
            sections = memory_sections(result, arguments.rows)
            text = render_sections(arguments, "profiler_kit memory", [("trace", trace.source)], sections)
        write_output(arguments, text)
        return 0
