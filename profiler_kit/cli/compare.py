"""``profiler-kit compare``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.measuring import add_seconds, require_torch
from profiler_kit.cli.output import (
    TABLE_FORMATS,
    add_output_arguments,
    add_plot_arguments,
    plot_file,
    text_width,
    wants_color,
    write_output,
)
from profiler_kit.cli.parser import whole_number
from profiler_kit.cli.progress import progress_bar
from profiler_kit.errors import ExperimentError


class CompareCommand:
    """Measure convolutions against the dense layers that match them, over sizes.

    For each size of image, times a convolution and the dense layers of equal input size, equal FLOPs, equal parameters
    and equal output size, in turn, and says who wins and why. Also takes apart what is usually measured instead: one
    cold call each of Linear(1024->512) and two convolutions, timed with time.time() in a fresh process.
    """

    name = "compare"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--sizes", default="4,8,16,32,64", metavar="N,N,…", help="heights of the images (default: %(default)s)"
        )
        parser.add_argument(
            "--batch", type=whole_number("images"), default=1, metavar="N", help="images (default: %(default)s)"
        )
        parser.add_argument(
            "--channels",
            type=whole_number("channels"),
            nargs=2,
            default=(3, 64),
            metavar=("IN", "OUT"),
            help="default: 3 64",
        )
        parser.add_argument(
            "--kernel",
            type=whole_number("pixels", "1, 3 or another odd number"),
            default=3,
            metavar="K",
            help="odd (default: %(default)s)",
        )
        parser.add_argument("--no-cold", action="store_true", help="leave the cold measurement out")
        add_plot_arguments(parser, "draw time against FLOPs")
        add_seconds(parser, 15.0)
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        picture = plot_file(arguments)
        require_torch("a comparison")
        from profiler_kit.experiments.cold_calls import measure_first_calls
        from profiler_kit.experiments.matched_pairs import measure_matched_pairs
        from profiler_kit.report.matched_pairs import MatchedPairsReport

        sizes = _sizes(arguments.sizes)
        channels, filters = arguments.channels
        with progress_bar("compare") as advance:
            pairs = measure_matched_pairs(
                sizes,
                batch=arguments.batch,
                channels=channels,
                filters=filters,
                kernel=arguments.kernel,
                seconds=arguments.seconds,
                progress=advance,
            )
            first_calls = None if arguments.no_cold else measure_first_calls(progress=advance)
        report = MatchedPairsReport(pairs, first_calls)
        if picture is not None:
            from profiler_kit.report.sweep_plot import write_sweep_plot

            write_sweep_plot(pairs, picture, dark=arguments.dark)
        if arguments.format == "json":
            text = report.to_json()
        elif arguments.format == "csv":
            text = report.to_csv()
        elif arguments.format == "markdown":
            text = report.to_markdown()
        else:
            text = report.to_text(width=text_width(arguments), color=wants_color(arguments))
        write_output(arguments, text)
        return 0


def _sizes(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and part.isascii() and len(part) < 10 for part in parts):
        raise ExperimentError(f"--sizes {text!r}: write numbers with commas between, such as 8,16,32")
    return [int(part) for part in parts]
