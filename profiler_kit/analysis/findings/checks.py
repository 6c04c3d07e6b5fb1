"""Structural facts of a trace measured against limits, for continuous integration.

What is checked should not depend on how fast or how busy the machine is: which kernels ran, whether layouts were
transformed, where copies came from, how much of the time is attributed. Shares of time are steadier than times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.findings.finding import milliseconds
from profiler_kit.analysis.passes.kernel_roles import MAIN, identities, layout_transforms
from profiler_kit.analysis.passes.passes import Passes, passes
from profiler_kit.analysis.times.layer_times import LayerTimes, layer_times
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES, OPERATOR, as_it_ran
from profiler_kit.analysis.work.totals import Totals, totals
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

PASSED: Final = "passed"
FAILED: Final = "failed"
UNKNOWN: Final = "not known"
"""The trace does not tell; a check that cannot be made is not passed."""

KERNELS: Final = "kernels"
"""The rule that the set of kernels is that of a baseline."""

_NO_GPU: Final = "no GPU activity in the trace"
_NO_NAMES: Final = "the trace does not say which kernels ran; on a CPU, record with cpu_kernels=True"
_MATRIX_WORK: Final = frozenset({"convolution", "gemm", "attention"})


@dataclass(frozen=True)
class KernelSet:
    """The kernels that ran.

    Attributes:
        of: Whose they are: "GPU", "CPU libraries", or "operators" where no library's kernel is in the trace.
        names: Distinct names.
    """

    of: str
    names: frozenset[str]


@dataclass(frozen=True)
class Rule:
    """A limit on one measure, or a baseline for the set of kernels.

    Attributes:
        measure: One of `MEASURES`, or `KERNELS`.
        minimum: Least value that passes.
        maximum: Most that passes.
        baseline: The kernels that must have run, no more and no fewer.
    """

    measure: str
    minimum: float | None = None
    maximum: float | None = None
    baseline: KernelSet | None = None


@dataclass(frozen=True)
class Measured:
    """The value of a measure.

    Attributes:
        value: The value; None if the trace does not tell.
        evidence: What it was computed from, or why it is not known.
        names: The kernels or copies that it is about, most time first; none where it is about all.
    """

    value: float | None
    evidence: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What became of the rules.

    Attributes:
        table: One row per rule, in their order: ``rule``, ``value`` (None if not known or where it is the set of
            kernels), ``minimum``, ``maximum``, ``result`` (`PASSED`, `FAILED` or `UNKNOWN`), ``evidence``, ``names``
            (what it is about), ``new`` and ``gone`` (against a baseline), all three tuples.
    """

    table: pd.DataFrame

    @property
    def passed(self) -> bool:
        """True if every rule is passed."""
        return bool((self.table["result"] == PASSED).all())


def check(trace: Trace, rules: Sequence[Rule]) -> CheckResult:
    """Measure a trace against rules."""
    facts = _Facts(trace)
    rows: list[tuple[Any, ...]] = []
    for rule in rules:
        if rule.baseline is not None:
            rows.append((rule.measure, None, None, None, *_against_baseline(kernel_set(trace), rule.baseline)))
            continue
        measured = MEASURES[rule.measure](facts)
        limits = (rule.minimum, rule.maximum, _judged(measured.value, rule))
        rows.append((rule.measure, measured.value, *limits, measured.evidence, measured.names, (), ()))
    columns = ["rule", "value", "minimum", "maximum", "result", "evidence", "names", "new", "gone"]
    return CheckResult(pd.DataFrame(rows, columns=columns, dtype=object))


def kernel_set(trace: Trace) -> KernelSet:
    """Return the distinct kernels of a trace."""
    if len(trace.kernels):
        return KernelSet("GPU", frozenset(map(str, trace.kernels["name"].unique())))
    work = passes(trace).work
    named = work[work["kind"].isin(NAMED_BY_LIBRARIES)]
    if len(named):
        return KernelSet("CPU libraries", frozenset(named["name"].unique()))
    return KernelSet("operators", frozenset(map(str, trace.ops["name"].unique())))


def _judged(value: float | None, rule: Rule) -> str:
    if value is None:
        return UNKNOWN
    low = rule.minimum is not None and value < rule.minimum
    high = rule.maximum is not None and value > rule.maximum
    return FAILED if low or high else PASSED


def _against_baseline(
    found: KernelSet, baseline: KernelSet
) -> tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return result, evidence, and what the evidence is about, what is new and what is gone."""
    if found.of != baseline.of:
        why = f"the baseline lists names of {baseline.of}, this trace has those of {found.of}"
        return UNKNOWN, why, (), (), ()
    # A baseline may have been written when names still said how layouts were asked for.
    wanted = frozenset(map(as_it_ran, baseline.names))
    new, gone = tuple(sorted(found.names - wanted)), tuple(sorted(wanted - found.names))
    if not new and not gone:
        return PASSED, f"the same {len(found.names)} names", (), (), ()
    return FAILED, f"{len(new)} new and {len(gone)} gone of {len(wanted)}", (), new, gone


class _Facts:
    """What the measures need, computed once and only if one asks for it."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @cached_property
    def found(self) -> Passes:
        return passes(self.trace)

    @cached_property
    def totals(self) -> Totals:
        return totals(self.trace)

    @cached_property
    def layers(self) -> LayerTimes:
        return layer_times(self.trace, found=self.found)

    @cached_property
    def named(self) -> pd.DataFrame:
        """Kernels with what their names tell."""
        work = self.found.work
        named = work[work["kind"].isin(NAMED_BY_LIBRARIES)]
        names = named["name"].astype(object)
        told = identities(names).reindex(names.to_numpy())
        return pd.concat([named[["duration_ns"]].reset_index(drop=True), told.reset_index(drop=True)], axis=1)

    @cached_property
    def transforms(self) -> pd.DataFrame:
        """What changes memory formats."""
        chosen: pd.DataFrame = self.found.work[layout_transforms(self.trace, self.found.work)]
        return chosen


