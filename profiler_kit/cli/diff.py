"""``profiler-kit diff``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.reading import read_newest, require_one_pipe


class DiffCommand:
    """Compare two runs, before and after.

    Compares by step, layer, operator and problem, and kernel, and tells what a library chose differently for the same
    problem. Where both traces have profiler steps, means of a step are compared and judged by how the steps spread;
    what is within that noise is not called a change. CSV holds the comparison by operator.
    """

    name = "diff"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        for name, when in (("A", "before"), ("B", "after")):
            parser.add_argument(
                name.lower(), metavar=name, help=f"the run {when}: a trace, or a directory of which the newest is taken"
            )
        parser.add_argument("--no-cache", action="store_true", help="parse anew, and keep nothing for the next time")
        add_rows(parser, 12)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.analysis.runs.run_diff import diff_runs
        from profiler_kit.report.diff import diff_csv, diff_facts, diff_json, diff_sections

        require_one_pipe(arguments.a, arguments.b)
        traces = [
            read_newest(argparse.Namespace(path=path, no_cache=arguments.no_cache))
            for path in (arguments.a, arguments.b)
        ]
        result = diff_runs(*traces)
        if arguments.format == "json":
            text = diff_json(result)
        elif arguments.format == "csv":
            text = diff_csv(result)
        else:
            sections = diff_sections(result, arguments.rows)
            text = render_sections(arguments, "profiler_kit diff, B against A", diff_facts(result), sections)
        write_output(arguments, text)
        return 0
