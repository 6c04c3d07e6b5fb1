"""What a subcommand is."""

from __future__ import annotations

import argparse
from typing import Protocol


class Command(Protocol):
    """A subcommand; its class docstring is its help text."""

    name: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command.

        Returns:
            The exit code.

        Raises:
            ProfilerKitError: For everything that the user can mend.
        """
