"""Files to traces: finding them, telling their format, reading them."""

from profiler_kit.formats.discovery import find_traces
from profiler_kit.formats.registry import read_trace

__all__ = ["find_traces", "read_trace"]
