"""The columns of one recorded trace, and how its tables join."""

from profiler_kit.trace.trace import Health, Trace, build_trace, row_numbers

__all__ = ["Health", "Trace", "build_trace", "row_numbers"]
