"""``profiler-kit selection``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest


class SelectionCommand:
    """List which kernels each convolution and matrix product got.

    One row per distinct problem (operator, pass, shapes, types, memory format, stride, …) with what was launched for
    it: main kernels, helpers, layout transforms, memsets, times, and useful FLOPs. The trace may come from any
    torch.profiler; record with record_shapes=True to see shapes.
    """

    name = "selection"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("--op", choices=("conv", "linear", "all"), default="all", help="default: %(default)s")
        add_rows(parser, 15)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.passes.passes import passes
        from profiler_kit.analysis.selection.reported_engines import reported_engines
        from profiler_kit.analysis.selection.selection import ledger_work, selection
        from profiler_kit.report.reported_engines import reported_engines_document, reported_engines_section
        from profiler_kit.report.selection import selection_csv, selection_json, selection_sections

        trace = read_newest(arguments)
        found = passes(trace)
        work = ledger_work(trace, arguments.op, found)
        result = selection(trace, arguments.op, found=found, work=work)
        reported = reported_engines(trace, found, work)
        if arguments.format == "json":
            text = selection_json(result, trace.source, reported_engines_document(reported))
        elif arguments.format == "csv":
            text = selection_csv(result)
        else:
            sections = selection_sections(result, arguments.rows)
            if len(reported.table):
                sections.append(reported_engines_section(reported, result, arguments.rows))
            text = render_sections(arguments, "profiler_kit selection", [("trace", trace.source)], sections)
        write_output(arguments, text)
        return 0
