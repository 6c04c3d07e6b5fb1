"""What stands out in the devices' time: idle devices and who holds them up, and copies that cost more than they need.

Gains are upper bounds. They may overlap: the time that the host spends in a synchronisation may be the same that a
launch-bound stretch loses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from profiler_kit.analysis.device_time.copies import ASYNCHRONOUS, IN_GRAPH, MEMSET, SMALL_BYTES, UNKNOWN
from profiler_kit.analysis.device_time.device_time import DeviceTime
from profiler_kit.analysis.device_time.device_time_classes import COMMUNICATION, COMPUTE, UNKNOWN_DEVICE
from profiler_kit.analysis.device_time.idle_causes import ALLOCATION, HOST_BUSY, HOST_OUTSIDE, LAUNCH, LOADING
from profiler_kit.analysis.device_time.launches import SHORTEST_STRETCH
from profiler_kit.analysis.findings.finding import WORTH_SAYING, Finding, milliseconds
from profiler_kit.trace.intervals import covered_ns

_MANY: Final = 100
"""Fewer small copies are not worth joining."""

_EASILY_MENDED: Final = WORTH_SAYING / 2
"""Share from which on something is worth saying that a few lines of code mend."""


def device_findings(given: DeviceTime) -> list[Finding]:
    """Return what stands out in the devices' time, in no particular order."""
    return [finding for rule in _RULES if (finding := rule(given))]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _span(given: DeviceTime) -> int:
    return int(given.idle.devices["span_ns"].sum())


def _by_cause(given: DeviceTime) -> pd.Series:
    """Return idle ns by cause, most first."""
    sums = given.idle.causes.astype({"cause": object}).groupby("cause")["ns"].sum()
    return sums.sort_values(ascending=False)


def _idle(given: DeviceTime) -> Finding | None:
    devices, span = given.idle.devices, _span(given)
    idle, busy = int(devices["idle_ns"].sum()), int(devices["busy_ns"].sum())
    if idle <= WORTH_SAYING * span:
        return None
    causes = [f"{cause} {milliseconds(int(ns))}" for cause, ns in _by_cause(given).head(3).items()]
    return Finding(
        title=f"The GPU is idle for {idle / span:.0%} of the time between its first and its last activity.",
        evidence=f"busy {milliseconds(busy)} of {milliseconds(span)} (union of kernels, copies and memsets of each "
        f"device); idle by cause: {', '.join(causes)}",
        advice="See who holds it up with profiler-kit idle, and feed it faster: larger batches, fewer and larger "
        "kernels (torch.compile, CUDA graphs), no synchronisation in the loop, data loading ahead of time.",
        gain_ns=idle,
    )


def _loading(given: DeviceTime) -> Finding | None:
    span, waited = _span(given), int(_by_cause(given).get(LOADING, 0))
    if waited <= WORTH_SAYING * span:
        return None
    parts = given.idle.parts
    gaps = _times(int((parts["cause"] == LOADING).sum()))
    return Finding(
        title=f"The GPU waits for the data loader for {waited / span:.0%} of the time.",
        evidence=f"{milliseconds(waited)}, {gaps}, during which the host was inside the loader's __next__",
        advice="Load ahead of time: DataLoader(num_workers=8, prefetch_factor=4, persistent_workers=True), and do "
        "costly transforms in the workers or on the GPU.",
        gain_ns=waited,
    )


def _allocation(given: DeviceTime) -> Finding | None:
    span, waited = _span(given), int(_by_cause(given).get(ALLOCATION, 0))
    if waited <= WORTH_SAYING * span:
        return None
    parts = given.idle.parts
    calls = parts[parts["cause"] == ALLOCATION].astype({"call": object}).groupby("call")["duration_ns"].sum()
    named = [f"{call} {milliseconds(int(ns))}" for call, ns in calls.sort_values(ascending=False).head(3).items()]
    return Finding(
        title=f"The GPU waits for device memory to be allocated or freed for {waited / span:.0%} of the time.",
        evidence=f"idle while the host was in such calls: {', '.join(named)}",
        advice="Such calls belong to warm-up. If they go on: let the caching allocator keep the memory (no "
        "empty_cache() in the loop, no PYTORCH_NO_CUDA_MEMORY_CACHING; expandable_segments:True if it is fragmented).",
        gain_ns=waited,
    )


