"""``profiler-kit export``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from profiler_kit.trace import Trace

TARGETS = ("torch-tb-profiler", "speedscope")


class ExportCommand:
    """Write a trace for another viewer.

    torch-tb-profiler: a normalised copy that its TensorBoard tab reads rightly; it shows no device time for operators
    of traces as PyTorch writes them today. Give --output a file name that ends in .pt.trace.json.gz, in a directory of
    its own below the log directory. speedscope: a file for https://www.speedscope.app, which also works offline.
    """

    name = "export"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("--to", required=True, choices=TARGETS, help="the viewer")
        parser.add_argument("--output", "-o", required=True, metavar="FILE", help="file to write, or - for a pipe")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command.

        Raises:
            ProfilerKitError: If the viewer would not find the file under the given name.
        """
        from profiler_kit.formats.places import STDIN, TRACE_SUFFIXES

        output = arguments.output
        if arguments.to == TARGETS[0] and output != STDIN:
            if not output.endswith(TRACE_SUFFIXES[1]):
                raise ProfilerKitError(f"{output}: torch-tb-profiler reads only files named *{TRACE_SUFFIXES[1]}")
            if any(mark in str(Path(output).resolve()) for mark in "[]"):
                raise ProfilerKitError(f"{output}: torch-tb-profiler finds no files in paths with brackets")
        content = _writer(arguments.to)(read_newest(arguments))
        if output == STDIN:
            sys.stdout.buffer.write(content)
        else:
            Path(output).parent.mkdir(parents=True, exist_ok=True)
            Path(output).write_bytes(content)
        return 0


def _writer(target: str) -> Callable[[Trace], bytes]:
    if target == TARGETS[0]:
        from profiler_kit.formats.torch_tb_profiler import write_for_torch_tb_profiler

        return write_for_torch_tb_profiler
    from profiler_kit.formats.speedscope import speedscope_json

    return speedscope_json
