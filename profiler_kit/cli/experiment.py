"""``profiler-kit experiment``."""

from __future__ import annotations

import argparse

from profiler_kit.cli.measuring import add_seconds, require_torch
from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, text_width, wants_color, write_output
from profiler_kit.cli.progress import progress_bar


class ExperimentCommand:
    """Measure a layer under single changes, and test what the ledger says about it.

    The layer is one of torch.nn's, written like 'Conv2d(3,64,7,padding=3)' (parsed, never run as code), or
    package.module:factory for your own. It is timed as given and with one thing changed: layout, precision, batch,
    threads, padded channels, no bias, torch.compile, and as the matrix product and the dense layer of equal FLOPs.
    Each gets its median, a confidence interval, the kernels that were selected, and a check of its output.
    """

    name = "experiment"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "layer", metavar="LAYER", help="such as 'Conv2d(3,64,7,padding=3)' or package.module:factory"
        )
        parser.add_argument("--input", required=True, metavar="SHAPE", help="shape of its input, such as 1,3,32,32")
        add_seconds(parser, 10.0, ", up to four times as long while a statement is undecided")
        parser.add_argument(
            "--variants", metavar="NAMES", help="only these changes, with commas between, such as channels_last,bf16"
        )
        parser.add_argument("--no-ledger", action="store_true", help="do not record and test the ledger's statements")
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        require_torch("an experiment")
        from profiler_kit.experiments.experiment import experiment
        from profiler_kit.experiments.layer_spec import parse_shape

        shape = parse_shape(arguments.input)
        names = [name.strip() for name in arguments.variants.split(",")] if arguments.variants else None
        with progress_bar("experiment") as advance:
            report = experiment(
                arguments.layer,
                shape,
                variants=names,
                seconds=arguments.seconds,
                ledger=not arguments.no_ledger,
                progress=advance,
            )
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
