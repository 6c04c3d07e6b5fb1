"""``profiler-kit identify``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from profiler_kit.cli.output import add_text_arguments, render_sections
from profiler_kit.cli.parser import UsageError
from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from profiler_kit.kernels import KernelIdentity

_NO_NAMES: Final = "no names: give some as arguments, or one a line on standard input: profiler-kit identify NAME …"


class IdentifyCommand:
    """Say what kernel names tell: library, algorithm, tensor cores, types.

    Names are arguments, or lines of standard input. "unknown" means that the name does not tell, a dash (null in
    JSON) that the question does not apply.
    """

    name = "identify"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("names", metavar="NAME", nargs="*", help="a kernel's name; without any, standard input")
        parser.add_argument("--format", choices=("text", "jsonl"), default="text", help="default: %(default)s")
        parser.add_argument("--explain", metavar="NAME", help="take this name apart, token by token")
        add_text_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.kernels import identify

        if arguments.explain is not None:
            if arguments.names or arguments.format != "text":
                raise UsageError(
                    "identify: --explain takes one name apart, as text; leave other names and --format out"
                )
            sys.stdout.write(_explanation(arguments))
            return 0
        identities = (identify(name) for name in _names(arguments))
        if arguments.format == "jsonl":
            for identity in identities:
                sys.stdout.write(json.dumps(identity.to_dict()) + "\n")
        else:
            if not (listed := list(identities)):
                raise ProfilerKitError(_NO_NAMES)
            sys.stdout.write(_table(listed, arguments))
        return 0


def _names(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.names:
        yield from arguments.names
        return
    if sys.stdin is None or sys.stdin.isatty():
        raise ProfilerKitError(_NO_NAMES)
    # Kernel names are ASCII in practice; whatever else arrives must not stop the run.
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _table(identities: list[KernelIdentity], arguments: argparse.Namespace) -> str:
    from profiler_kit.report.kernel_identity import identity_section

    return render_sections(arguments, "What the names tell", [], [identity_section(identities)])


def _explanation(arguments: argparse.Namespace) -> str:
    from profiler_kit.kernels import explain, identify
    from profiler_kit.report.kernel_explanation import explanation_sections

    name = arguments.explain
    sections = explanation_sections(identify(name), explain(name))
    return render_sections(arguments, "The name, token by token", [("name", name)], sections)
