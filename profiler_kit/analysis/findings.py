"""Plain statements about a trace, each with its evidence and what acting on it could gain at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from profiler_kit.analysis.cpu_kernel_times import CpuKernelTimes
from profiler_kit.analysis.kernel_times import CopyTimes, KernelTimes
from profiler_kit.analysis.operator_times import OperatorTimes
from profiler_kit.analysis.totals import Totals

WORTH_SAYING: Final = 0.02
"""Shares below this are left to the tables."""


@dataclass(frozen=True)
class Evidence:
    """The results that statements rest on."""

    totals: Totals
    operators: OperatorTimes
    kernels: KernelTimes
    copies: CopyTimes
    cpu_kernels: CpuKernelTimes


@dataclass(frozen=True)
class Finding:
    """One statement.

    Attributes:
        title: The statement, a short sentence.
        evidence: The figures behind it and where they come from.
        advice: What to try.
        gain_ns: The most that the advice can save, derived from the evidence; None where the trace cannot tell.
    """

    title: str
    evidence: str
    advice: str
    gain_ns: int | None


def _idle(given: Evidence) -> Finding | None:
    span, busy = given.totals.gpu_span_ns, given.totals.gpu_busy_ns
    idle = span - busy
    if idle <= WORTH_SAYING * span:
        return None
    return Finding(
        title=f"The GPU is idle for {idle / span:.0%} of the time between its first and its last activity.",
        evidence=f"busy {_ms(busy)} of {_ms(span)} (union of kernels, copies and memsets of each device)",
        advice="Feed it faster: larger batches, fewer and larger kernels (torch.compile, CUDA graphs), no "
        "synchronisation in the loop, data loading ahead of time.",
        gain_ns=idle,
    )


def _layout_transforms(given: Evidence) -> Finding | None:
    table = given.kernels.table
    transforms = table[table["role"] == "layout_transform"]
    total = int(transforms["total_ns"].sum())
    if total <= WORTH_SAYING * given.kernels.total_ns:
        return None
    calls = int(transforms["calls"].sum())
    return Finding(
        title=f"Layout transforms take {total / given.kernels.total_ns:.1%} of the kernel time.",
        evidence=f"{calls} launches of {len(transforms)} kernels, {_ms(total)}, told by their names",
        advice="Keep activations and weights in the layout that the kernels want: "
        "model.to(memory_format=torch.channels_last), and the inputs likewise.",
        gain_ns=total,
    )


def _cpu_reorders(given: Evidence) -> Finding | None:
    kernels, host = given.cpu_kernels, given.operators.host_total_ns
    if kernels.reorder_ns <= WORTH_SAYING * host:
        return None
    return Finding(
        title=f"Reorders take {kernels.reorder_ns / host:.1%} of the operators' time on the CPU.",
        evidence=f"{kernels.reorders} reorders of oneDNN, {_ms(kernels.reorder_ns)} by its own account",
        advice="They bring tensors into the layout that a kernel wants and back. Keep activations in one that it takes "
        "as it is: model.to(memory_format=torch.channels_last), and the inputs likewise; for inference also "
        "torch.compile with freezing, which keeps weights reordered.",
        gain_ns=kernels.reorder_ns,
    )


def _without_tensor_cores(given: Evidence) -> Finding | None:
    table = given.kernels.table
    products = table[table["operation"].isin(["convolution", "gemm"]) & (table["role"] == "main")]
    without = products[products["tensor_cores"] == "no"]
    total, missed = int(products["total_ns"].sum()), int(without["total_ns"].sum())
    if missed <= WORTH_SAYING * given.kernels.total_ns:
        return None
    return Finding(
        title=f"{missed / total:.0%} of the convolution and matrix-product time runs without tensor cores.",
        evidence=f"{_ms(missed)} of {_ms(total)}, in {len(without)} kernels whose names say so",
        advice="Where the GPU has them, use bf16 or fp16 (torch.autocast), or allow TF32 for float32 "
        "(torch.set_float32_matmul_precision('high'), torch.backends.cudnn.allow_tf32).",
        gain_ns=None,
    )


def _pageable_copies(given: Evidence) -> Finding | None:
    table, busy = given.copies.table, given.totals.gpu_busy_ns
    pageable = table[table["name"].str.contains("Pageable", regex=False)]
    calls, total, size = (int(pageable[column].sum()) for column in ("calls", "total_ns", "bytes"))
    if total <= WORTH_SAYING * busy:
        return None
    return Finding(
        title=f"Copies from or to pageable memory take {total / busy:.0%} of the GPU's busy time.",
        evidence=f"{calls} copies, {size / 1e6:.1f} MB in {_ms(total)} = {size / total:.1f} GB/s",
        advice="Pin the host memory (DataLoader(pin_memory=True)) and copy with non_blocking=True.",
        gain_ns=total,
    )


def _unattributed(given: Evidence) -> Finding | None:
    missing, total = given.operators.device_unattributed_ns, given.operators.device_total_ns
    if missing <= WORTH_SAYING * total:
        return None
    return Finding(
        title=f"{missing / total:.0%} of the device time belongs to no operator in this trace.",
        evidence=f"{_ms(missing)} of {_ms(total)} were launched outside any operator, or before the recording began",
        advice="Record warm-up steps before the active ones, and keep the launches of graph replays in the window.",
        gain_ns=None,
    )


_RULES: Final[tuple[Callable[[Evidence], Finding | None], ...]] = (
    _idle,
    _layout_transforms,
    _cpu_reorders,
    _without_tensor_cores,
    _pageable_copies,
    _unattributed,
)


def findings(given: Evidence) -> list[Finding]:
    """Return what stands out, largest possible gain first."""
    found = [finding for rule in _RULES if (finding := rule(given))]
    return sorted(found, key=lambda finding: -(finding.gain_ns or 0))


def _ms(ns: int) -> str:
    return f"{ns / 1e6:,.3f} ms"
