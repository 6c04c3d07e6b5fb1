"""Arguments that say what the machine can do at best."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from profiler_kit.analysis.ledger.roofs import Roofs
    from profiler_kit.trace import Trace


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--device``."""
    parser.add_argument("--device", metavar="NAME", help="GPU to take figures of, e.g. H100; default: the trace's own")


def add_roof_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--device``, ``--peak-flops`` and ``--bandwidth``."""
    add_device_argument(parser)
    parser.add_argument("--peak-flops", type=_rate, metavar="FLOP/S", help="peak rate of the device, e.g. 19.5e12")
    parser.add_argument("--bandwidth", type=_rate, metavar="BYTES/S", help="bandwidth of its memory, e.g. 1.5e12")


def given_roofs(arguments: argparse.Namespace, trace: Trace) -> Roofs | None:
    """Return the machine as the arguments say, with what the trace tells besides; None if they say nothing.

    Raises:
        ProfilerKitError: No GPU is known by the name that was given.
        profiler_kit.analysis.ledger.roofs.NoGpuInTraceError: A GPU is named, but nothing ran on one.
    """
    from profiler_kit.analysis.ledger.roofs import roofs_of
    from profiler_kit.devices import UnknownDeviceError

    if arguments.device is None and arguments.peak_flops is None and arguments.bandwidth is None:
        return None
    try:
        return roofs_of(
            trace,
            device=arguments.device,
            peak_flops_per_s=arguments.peak_flops,
            bandwidth_bytes_per_s=arguments.bandwidth,
        )
    except UnknownDeviceError as error:
        raise ProfilerKitError(f"{error} (of any other: --peak-flops and --bandwidth in its place)") from None


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; give a positive number, such as 1.5e12")
    return value
