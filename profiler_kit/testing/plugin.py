"""The pytest plugin: the fixture ``profiler_check``. Imports nothing heavy until a test uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from profiler_kit.trace import Trace

_OPTION = "--profiler-kit-write-baselines"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option that renews baselines."""
    parser.getgroup("profiler_kit").addoption(
        _OPTION, action="store_true", help="write the baselines that profiler_check is given, instead of comparing"
    )


@pytest.fixture
def profiler_check(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that fails the test, with a table, if a trace does not keep to rules.

    ``profiler_check(trace, rules=…, baseline=…)`` takes a trace or its place, a rules file or what one holds, and a
    baseline file of kernel names. With ``--profiler-kit-write-baselines`` the baseline is written and not compared.
    """

    def check(
        trace: Trace | str | PathLike[str],
        rules: Mapping[str, Any] | str | PathLike[str] | None = None,
        *,
        baseline: str | PathLike[str] | None = None,
    ) -> None:
        __tracebackhide__ = True
        from profiler_kit.analysis.findings.checks import KERNELS, Rule, kernel_set
        from profiler_kit.analysis.findings.checks import check as check_rules
        from profiler_kit.formats import newest_trace, read_trace
        from profiler_kit.report.checks import checks_text
        from profiler_kit.testing.rules import parse_rules, read_baseline, read_rules, write_baseline

        if rules is None and baseline is None:
            raise TypeError("profiler_check needs rules, a baseline, or both")
        read = read_trace(newest_trace(trace)) if isinstance(trace, (str, PathLike)) else trace
        wanted: list[Rule] = []
        if rules is not None:
            wanted += read_rules(rules) if isinstance(rules, (str, PathLike)) else parse_rules(rules)
        if baseline is not None:
            if request.config.getoption(_OPTION):
                Path(baseline).parent.mkdir(parents=True, exist_ok=True)
                write_baseline(baseline, kernel_set(read))
            wanted.append(Rule(KERNELS, baseline=read_baseline(baseline)))
        result = check_rules(read, wanted)
        if not result.passed:
            pytest.fail(checks_text(result, read.source), pytrace=False)

    return check
