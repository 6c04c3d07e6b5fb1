"""One side of a ledger with the time that its calls take without the profiler.

Recording costs a few µs for each operator, and more where oneDNN and MKL say what they run: for short calls that is
most of what the trace shows. Where the same calls have been timed without it, the ledger is about those times. What
the libraries' kernels take is as they say; the rest of the call is what the framework and the libraries need around
them.
"""

from __future__ import annotations

from dataclasses import replace

from profiler_kit.analysis.ledger.problem_sides import KernelUse, Side
from profiler_kit.analysis.ledger.undisturbed_calls import UndisturbedCall


def without_recording(side: Side, call_us: float) -> Side:
    """Return a side of a CPU with the time of a call without the profiler in place of the recorded one.

    Should the kernels seem to take longer than the whole call, because the libraries' reports cost time as well, they
    share it in proportion, and nothing is left outside of them.

    Args:
        side: The side, of host time.
        call_us: Time of one call without the profiler, in µs.
    """
    kernels = {part: side.typical_us.get(part, 0.0) for part in side.parts_us if part != "helper"}
    named = sum(kernels.values())
    scale = min(1.0, call_us / named) if named else 1.0
    parts = {part: us * scale for part, us in kernels.items()}
    return replace(
        side,
        device_us=call_us,
        recorded_us=side.device_us,
        # Where they share the whole call, the difference would be a rounding error of either sign, and no time.
        parts_us={**parts, "helper": max(0.0, call_us - named)},
    )


def as_noted(side: Side, noted: UndisturbedCall) -> Side:
    """Return a side of a CPU with what its trace notes of the same calls without the profiler.

    Args:
        side: The side, of host time.
        noted: What the trace notes.
    """
    return replace(
        side,
        device_us=noted.call_us,
        recorded_us=side.device_us,
        own_recording=False,
        parts_us=noted.parts_us,
        kernels=tuple(KernelUse(*kernel) for kernel in noted.kernels),
    )


def to_note(side: Side, doubt: str | None = None) -> UndisturbedCall | None:
    """Return what a trace should note of a side's calls; None if they were not timed without the profiler.

    Args:
        side: The side.
        doubt: What speaks against its times, in words.
    """
    if side.recorded_us is None:
        return None
    kernels = tuple((one.name, one.role, one.launches, one.us) for one in side.kernels)
    return UndisturbedCall(side.device_us, side.parts_us, kernels, doubt)
