"""`Report`: every answer about one trace, ready to be rendered."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pandas as pd

from profiler_kit.analysis.device_time.device_time import DeviceTime, device_time
from profiler_kit.analysis.device_time.memory_use import MemoryUse, memory_use
from profiler_kit.analysis.findings.finding import Finding
from profiler_kit.analysis.findings.findings import Evidence, findings
from profiler_kit.analysis.ledger.explanation import Explanation, explain_unasked
from profiler_kit.analysis.ledger.problem_sides import sides_of
from profiler_kit.analysis.ledger.roofs import roofs_of
from profiler_kit.analysis.passes.passes import passes
from profiler_kit.analysis.selection.predicted_selection import PredictedSelection
from profiler_kit.analysis.selection.selection import Selection, ledger_work, selection
from profiler_kit.analysis.times.breakdown import Breakdown, breakdown
from profiler_kit.analysis.times.cpu_kernel_times import CpuKernelTimes, cpu_kernel_times
from profiler_kit.analysis.times.kernel_times import (
    CopyTimes,
    KernelGroups,
    KernelTimes,
    copy_times,
    group_kernels,
    kernel_times,
)
from profiler_kit.analysis.times.layer_times import LayerTimes, layer_times
from profiler_kit.analysis.times.operator_times import OperatorTimes, operator_times
from profiler_kit.analysis.times.step_work import step_work
from profiler_kit.analysis.work.facts import RecordingFacts, recording_facts
from profiler_kit.analysis.work.step_times import StepTimes, step_times
from profiler_kit.analysis.work.totals import Totals, totals
from profiler_kit.trace import Health, Trace

DEFAULT_ROWS = 15
"""Rows of each table that text and Markdown show; JSON always has them all."""


@dataclass(frozen=True)
class Report:
    """Every answer about one trace.

    ``print(report)`` shows it; :meth:`to_markdown` and :meth:`to_json` render it for other places.
    """

    source: str
    facts: RecordingFacts
    health: Health
    totals: Totals
    breakdown: Breakdown
    findings: list[Finding]
    layers: LayerTimes
    selection: Selection
    operators: OperatorTimes
    kernels: KernelTimes
    kernel_groups: KernelGroups | None
    copies: CopyTimes
    cpu_kernels: CpuKernelTimes
    steps: StepTimes
    step_work: pd.DataFrame
    device_time: DeviceTime
    memory: MemoryUse
    explanation: Explanation | None
    prediction: PredictedSelection | None = None

    def to_text(self, *, width: int | None = None, color: bool = False, rows: int = DEFAULT_ROWS) -> str:
        """Render for a terminal.

        Args:
            width: Columns of the terminal; by default those of the one there is.
            color: Use ANSI colour codes.
            rows: Rows shown of each table.
        """
        from profiler_kit.report.terminal import render

        return render(self, width=width or shutil.get_terminal_size((100, 24)).columns, color=color, rows=rows)

    def to_markdown(self, *, rows: int = DEFAULT_ROWS) -> str:
        """Render as Markdown, with the given number of rows of each table."""
        from profiler_kit.report.markdown import render

        return render(self, rows=rows)

    def to_json(self) -> str:
        """Render everything as JSON; :mod:`profiler_kit.report.json` documents the schema."""
        from profiler_kit.report.json import render

        return render(self)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def make_report(
    trace: Trace,
    *,
    by_shape: bool = False,
    group_kernels_by: str | None = None,
    prediction: PredictedSelection | None = None,
) -> Report:
    """Answer every question about a trace.

    Args:
        trace: The trace.
        by_shape: Keep calls of an operator with different input shapes apart.
        group_kernels_by: Also sum kernel time by this fact, one of
            :data:`profiler_kit.analysis.work.kernel_facts.GROUPS`.
        prediction: What cuDNN was asked about the trace's convolutions, to be shown with the rest.
    """
    sums = totals(trace)
    operators = operator_times(trace, by_shape=by_shape)
    kernels = kernel_times(trace)
    copies = copy_times(trace)
    cpu_kernels = cpu_kernel_times(trace, operators.host_total_ns)
    found = passes(trace)
    devices = device_time(trace, found.layers)
    work = ledger_work(trace, "all", found)
    ledger = selection(trace, found=found, work=work)
    return Report(
        source=trace.source,
        facts=recording_facts(trace),
        health=trace.health,
        totals=sums,
        breakdown=breakdown(trace, sums),
        findings=findings(Evidence(sums, operators, kernels, copies, cpu_kernels, devices)),
        layers=layer_times(trace, found=found),
        selection=ledger,
        operators=operators,
        kernels=kernels,
        kernel_groups=group_kernels(kernels, group_kernels_by) if group_kernels_by else None,
        copies=copies,
        cpu_kernels=cpu_kernels,
        steps=step_times(trace),
        step_work=step_work(trace),
        device_time=devices,
        memory=memory_use(trace, layers=found.layers),
        explanation=explain_unasked(sides_of(trace, roofs_of(trace), found=found, work=work, ledger=ledger)),
        prediction=prediction,
    )
