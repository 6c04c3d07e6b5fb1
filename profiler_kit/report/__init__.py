"""Reports: answers put together, and one renderer a file."""

from profiler_kit.report.report import Report, make_report

__all__ = ["Report", "make_report"]
