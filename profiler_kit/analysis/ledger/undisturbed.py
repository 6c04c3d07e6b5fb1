"""One side of a ledger with the time that its calls take without the profiler.

Recording costs a few µs for each operator, and more where oneDNN and MKL say what they run: for short calls that is
most of what the trace shows. Where the same calls have been timed without it, the ledger is about those times. What
the libraries' kernels take is as they say; the rest of the call is what the framework and the libraries need around
them.
"""

from __future__ import annotations

from dataclasses import replace

from profiler_kit.analysis.ledger.problem_sides import Side


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
        parts_us={**parts, "helper": call_us - sum(parts.values())},
    )
