"""Checks of traces in tests: a function for any of them, and a pytest plugin (:mod:`profiler_kit.testing.plugin`)."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profiler_kit.analysis.findings.checks import CheckResult
    from profiler_kit.trace import Trace

__all__ = ["check_trace"]


def check_trace(trace: Trace | str | PathLike[str], rules: Mapping[str, Any] | str | PathLike[str]) -> CheckResult:
    """Measure a trace against rules.

    Args:
        trace: A trace, or where it is; of a directory, the newest is taken.
        rules: A rules file, or what one holds: ``{"layout_transforms": {"max": 0}}``.

    Raises:
        ProfilerKitError: If the trace or the rules cannot be read.
    """
    from profiler_kit.analysis.findings.checks import check
    from profiler_kit.formats import newest_trace, read_trace
    from profiler_kit.testing.rules import parse_rules, read_rules

    wanted = read_rules(rules) if isinstance(rules, (str, PathLike)) else parse_rules(rules)
    read = read_trace(newest_trace(trace)) if isinstance(trace, (str, PathLike)) else trace
    return check(read, wanted)
