"""See why a PyTorch layer is slow: every kernel attributed to a layer, with closed books."""

from __future__ import annotations

TYPE_CHECKING = False
"""As in `typing`, whose import would cost more than everything else here."""

if TYPE_CHECKING:
    from typing import Any

    from profiler_kit._profile import profile
    from profiler_kit.analysis.device_time.copies import copies
    from profiler_kit.analysis.device_time.idle import idle
    from profiler_kit.analysis.device_time.launches import launches
    from profiler_kit.analysis.device_time.memory_use import memory_use
    from profiler_kit.analysis.device_time.overlap import overlap
    from profiler_kit.analysis.device_time.steps import steps
    from profiler_kit.analysis.ledger.explanation import Explanation, explain
    from profiler_kit.analysis.ranks.rank_times import rank_times
    from profiler_kit.analysis.runs.run_diff import diff_runs
    from profiler_kit.errors import (
        ExperimentError,
        MissingExtraError,
        ProfilerKitError,
        RecordingError,
        TraceFormatError,
        TraceNotFoundError,
        UnreadableTraceWarning,
    )
    from profiler_kit.experiments.experiment import experiment
    from profiler_kit.formats import find_traces, read_ranks, read_trace
    from profiler_kit.kernels import KernelIdentity, identify
    from profiler_kit.report import Report, make_report
    from profiler_kit.testing import check_trace
    from profiler_kit.trace import Trace

__version__ = "0.1.0"

__all__ = [
    "ExperimentError",
    "Explanation",
    "KernelIdentity",
    "MissingExtraError",
    "ProfilerKitError",
    "RecordingError",
    "Report",
    "Trace",
    "TraceFormatError",
    "TraceNotFoundError",
    "UnreadableTraceWarning",
    "check_trace",
    "copies",
    "diff_runs",
    "experiment",
    "explain",
    "find_traces",
    "identify",
    "idle",
    "launches",
    "make_report",
    "memory_use",
    "overlap",
    "profile",
    "rank_times",
    "read_ranks",
    "read_trace",
    "steps",
]

_HOMES = {
    "ExperimentError": "profiler_kit.errors",
    "Explanation": "profiler_kit.analysis.ledger.explanation",
    "KernelIdentity": "profiler_kit.kernels",
    "MissingExtraError": "profiler_kit.errors",
    "ProfilerKitError": "profiler_kit.errors",
    "RecordingError": "profiler_kit.errors",
    "Report": "profiler_kit.report",
    "Trace": "profiler_kit.trace",
    "TraceFormatError": "profiler_kit.errors",
    "TraceNotFoundError": "profiler_kit.errors",
    "UnreadableTraceWarning": "profiler_kit.errors",
    "check_trace": "profiler_kit.testing",
    "copies": "profiler_kit.analysis.device_time.copies",
    "diff_runs": "profiler_kit.analysis.runs.run_diff",
    "experiment": "profiler_kit.experiments.experiment",
    "explain": "profiler_kit.analysis.ledger.explanation",
    "find_traces": "profiler_kit.formats",
    "identify": "profiler_kit.kernels",
    "idle": "profiler_kit.analysis.device_time.idle",
    "launches": "profiler_kit.analysis.device_time.launches",
    "make_report": "profiler_kit.report",
    "memory_use": "profiler_kit.analysis.device_time.memory_use",
    "overlap": "profiler_kit.analysis.device_time.overlap",
    "profile": "profiler_kit._profile",
    "rank_times": "profiler_kit.analysis.ranks.rank_times",
    "read_ranks": "profiler_kit.formats",
    "read_trace": "profiler_kit.formats",
    "steps": "profiler_kit.analysis.device_time.steps",
}
"""Public name → module. Names are resolved on first use, so that importing the package loads nothing heavy."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    try:
        value = getattr(importlib.import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        from profiler_kit.errors import MissingExtraError

        raise MissingExtraError("recording", "torch", "torch") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