def _launch_bound(given: DeviceTime) -> Finding | None:
    stretches, span = given.launches.stretches, _span(given)
    lost = _host_time_in(given, stretches)
    if lost <= WORTH_SAYING * span:
        return None
    short = given.launches
    return Finding(
        title=f"Launching limits the GPU for {lost / span:.0%} of the time: it runs out of work before each launch.",
        evidence=f"{int(stretches['launches'].sum()):,} launches in stretches of at least {SHORTEST_STRETCH}; in them "
        f"the GPU was idle for {milliseconds(lost)} while the host was in operators, Python or launches; "
        f"{short.short_kernels:,} of "
        f"{short.kernels_launched:,} kernels are shorter than their launch",
        advice="Fewer launches: CUDA graphs (torch.compile(mode='reduce-overhead')), fused optimizers "
        "(foreach=True, fused=True, zero_grad(set_to_none=True)), larger batches.",
        gain_ns=lost,
    )


def _host_time_in(given: DeviceTime, stretches: pd.DataFrame) -> int:
    """Return for how much of some stretches the device was idle because the host was busy."""
    pieces = given.idle.pieces
    pieces = pieces[pieces["cause"].isin((HOST_BUSY, HOST_OUTSIDE, LAUNCH))]
    number = pieces["device"].fillna(UNKNOWN_DEVICE).to_numpy(np.int64)
    lost = 0
    for device, part in stretches.groupby(stretches["device"].fillna(UNKNOWN_DEVICE)):
        mine = pieces[number == device]
        start, end = mine["start_ns"].to_numpy(np.int64), mine["end_ns"].to_numpy(np.int64)
        begin = part["start_ns"].to_numpy(np.int64)
        lost += int(covered_ns(start, end, begin, begin + part["duration_ns"].to_numpy(np.int64)).sum())
    return lost


def _synchronising(given: DeviceTime) -> Finding | None:
    """The host reads values back, and the device runs dry while it waits and catches up."""
    rows = given.copies.rows
    read = rows[(rows["direction"] == "DtoH") & ~rows["waits"].isin((ASYNCHRONOUS, IN_GRAPH, UNKNOWN))]
    gaps = given.idle.gaps[given.idle.gaps["after_sync"].astype(bool)]
    lost, span = int(gaps["duration_ns"].sum()), _span(given)
    if not len(read) or lost <= _EASILY_MENDED * span:
        return None
    by_operator = read.astype({"operator": object}).groupby("operator")["wait_ns"].agg(["size", "sum"])
    by_operator = by_operator.sort_values("sum", ascending=False).head(3)
    named = [f"{name} {int(row['size'])} ×" for name, row in by_operator.iterrows()]
    steps = read["step"].nunique()
    in_steps = f" in {steps} steps" if steps > 1 else ""
    return Finding(
        title=f"The host reads values back from the GPU and waits for it {_times(len(read))}.",
        evidence=f"device-to-host copies that block or are waited for: {', '.join(named)}{in_steps}; the host spent "
        f"{milliseconds(int(read['wait_ns'].sum()))} in them; {len(gaps):,} gaps of the GPU, {milliseconds(lost)}, "
        "began during such a wait",
        advice="Keep .item(), .cpu(), print(tensor) and 'if tensor:' out of the loop: collect values on the GPU and "
        "read them every hundred steps, or copy with non_blocking=True into pinned memory and read later.",
        gain_ns=lost,
    )


def _pageable(given: DeviceTime) -> Finding | None:
    rows, busy = given.copies.rows, int(given.idle.devices["busy_ns"].sum())
    pageable = rows[rows["memory"] == "pageable"]
    total, exposed = (int(pageable[name].sum()) for name in ("duration_ns", "exposed_ns"))
    if total <= WORTH_SAYING * busy:
        return None
    size = pageable["bytes"].sum(skipna=False)
    moved = "sizes not recorded, in" if pd.isna(size) else f"{size / 1e6:.1f} MB in"
    rate = "" if pd.isna(size) else f" = {size / total:.1f} GB/s{_of_link(given, pageable)}"
    return Finding(
        title=f"Copies from or to pageable memory take {total / busy:.0%} of the GPU's busy time.",
        evidence=f"{len(pageable):,} copies, {moved} {milliseconds(total)}{rate}, {milliseconds(exposed)} of it with "
        f"no kernel beside; the host was held up for {milliseconds(int(pageable['wait_ns'].sum()))}",
        advice="Pin the host memory (DataLoader(pin_memory=True)) and copy with non_blocking=True.",
        gain_ns=exposed,
    )


