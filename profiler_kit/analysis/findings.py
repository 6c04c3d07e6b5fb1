"""Plain statements about a trace, each with its evidence and what acting on it could gain at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from profiler_kit.analysis.kernel_times import CopyTimes
from profiler_kit.analysis.operator_times import OperatorTimes
from profiler_kit.analysis.totals import Totals

WORTH_SAYING = 0.02
"""Shares below this are left to the tables."""


@dataclass(frozen=True)
class Finding:
    """One statement.

    Attributes:
        title: The statement, a short sentence.
        evidence: The figures behind it and the columns they come from.
        advice: What to try.
        gain_ns: The most that the advice can save, derived from the evidence; None where the trace cannot tell.
    """

    title: str
    evidence: str
    advice: str
    gain_ns: int | None


def _idle(sums: Totals, _copies: CopyTimes, _operators: OperatorTimes) -> Finding | None:
    idle = sums.gpu_span_ns - sums.gpu_busy_ns
    if not sums.gpu_span_ns or idle < WORTH_SAYING * sums.gpu_span_ns:
        return None
    share = idle / sums.gpu_span_ns
    return Finding(
        title=f"The GPU is idle for {share:.0%} of the time between its first and its last activity.",
        evidence=f"busy {sums.gpu_busy_ns / 1e6:.3f} ms of {sums.gpu_span_ns / 1e6:.3f} ms (union of kernels, "
        "copies and memsets of each device)",
        advice="Feed it faster: larger batches, fewer and larger kernels (torch.compile, CUDA graphs), no "
        "synchronisation in the loop, data loading ahead of time.",
        gain_ns=idle,
    )


def _pageable_copies(_sums: Totals, copies: CopyTimes, _operators: OperatorTimes) -> Finding | None:
    pageable = copies.table[copies.table["name"].str.contains("Pageable", regex=False)]
    total = int(pageable["total_ns"].sum())
    if not total or total < WORTH_SAYING * _sums.gpu_busy_ns:
        return None
    size = int(pageable["bytes"].sum())
    return Finding(
        title=f"Copies from or to pageable memory take {total / _sums.gpu_busy_ns:.0%} of the GPU's busy time.",
        evidence=f"{int(pageable['calls'].sum())} copies, {size / 1e6:.1f} MB in {total / 1e6:.3f} ms "
        f"= {size / total:.1f} GB/s",
        advice="Pin the host memory (DataLoader(pin_memory=True)) and copy with non_blocking=True.",
        gain_ns=total,
    )


def _unattributed(_sums: Totals, _copies: CopyTimes, operators: OperatorTimes) -> Finding | None:
    missing = operators.device_unattributed_ns
    if not operators.device_total_ns or missing < WORTH_SAYING * operators.device_total_ns:
        return None
    return Finding(
        title=f"{missing / operators.device_total_ns:.0%} of the device time belongs to no operator in this trace.",
        evidence=f"{missing / 1e6:.3f} ms of {operators.device_total_ns / 1e6:.3f} ms were launched outside any "
        "operator, or before the recording began",
        advice="Record warm-up steps before the active ones, and keep the launches of graph replays in the window.",
        gain_ns=None,
    )


_RULES: tuple[Callable[[Totals, CopyTimes, OperatorTimes], Finding | None], ...] = (
    _idle,
    _pageable_copies,
    _unattributed,
)


def findings(sums: Totals, copies: CopyTimes, operators: OperatorTimes) -> list[Finding]:
    """Return what stands out, largest possible gain first."""
    found = [finding for rule in _RULES if (finding := rule(sums, copies, operators))]
    return sorted(found, key=lambda finding: -(finding.gain_ns or 0))
