"""The subcommands of ``profiler-kit``, and what becomes of their arguments and errors."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Sequence

from profiler_kit import __version__
from profiler_kit.cli.check import CheckCommand
from profiler_kit.cli.command import Command
from profiler_kit.cli.compare import CompareCommand
from profiler_kit.cli.copies import CopiesCommand
from profiler_kit.cli.demo import DemoCommand
from profiler_kit.cli.diff import DiffCommand
from profiler_kit.cli.experiment import ExperimentCommand
from profiler_kit.cli.explain import ExplainCommand
from profiler_kit.cli.export import ExportCommand
from profiler_kit.cli.identify import IdentifyCommand
from profiler_kit.cli.idle import IdleCommand
from profiler_kit.cli.layers import LayersCommand
from profiler_kit.cli.memory import MemoryCommand
from profiler_kit.cli.parser import PROGRAM, OneLineParser, ParagraphFormatter, UsageError
from profiler_kit.cli.predict import PredictCommand
from profiler_kit.cli.ranks import RanksCommand
from profiler_kit.cli.report import ReportCommand
from profiler_kit.cli.roofline import RooflineCommand
from profiler_kit.cli.selection import SelectionCommand
from profiler_kit.cli.steps import StepsCommand
from profiler_kit.errors import ProfilerKitError
from profiler_kit.printable import printable

COMMANDS: tuple[Command, ...] = (
    ReportCommand(),
    LayersCommand(),
    SelectionCommand(),
    IdleCommand(),
    CopiesCommand(),
    StepsCommand(),
    ExplainCommand(),
    RooflineCommand(),
    ExperimentCommand(),
    CompareCommand(),
    MemoryCommand(),
    RanksCommand(),
    DiffCommand(),
    PredictCommand(),
    IdentifyCommand(),
    CheckCommand(),
    ExportCommand(),
    DemoCommand(),
)

EXIT_USER_ERROR = 2


def run(argv: Sequence[str] | None) -> int:
    """Run one of the commands.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        Exit code: 0, 2 for errors that the user can mend, or what the command itself means by its own.
    """
    if sys.stderr is None:  # was closed: what is said there is not wanted
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    _tolerate_narrow_encodings()
    try:
        arguments = _parser().parse_args(argv)
        if sys.stdout is None:
            _do_without_standard_output(arguments)
        code = arguments.command.run(arguments)
        sys.stdout.flush()
    except ProfilerKitError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader of our output went away (| head). Keep Python from complaining again while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason)
    except MemoryError:
        return _fail("there is not enough memory for this; take a machine with more, or record fewer steps")
    return int(code)


class _RoomForCommands(argparse.HelpFormatter):
    """Sets every command's help beside its name; argparse itself forgets how far it indents them."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 2 * self._indent_increment + max(len(command.name) for command in COMMANDS)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=PROGRAM,
        description="See why a PyTorch layer is slow: which kernels ran, for which layer, and where the time went.",
        epilog=f"{PROGRAM} COMMAND --help says more about one of them.",
        formatter_class=_RoomForCommands,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        text = inspect.cleandoc(command.__doc__ or "")
        subparser = subparsers.add_parser(
            command.name,
            help=text.partition("\n")[0].rstrip("."),
            description=text,
            formatter_class=ParagraphFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(command=command, parser=subparser)
    return parser


def _fail(message: str) -> int:
    print(f"{PROGRAM}: {printable(message)}", file=sys.stderr)
    return EXIT_USER_ERROR


def _do_without_standard_output(arguments: argparse.Namespace) -> None:
    """Let a command that writes to a file run although standard output is closed.

    Raises:
        UsageError: If the result has nowhere to go.
    """
    if getattr(arguments, "output", None) in (None, "-"):
        raise UsageError("standard output is closed; name a file with --output")
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives


def _tolerate_narrow_encodings() -> None:
    """Write a replacement for what the terminal's encoding lacks, rather than fail on it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