def _of_link(given: DeviceTime, copied: pd.DataFrame) -> str:
    """Say what share of their link's peak pageable copies reach, nothing where it is not known or not theirs."""
    kinds = given.copies.table
    links = kinds.loc[kinds["memory"] == "pageable", ["peak_of", "peak_bytes_per_s"]].drop_duplicates()
    share = copied["at_peak_ns"].sum(skipna=False) / copied["duration_ns"].sum()
    # Faster than the link: the host is reached in another way, as over NVLink.
    if len(links) != 1 or not share <= 1:
        return ""
    ((link, peak),) = links.itertuples(index=False)
    return f" ({share:.0%} of what the GPU's {link} carries at most by its data sheet, {peak / 1e9:.1f} GB/s)"


def _small(given: DeviceTime) -> Finding | None:
    rows, span = given.copies.rows, _span(given)
    small = rows[(rows["bytes"] <= SMALL_BYTES).fillna(False) & (rows["direction"] != MEMSET)]
    exposed = int(small["exposed_ns"].sum())
    calls = int(small.loc[small["waits"] == ASYNCHRONOUS, "call_ns"].sum())
    if len(small) < _MANY or max(exposed, calls) <= WORTH_SAYING * span:
        return None
    size = int(small["bytes"].sum())
    return Finding(
        title=f"{len(small):,} copies move only {size / len(small):,.0f} bytes on average.",
        evidence=f"{size / 1e6:.2f} MB in copies of at most {SMALL_BYTES // 1024} KiB: {milliseconds(exposed)} of the "
        f"GPU's time with no kernel beside, {milliseconds(calls)} of the host's time in calls that do not wait",
        advice="Join them: copy one packed tensor and take views of it, use foreach operations, or keep the values on "
        "one side.",
        gain_ns=exposed,
    )


def _hideable(given: DeviceTime) -> Finding | None:
    """Copies between host and device that ran alone although there is computing that could hide them."""
    rows, classes, span = given.copies.rows, given.overlap.classes, _span(given)
    moved = rows[rows["direction"].isin(("HtoD", "DtoH"))]
    exposed = int(moved["exposed_ns"].sum())
    kernels = int(classes.loc[classes["class"].isin((COMPUTE, COMMUNICATION)), "exposed_ns"].sum())
    gain = min(exposed, kernels)
    if gain <= _EASILY_MENDED * span:
        return None
    return Finding(
        title=f"Copies between host and GPU run alone for {exposed / span:.1%} of the time.",
        evidence=f"{len(moved):,} copies; {milliseconds(exposed)} of their "
        f"{milliseconds(int(moved['duration_ns'].sum()))} ran beside no kernel, and there are {milliseconds(kernels)} "
        "of kernels to hide them behind",
        advice="Another order hides them: copy the next batch from pinned memory with non_blocking=True on a stream of "
        "its own while the current one is computed.",
        gain_ns=gain,
    )


def _communication(given: DeviceTime) -> Finding | None:
    classes, span = given.overlap.classes, _span(given)
    sums = classes.loc[classes["class"] == COMMUNICATION, ["ns", "exposed_ns"]].sum()
    exposed, ran = int(sums["exposed_ns"]), int(sums["ns"])
    if exposed <= WORTH_SAYING * span:
        return None
    return Finding(
        title=f"Communication runs with no computing beside it for {exposed / span:.0%} of the time.",
        evidence=f"{milliseconds(exposed)} of {milliseconds(ran)} in which a collective runs; it includes waiting for "
        "other ranks, which profiler-kit ranks tells apart",
        advice="Overlap it: larger buckets earlier, asynchronous collectives, or a split of the model that "
        "communicates less.",
        gain_ns=exposed,
    )


_RULES: Final[tuple[Callable[[DeviceTime], Finding | None], ...]] = (
    _idle,
    _loading,
    _allocation,
    _launch_bound,
    _synchronising,
    _pageable,
    _small,
    _hideable,
    _communication,
)
