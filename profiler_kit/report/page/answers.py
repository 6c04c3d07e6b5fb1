"""What a page can be asked about one trace, each answer worked out when a view first needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from profiler_kit.analysis.device_time.copies import Copies, copies
from profiler_kit.analysis.device_time.device_time import DeviceTime
from profiler_kit.analysis.device_time.idle import IdleTime, idle
from profiler_kit.analysis.device_time.launches import Launches, launches
from profiler_kit.analysis.device_time.memory_use import MemoryUse, memory_use
from profiler_kit.analysis.device_time.overlap import Overlap, overlap
from profiler_kit.analysis.device_time.steps import Steps, steps
from profiler_kit.analysis.findings.finding import Finding
from profiler_kit.analysis.findings.findings import Evidence, findings
from profiler_kit.analysis.ledger.explanation import Explanation, ProblemNotFoundError, explain
from profiler_kit.analysis.ledger.roofline import Roofline, roofline
from profiler_kit.analysis.passes.passes import Passes, passes
from profiler_kit.analysis.ranks.rank_times import RankTimes, rank_times
from profiler_kit.analysis.selection.predicted_selection import PredictedSelection
from profiler_kit.analysis.selection.selection import Selection, selection
from profiler_kit.analysis.timeline.timeline import Timeline, timeline
from profiler_kit.analysis.times.breakdown import Breakdown, breakdown
from profiler_kit.analysis.times.cpu_kernel_times import CpuKernelTimes, cpu_kernel_times
from profiler_kit.analysis.times.kernel_times import CopyTimes, KernelTimes, copy_times, kernel_times
from profiler_kit.analysis.times.layer_times import LayerTimes, layer_times
from profiler_kit.analysis.times.operator_times import OperatorTimes, operator_times
from profiler_kit.analysis.work.facts import RecordingFacts, recording_facts
from profiler_kit.analysis.work.totals import Totals, totals
from profiler_kit.trace import Trace


class Answers:
    """Every answer about one trace, each computed once, on first use.

    Args:
        trace: The trace.
        ranks: Reads the traces of all ranks of the same run; None where there is only one.
        prediction: Returns what cuDNN was asked about the trace's convolutions; None where nothing was.

    A page shows one view at a time, and the first should not wait for what the others need.
    """

    def __init__(
        self,
        trace: Trace,
        ranks: Callable[[], Mapping[int, Trace]] | None = None,
        prediction: Callable[[], PredictedSelection | None] = lambda: None,
    ) -> None:
        self.trace = trace
        self.prediction = prediction
        self._read_ranks = ranks

    @property
    def has_ranks(self) -> bool:
        """True if the run has traces of several ranks."""
        return self._read_ranks is not None

    @cached_property
    def ranks(self) -> RankTimes:
        """The ranks of the run side by side; this trace alone where there are no others."""
        return rank_times(self._read_ranks() if self._read_ranks is not None else {self.facts.rank or 0: self.trace})

    @cached_property
    def facts(self) -> RecordingFacts:
        """Where and how the trace was recorded."""
        return recording_facts(self.trace)

    @cached_property
    def totals(self) -> Totals:
        """Sums over the whole trace."""
        return totals(self.trace)

    @cached_property
    def breakdown(self) -> Breakdown:
        """Where the time went."""
        return breakdown(self.trace, self.totals)

    @cached_property
    def operators(self) -> OperatorTimes:
        """Time by operator."""
        return operator_times(self.trace)

    @cached_property
    def operators_by_shape(self) -> OperatorTimes:
        """Time by operator and input shapes."""
        return operator_times(self.trace, by_shape=True)

    @cached_property
    def kernels(self) -> KernelTimes:
        """Time by kernel."""
        return kernel_times(self.trace)

    @cached_property
    def copy_times(self) -> CopyTimes:
        """Copies and memsets by kind."""
        return copy_times(self.trace)

    @cached_property
    def copies(self) -> Copies:
        """Every copy and memset, and who caused it."""
        return copies(self.trace, layers=self.passes.layers)

    @cached_property
    def idle(self) -> IdleTime:
        """When the devices ran nothing, and why."""
        return idle(self.trace, layers=self.passes.layers)

    @cached_property
    def launches(self) -> Launches:
        """What launching costs."""
        return launches(self.trace, layers=self.passes.layers)

    @cached_property
    def overlap(self) -> Overlap:
        """What ran at the same time."""
        return overlap(self.trace)

    @cached_property
    def cpu_kernels(self) -> CpuKernelTimes:
        """What oneDNN and MKL ran."""
        return cpu_kernel_times(self.trace, self.operators.host_total_ns)

    @cached_property
    def findings(self) -> list[Finding]:
        """What stands out."""
        parts = (self.totals, self.operators, self.kernels, self.copy_times, self.cpu_kernels)
        return findings(Evidence(*parts, DeviceTime(self.copies, self.idle, self.launches, self.overlap, self.steps)))

    @cached_property
    def passes(self) -> Passes:
        """The pass of everything that took time."""
        return passes(self.trace)

    @cached_property
    def layers(self) -> LayerTimes:
        """Time by layer."""
        return layer_times(self.trace, found=self.passes)

    @cached_property
    def selection(self) -> Selection:
        """What was launched for each convolution and matrix product."""
        return selection(self.trace, found=self.passes)

    @cached_property
    def roofline(self) -> Roofline:
        """What operators reach, against what the machine could do."""
        return roofline(self.trace)

    @cached_property
    def memory(self) -> MemoryUse:
        """Memory over time and at its peak."""
        return memory_use(self.trace, layers=self.passes.layers)

    @cached_property
    def explanation(self) -> Explanation | ProblemNotFoundError:
        """Why a convolution takes longer than a matrix product, or what is missing to say so."""
        try:
            return explain(self.trace, found=self.passes)
        except ProblemNotFoundError as error:
            return error

    @cached_property
    def timeline(self) -> Timeline:
        """Everything that has a start and an end."""
        return timeline(self.trace, found=self.passes.layers, idle_time=self.idle)

    @cached_property
    def steps(self) -> Steps:
        """The steps, next to each other."""
        return steps(self.trace, idle_time=self.idle)
