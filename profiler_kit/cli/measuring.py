"""What commands that measure have in common: they need PyTorch, and a time to measure in."""

from __future__ import annotations

import argparse
import importlib.util
import os

from profiler_kit.errors import MissingExtraError

_LONGEST_S = 3600


def add_seconds(parser: argparse.ArgumentParser, default: float, told: str = "") -> None:
    """Declare ``--seconds``; `told` is what to add to its help."""
    parser.add_argument(
        "--seconds",
        type=seconds_from,
        default=default,
        metavar="S",
        help=f"time for measuring{told} (default: %(default)s)",
    )


def require_torch(feature: str) -> None:
    """Make sure that PyTorch is there, and that Kineto keeps its announcements to itself.

    Raises:
        MissingExtraError: If it is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(feature, "torch", "torch")
    # Kineto announces on standard error that it starts and stops. Its failures come to light in the file it writes.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def seconds_from(text: str) -> float:
    """Read a time for argparse."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, such as 10") from None
    if not 0 < value <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and {_LONGEST_S} seconds")
    return value
