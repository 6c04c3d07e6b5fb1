"""What a trace says of calls that were also measured without the profiler: facts that the recorder noted beside it.

They lie in the trace's metadata, ``profiler_kit`` → ``undisturbed``: a list of ``layer``, ``pass``, ``call_us`` (time
of a call without the profiler), ``parts_us`` (µs of it by part, as in
:class:`profiler_kit.analysis.ledger.problem_sides.Side`), ``kernels`` ([name, role, launches, µs of a call])
and ``doubt`` (what speaks against these times, ``null`` if nothing does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose, isfinite
from typing import Any, Final

from profiler_kit.trace import Trace

UNDISTURBED_KEY: Final = "undisturbed"


@dataclass(frozen=True)
class UndisturbedCall:
    """A layer's calls in one pass, without the profiler.

    Attributes:
        call_us: Time of one call, in µs.
        parts_us: µs of it by part; they sum up to it.
        kernels: What a call runs: name, role, launches and µs.
        doubt: What speaks against these times, in words; None if nothing does.
    """

    call_us: float
    parts_us: Mapping[str, float]
    kernels: tuple[tuple[str, str, float, float], ...]
    doubt: str | None = None

    def noted(self, layer: str, pass_: str) -> dict[str, Any]:
        """Return what goes into a trace's metadata."""
        kernels = [list(kernel) for kernel in self.kernels]
        return {
            "layer": layer,
            "pass": pass_,
            "call_us": self.call_us,
            "parts_us": dict(self.parts_us),
            "kernels": kernels,
            "doubt": self.doubt,
        }


def undisturbed_call(
    trace: Trace, layers: tuple[str, ...], pass_: str, parts: Mapping[str, float]
) -> UndisturbedCall | None:
    """Return what a trace notes of a layer's calls without the profiler; None if it notes nothing that makes sense.

    Args:
        trace: The trace.
        layers: Names of the layers that make the calls; only one can be told.
        pass_: The pass.
        parts: Parts that a call may have; those that are not noted take no time.
    """
    for one in _noted(trace):
        if (one.get("layer"),) == layers and one.get("pass") == pass_:
            return _read(one, parts)
    return None


def _noted(trace: Trace) -> list[dict[str, Any]]:
    listed = trace.recorder_facts.get(UNDISTURBED_KEY)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _read(one: Mapping[str, Any], parts: Mapping[str, float]) -> UndisturbedCall | None:
    call_us, parts_us, kernels = one.get("call_us"), one.get("parts_us"), one.get("kernels")
    if not isinstance(parts_us, dict) or not set(parts_us) <= set(parts) or not isinstance(kernels, list):
        return None
    if not all(map(_is_time, (call_us, *parts_us.values()))) or not call_us:
        return None
    if not isclose(sum(parts_us.values()), call_us, rel_tol=1e-6):
        return None
    read = []
    for kernel in kernels:
        if not isinstance(kernel, list) or len(kernel) != _FIELDS or not all(map(_is_time, kernel[2:])):
            return None
        read.append((str(kernel[0]), str(kernel[1]), float(kernel[2]), float(kernel[3])))
    doubt = one.get("doubt")
    times = {part: float(parts_us.get(part, 0.0)) for part in parts}
    return UndisturbedCall(float(call_us), times, tuple(read), str(doubt) if doubt else None)


_FIELDS: Final = 4


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value >= 0 and isfinite(value)
