"""What oneDNN and MKL say about themselves in verbose mode, line by line.

Sources: oneDNN's documentation of verbose mode and its template line (``…,engine,primitive,implementation,prop_kind,
memory_descriptors,attributes,auxiliary,problem_desc,exec_time``); Intel's guide to MKL, "Using oneMKL Verbose Mode",
for the call. Of MKL's lines only the call is taken, the rest of the line is not made; ``MKL_FORMAT`` is what we write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

ONEDNN_PREFIX: Final = "onednn_verbose,"
MKL_FORMAT: Final = "%lu MKL %ld %s\n"
"""Of the processor's clock, the duration in its ticks, and the call."""

TIMESTAMP: Final = "timestamp"
LINE_TIME: Final = "line"

_ONEDNN_EXECUTION: Final = re.compile(
    r"onednn_verbose,(?:v\d+,)?(?:(?P<start_ms>\d+(?:\.\d+)?),)?primitive,exec,(?P<fields>.*),(?P<ms>[^,]+)"
)
_MKL_CALL: Final = re.compile(r"MKL (?P<ticks>\d{1,18}) (?P<name>\w+)\((?P<arguments>.*)\)", re.ASCII)
_MILLISECOND_NS: Final = 1_000_000
_MOST: Final = Decimal(10) ** 15  # milliseconds: some 30 000 years
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+|\(nil\)")


@dataclass(frozen=True)
class CpuKernel:
    """One primitive of oneDNN or one call into MKL.

    Attributes:
        name: oneDNN's implementation, e.g. ``jit:avx2``, or MKL's function, e.g. ``SGEMM``.
        library: ``oneDNN`` or ``MKL``.
        start_ns: Start, in nanoseconds since 1970; see ``start_from``.
        duration_ns: Length as the library measured it.
        start_from: ``timestamp`` if the library printed when it began, as the user's own settings can make oneDNN do.
            ``line`` if only the time of the line is known, which is written 1 to 3 µs after the end: then the start is
            that time less the duration, the latest that it can be.
        facts: What else the line says, as text by field.
    """

    name: str
    library: str
    start_ns: int
    duration_ns: int
    start_from: str
    facts: dict[str, str]


def read_lines(text: str, to_epoch_ns: Callable[[int], int]) -> Iterator[CpuKernel]:
    """Yield the kernels in the order of their lines; lines that tell of no execution are passed over.

    Args:
        text: Lines, each with the processor's clock and a space before it.
        to_epoch_ns: Turns that clock into nanoseconds since 1970.
    """
    for line in text.split("\n"):
        clock, _, said = line.partition(" ")
        if not (clock.isascii() and clock.isdecimal()):
            continue
        read = _read_onednn if said.startswith(ONEDNN_PREFIX) else _read_mkl
        kernel = read(said, int(clock), to_epoch_ns)
        if kernel is not None:
            yield kernel


def to_trace_event(kernel: CpuKernel, base_ns: int, process: int) -> dict[str, Any]:
    """Return the kernel as a Chrome-trace event on its library's own track.

    Args:
        kernel: The kernel.
        base_ns: The time that the trace's times count from, in nanoseconds since 1970.
        process: Process id.
    """
    return {
        "ph": "X",
        "cat": "cpu_kernel",
        "name": kernel.name,
        "pid": process,
        "tid": kernel.library,
        "ts": round((kernel.start_ns - base_ns) / 1e3, 3),
        "dur": round(kernel.duration_ns / 1e3, 3),
        "args": {"library": kernel.library, "start_from": kernel.start_from, **kernel.facts},
    }


def _read_onednn(line: str, clock: int, to_epoch_ns: Callable[[int], int]) -> CpuKernel | None:
    match = _ONEDNN_EXECUTION.fullmatch(line)
    if match is None:
        return None
    # The attributes in the middle are the only field that may hold commas.
    fields = match["fields"].split(",")
    duration_ns = _nanoseconds(match["ms"])
    if len(fields) < 8 or duration_ns is None:
        return None
    engine, primitive, implementation, propagation, layouts, *attributes, auxiliary, shapes = fields
    start_ns = _nanoseconds(match["start_ms"] or "")
    return CpuKernel(
        name=implementation,
        library="oneDNN",
        start_ns=to_epoch_ns(clock) - duration_ns if start_ns is None else start_ns,
        duration_ns=duration_ns,
        start_from=LINE_TIME if start_ns is None else TIMESTAMP,
        facts={
            "primitive": primitive,
            "propagation": propagation,
            "algorithm": auxiliary.removeprefix("alg:"),
            "layouts": layouts,
            "attributes": ",".join(attributes),
            "shapes": shapes,
            "engine": engine,
        },
    )


def _read_mkl(line: str, clock: int, to_epoch_ns: Callable[[int], int]) -> CpuKernel | None:
    match = _MKL_CALL.fullmatch(line)
    # A call that the capture cut into was begun on another clock than it was ended on.
    if match is None or (ticks := int(match["ticks"])) > clock:
        return None
    start_ns = to_epoch_ns(clock - ticks)
    # Addresses mean nothing once the process is gone.
    arguments = [one for one in match["arguments"].split(",") if not _ADDRESS.fullmatch(one)]
    return CpuKernel(
        name=match["name"],
        library="MKL",
        start_ns=start_ns,
        duration_ns=to_epoch_ns(clock) - start_ns,
        start_from=LINE_TIME,
        facts={"primitive": match["name"], "shapes": ",".join(arguments)},
    )


def _nanoseconds(milliseconds: str) -> int | None:
    """Return a time in whole nanoseconds; None if the text is no number that a time can be."""
    # Milliseconds since 1970 are too many digits for a float.
    try:
        value = Decimal(milliseconds)
    except InvalidOperation:
        return None
    return round(value * _MILLISECOND_NS) if value.is_finite() and 0 <= value < _MOST else None
