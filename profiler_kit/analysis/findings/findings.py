"""Plain statements about a trace, each with its evidence and what acting on it could gain at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from profiler_kit.analysis.device_time.device_time import DeviceTime
from profiler_kit.analysis.findings.device_findings import device_findings
from profiler_kit.analysis.findings.finding import WORTH_SAYING, Finding, milliseconds
from profiler_kit.analysis.times.cpu_kernel_times import CpuKernelTimes
from profiler_kit.analysis.times.kernel_times import CopyTimes, KernelTimes
from profiler_kit.analysis.times.operator_times import OperatorTimes
from profiler_kit.analysis.work.totals import Totals


@dataclass(frozen=True)
class Evidence:
    """The results that statements rest on."""

    totals: Totals
    operators: OperatorTimes
    kernels: KernelTimes
    copies: CopyTimes
    cpu_kernels: CpuKernelTimes
    device_time: DeviceTime


def _layout_transforms(given: Evidence) -> Finding | None:
    table = given.kernels.table
    transforms = table[table["role"] == "layout_transform"]
    total = int(transforms["total_ns"].sum())
    if total <= WORTH_SAYING * given.kernels.total_ns:
        return None
    calls = int(transforms["calls"].sum())
    return Finding(
        title=f"Layout transforms take {total / given.kernels.total_ns:.1%} of the kernel time.",
        evidence=f"{calls} launch{'es'[: 2 * (calls != 1)]} of {len(transforms)} "
        f"kernel{'s'[: len(transforms) != 1]}, {milliseconds(total)}, told by their names",
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
        evidence=f"{kernels.reorders} reorders of oneDNN, {milliseconds(kernels.reorder_ns)} by its own account",
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
        evidence=f"{milliseconds(missed)} of {milliseconds(total)}, in {len(without)} "
        f"kernel{'s'[: len(without) != 1]} by name",
        advice="Where the GPU has them, use bf16 or fp16 (torch.autocast), or allow TF32 for float32 "
        "(torch.set_float32_matmul_precision('high'), torch.backends.cudnn.allow_tf32).",
        gain_ns=None,
    )


def _unattributed(given: Evidence) -> Finding | None:
    missing, total = given.operators.device_unattributed_ns, given.operators.device_total_ns
    if missing <= WORTH_SAYING * total:
        return None
    return Finding(
        title=f"{missing / total:.0%} of the device time belongs to no operator in this trace.",
        evidence=f"{milliseconds(missing)} of {milliseconds(total)} were launched outside any operator, or before the "
        "recording began",
        advice="Record warm-up steps before the active ones, and keep the launches of graph replays in the window.",
        gain_ns=None,
    )


_RULES: Final[tuple[Callable[[Evidence], Finding | None], ...]] = (
    _layout_transforms,
    _cpu_reorders,
    _without_tensor_cores,
    _unattributed,
)


def findings(given: Evidence) -> list[Finding]:
    """Return what stands out, largest possible gain first."""
    found = [finding for rule in _RULES if (finding := rule(given))] + device_findings(given.device_time)
    return sorted(found, key=lambda finding: -(finding.gain_ns or 0))
