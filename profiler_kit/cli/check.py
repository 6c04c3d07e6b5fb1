"""``profiler-kit check``."""

from __future__ import annotations

import argparse
import sys

from profiler_kit.cli.output import add_output_arguments, render_sections, write_output
from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.errors import ProfilerKitError

EXIT_FAILED = 1


class CheckCommand:
    """Check a trace against rules, for continuous integration.

    The rules file is TOML, for example

        [layout_transforms]
        max = 0
        [tensor_core_share]
        min = 0.5
        [kernels]
        baseline = "kernels.baseline.json"

    Measures: tensor_core_share, layout_transforms, layout_transform_share, pageable_copies, idle_share,
    launch_coverage, operator_coverage, layer_coverage, kernels_per_step. The exit code is 1 if a rule fails, or if
    the trace does not tell. --write-baseline writes the names of all kernels that ran, to be committed.
    """

    name = "check"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("--rules", metavar="FILE", help="rules in TOML")
        parser.add_argument(
            "--write-baseline", metavar="FILE", help="write the kernels that ran there (before checking)"
        )
        add_output_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command; returns 1 if a rule is not passed."""
        from profiler_kit.analysis.findings.checks import check, kernel_set
        from profiler_kit.printable import printable
        from profiler_kit.report.checks import checks_json, checks_sections
        from profiler_kit.testing.rules import read_rules, write_baseline

        if arguments.rules is None and arguments.write_baseline is None:
            raise ProfilerKitError("check: nothing to do; give --rules FILE, --write-baseline FILE, or both")
        trace = read_newest(arguments)
        if arguments.write_baseline is not None:
            kernels = kernel_set(trace)
            write_baseline(arguments.write_baseline, kernels)
            said = f"{len(kernels.names)} names of {kernels.of} written to {arguments.write_baseline}"
            print(printable(said), file=sys.stderr)
        if arguments.rules is None:
            return 0
        result = check(trace, read_rules(arguments.rules))
        if arguments.format == "json":
            text = checks_json(result, trace.source)
        else:
            facts = [("trace", trace.source), ("rules", arguments.rules)]
            text = render_sections(arguments, "profiler_kit check", facts, checks_sections(result))
        write_output(arguments, text)
        return 0 if result.passed else EXIT_FAILED