def _tensor_core_share(facts: _Facts) -> Measured:
    kernels = facts.named
    matrix = kernels[kernels["operation"].isin(_MATRIX_WORK) & (kernels["role"] == MAIN)]
    if not len(kernels):
        return Measured(None, _NO_NAMES)
    total = int(matrix["duration_ns"].sum())
    if not total:
        return Measured(None, "no kernel of a convolution, matrix product or attention")
    sums = matrix.groupby("tensor_cores")["duration_ns"].sum()
    unknown = int(sums.get("unknown", 0))
    on_cores = int(sums.get("yes", 0))
    said = f"{milliseconds(on_cores)} of {milliseconds(total)} in convolutions, matrix products and attention"
    return Measured(on_cores / total, said + (f"; of {milliseconds(unknown)} it is not known" if unknown else ""))


def _layout_transforms(facts: _Facts) -> Measured:
    if not len(facts.named):
        return Measured(None, _NO_NAMES)
    count = len(facts.transforms)
    if not count:
        return Measured(0, "no kernel that changes a memory format")
    names = facts.transforms.groupby(facts.transforms["name"].astype(object))["duration_ns"].sum()
    most = tuple(map(str, names.sort_values(ascending=False, kind="stable").index))
    kernels = facts.transforms[facts.transforms["kind"] != OPERATOR]
    distinct = kernels["name"].nunique()
    said = (
        f"{len(kernels)} launch{'es'[: 2 * (len(kernels) != 1)]} of {distinct} kernel{'s'[: distinct != 1]}, "
        f"{milliseconds(int(kernels['duration_ns'].sum()))}"
    )
    if copies := count - len(kernels):
        rest = milliseconds(int(names.sum() - kernels["duration_ns"].sum()))
        said += f"; {copies} cop{'y' if copies == 1 else 'ies'} inside aten::contiguous, {rest}"
    return Measured(count, said, most)


def _layout_transform_share(facts: _Facts) -> Measured:
    if not len(facts.named):
        return Measured(None, _NO_NAMES)
    total, part = int(facts.found.work["duration_ns"].sum()), int(facts.transforms["duration_ns"].sum())
    return Measured(part / total if total else None, f"{milliseconds(part)} of {milliseconds(total)}")


def _pageable_copies(facts: _Facts) -> Measured:
    if not facts.trace.has_gpu_activity:
        return Measured(None, _NO_GPU)
    copies = facts.trace.copies
    kinds = [name for name in copies["name"].cat.categories if "pageable" in name.lower()]
    chosen = copies[copies["name"].isin(kinds)]
    if not len(chosen):
        return Measured(0, "none")
    names = tuple(map(str, chosen["name"].unique()))
    return Measured(len(chosen), f"{int(chosen['bytes'].sum()):,} bytes, memory that is not pinned", names)


def _idle_share(facts: _Facts) -> Measured:
    span, busy = facts.totals.gpu_span_ns, facts.totals.gpu_busy_ns
    if not span:
        return Measured(None, _NO_GPU)
    return Measured(
        (span - busy) / span, f"busy {milliseconds(busy)} of {milliseconds(span)} between first and last activity"
    )


def _launch_coverage(facts: _Facts) -> Measured:
    sums = facts.totals
    if not sums.kernels:
        return Measured(None, _NO_GPU)
    share = sums.kernels_launched / sums.kernels
    return Measured(share, f"{sums.kernels_launched:,} of {sums.kernels:,} kernels have their launch in the trace")


def _operator_coverage(facts: _Facts) -> Measured:
    if not facts.trace.has_gpu_activity:
        return Measured(None, _NO_GPU)
    work = facts.found.work
    total, inside = int(work["duration_ns"].sum()), int(work.loc[work["op"] != NONE, "duration_ns"].sum())
    return Measured(
        inside / total if total else None, f"{milliseconds(inside)} of {milliseconds(total)} of device time"
    )


def _layer_coverage(facts: _Facts) -> Measured:
    layers = facts.layers
    on_device = bool(layers.device_total_ns)
    total = layers.device_total_ns if on_device else layers.host_total_ns
    rest = layers.device_unattributed_ns if on_device else layers.host_unattributed_ns
    if not total or not len(layers.table):
        return Measured(None, "the trace has no layers; record with profiler_kit.profile(model, …)")
    return Measured((total - rest) / total, f"{milliseconds(total - rest)} of {milliseconds(total)}")


def _kernels_per_step(facts: _Facts) -> Measured:
    sums = facts.totals
    if not sums.kernels:
        return Measured(None, _NO_GPU)
    if not sums.steps:
        return Measured(None, "the trace has no profiler steps")
    return Measured(sums.kernels / sums.steps, f"{sums.kernels:,} kernels in {sums.steps} steps")


MEASURES: Final[Mapping[str, Callable[[_Facts], Measured]]] = {
    "tensor_core_share": _tensor_core_share,
    "layout_transforms": _layout_transforms,
    "layout_transform_share": _layout_transform_share,
    "pageable_copies": _pageable_copies,
    "idle_share": _idle_share,
    "launch_coverage": _launch_coverage,
    "operator_coverage": _operator_coverage,
    "layer_coverage": _layer_coverage,
    "kernels_per_step": _kernels_per_step,
}
"""Measure → how it is taken. Names that end in ``_share`` or ``_coverage`` are shares from 0 to 1, others counts."""


def is_share(measure: str) -> bool:
    """Tell whether a measure is a share from 0 to 1."""
    return measure.endswith(("_share", "_coverage"))
