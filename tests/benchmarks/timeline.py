"""How long the analyses of the timeline take: per event at growing sizes, and against reading a large trace.

    python tests/benchmarks/timeline.py [--millions 0.2 2 8] [--large] [--repeats 5]

The synthetic trace is a training loop: every operator calls another one that launches a kernel, in a Python function;
some copy, synchronise or wait for data, and the steps are marked. Memory, ranks, diff and check are timed on shared
traces repeated one after the other (``runs.py``). If no step is quadratic, the time per event stays the same (it grows
a little where tables leave the caches). With ``--large`` a shared trace with its events ten times over is read from a
JSON file, and everything about its timeline is worked out: that has to take less time than reading took. Reading and
analyses take turns, and the best of each counts. That trace has no memory events and no collectives, so every operator
is given an allocation and a free, and every twentieth kernel becomes one.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from read import LARGE, SHARED, make_large
from runs import print_by_size

from profiler_kit.analysis.device_time.copies import copies
from profiler_kit.analysis.device_time.device_states import active_devices
from profiler_kit.analysis.device_time.device_time import DeviceTime, device_time
from profiler_kit.analysis.device_time.idle import idle
from profiler_kit.analysis.device_time.launches import launches
from profiler_kit.analysis.device_time.memory_use import memory_use
from profiler_kit.analysis.device_time.overlap import overlap
from profiler_kit.analysis.device_time.steps import steps
from profiler_kit.analysis.findings.device_findings import device_findings
from profiler_kit.analysis.ranks.rank_times import rank_times
from profiler_kit.analysis.runs.run_diff import diff_runs
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.formats import read_trace
from profiler_kit.trace import Health, Trace, build_trace

EVENTS_PER_LAUNCH = 5
"""Python function, operator, inner operator, call and kernel."""

_LAUNCHES_PER_STEP = 2_000
_KERNELS = 200

_ANALYSES: dict[str, Callable[[Trace, LayerOfOp], object]] = {
    "idle": lambda trace, layers: idle(trace, layers=layers),
    "copies": lambda trace, layers: copies(trace, layers=layers),
    "launches": lambda trace, layers: launches(trace, layers=layers),
    "overlap": lambda trace, layers: overlap(trace),
    "steps, after idle": lambda trace, layers: steps(trace, idle_time=idle(trace, layers=layers)),
    "all of it": device_time,
}


def synthetic(events: int) -> Trace:
    """Return a trace of about as many events, made of columns."""
    count = events // EVENTS_PER_LAUNCH
    random = np.random.default_rng(0)
    names = ["train.py(7): step", "aten::linear", "aten::addmm", "cudaLaunchKernel", "cudaMemcpyAsync"]
    names += ["cudaStreamSynchronize", "Memcpy HtoD (Pageable -> Device)", "memcpy", "user_annotation"]
    kernel = len(names)
    names += [f"void kernel_{number}<float>(float*)" for number in range(_KERNELS)]
    step = len(names)
    step_count = -(-count // _LAUNCHES_PER_STEP)
    names += [f"ProfilerStep#{number}" for number in range(step_count)]
    start = np.cumsum(random.integers(5_000, 12_000, count))
    begin = np.maximum.accumulate(start + 4_000) + random.integers(0, 2_000, count)
    duration = random.integers(1_000, 9_000, count)
    free = np.concatenate(([0], np.maximum.accumulate(begin + duration)[:-1]))
    begin = np.maximum(begin, free)
    is_copy = np.arange(count) % 50 == 0
    order = np.arange(count)
    thread = np.zeros(count, dtype=np.int64)
    calls = {
        "name": np.where(is_copy, 4, 3),
        "thread": thread,
        "start_ns": start + 1_000,
        "duration_ns": np.full(count, 2_000),
        "correlation": order,
    }
    waits = {
        "name": np.full(is_copy.sum(), 5),
        "thread": thread[is_copy],
        "start_ns": start[is_copy] + 3_050,
        "duration_ns": np.full(is_copy.sum(), 800),
        "correlation": order[is_copy] + count,
    }
    activity = {
        "device": thread,
        "stream": np.where(order % 7 == 0, 8, 7),
        "start_ns": begin,
        "duration_ns": duration,
        "correlation": order,
    }
    bounds = start[::_LAUNCHES_PER_STEP]
    lasts = np.append(bounds[1:], start[-1] + 12_000)
    tables = {
        "python_functions": _spans(np.zeros(count, dtype=np.int64), thread, start, 4_500),
        "ops": {
            key: np.concatenate(values)
            for key, values in _together(
                _spans(np.ones(count, dtype=np.int64), thread, start + 100, 4_000),
                _spans(np.full(count, 2), thread, start + 500, 3_400),
            ).items()
        },
        "launches": {key: np.concatenate(values) for key, values in _together(calls, waits).items()},
        "kernels": {"name": kernel + order[~is_copy] % _KERNELS, **{k: v[~is_copy] for k, v in activity.items()}},
        "copies": {
            "name": np.full(is_copy.sum(), 6),
            "kind": np.full(is_copy.sum(), 7),
            "bytes": np.full(is_copy.sum(), 4_096),
            **{k: v[is_copy] for k, v in activity.items()},
        },
        "annotations": {
            "name": step + np.arange(step_count),
            "kind": np.full(step_count, 8),
            "thread": thread[:step_count],
            "start_ns": bounds,
            "duration_ns": lasts - bounds,
        },
    }
    return build_trace(
        "synthetic",
        metadata={},
        epoch_ns=0,
        health=Health(events),
        names=names,
        tables=tables,
        signatures=[],
        threads=[("1", "1", None)],
    )


def _spans(name: np.ndarray, thread: np.ndarray, start: np.ndarray, duration: int) -> dict[str, np.ndarray]:
    return {"name": name, "thread": thread, "start_ns": start, "duration_ns": np.full(len(start), duration)}


def _together(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {key: (first[key], second[key]) for key in first}


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Return how many seconds of the processor something takes: other work on the machine does not count."""
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def by_size(millions: list[float]) -> None:
    """Print ns per event of every analysis at every size."""
    small = synthetic(10_000)
    device_time(small, layers_of_ops(small))  # what is loaded on first use is not counted
    print(f"{'':24s}" + "".join(f"{size:>12g} M" for size in millions))
    taken: dict[str, list[float]] = {}
    for size in millions:
        trace = synthetic(int(size * 1e6))
        layers = layers_of_ops(trace)
        for name, analysis in _ANALYSES.items():
            taken.setdefault(name, []).append(seconds(analysis, trace, layers) / size * 1e3)
    for name, figures in taken.items():
        print(f"{name:24s}" + "".join(f"{ns:>11.0f} ns" for ns in figures))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"of processor time per event; peak memory {peak:.1f} GB")


def against_reading(repeats: int) -> None:
    """Print how long the large trace takes to be read and to be worked out."""
    if not (SHARED / LARGE).is_file():
        sys.exit(f"needs {SHARED / LARGE}")
    best: dict[str, float] = {}

    def timed(what: str, work: Callable[[], Any], share: float = 1.0) -> Any:
        began = time.perf_counter()
        result = work()
        best[what] = min((time.perf_counter() - began) * share, best.get(what, np.inf))
        return result

    with tempfile.TemporaryDirectory() as directory:
        file = make_large(Path(directory))
        for _ in range(repeats):
            trace = with_memory_and_collectives(timed("reading", lambda: read_trace(file, cache=False)))
            work_out(trace, timed)
        size = file.stat().st_size / 1e9
    reading = best.pop("reading")
    print(f"{size:.2f} GB of JSON, best of {repeats}:")
    for what, taken in best.items():
        print(f"  {what:44s} {taken:>7.3f} s")
    total = sum(best.values())
    print(f"  {'all of it':44s} {total:>7.3f} s")
    print(f"  {'reading':44s} {reading:>7.3f} s")
    print(f"{total / reading:.2f} × reading, target < 1: {'met' if total < reading else 'MISSED'}")


def work_out(trace: Trace, timed: Callable[..., Any]) -> None:
    """Do everything about a trace's timeline, part by part, as the report does: what parts share is done once."""
    layers = timed("layers of operators", lambda: layers_of_ops(trace))
    active = timed("classes of activity", lambda: active_devices(trace))
    idle_time = timed("idle", lambda: idle(trace, layers=layers, active=active))
    parts = {
        "copies": timed("copies", lambda: copies(trace, layers=layers, active=active)),
        "launches": timed("launches", lambda: launches(trace, layers=layers, active=active)),
        "overlap": timed("overlap", lambda: overlap(trace, active=active)),
        "steps": timed("steps", lambda: steps(trace, idle_time=idle_time, active=active)),
    }
    timed("findings", lambda: device_findings(DeviceTime(idle=idle_time, **parts)))
    timed("memory", lambda: memory_use(trace, layers=layers))
    timed("ranks (two that are alike: half of the time)", lambda: rank_times({0: trace, 1: trace}), 0.5)
    timed("diff (with itself: half of the time)", lambda: diff_runs(trace, trace), 0.5)


def with_memory_and_collectives(trace: Trace) -> Trace:
    """Return a trace with an allocation and a free for every operator, and every twentieth kernel a collective."""
    ops, kernels = trace.ops, trace.kernels
    count = len(ops)
    start = ops["start_ns"].to_numpy()
    columns = {
        "thread": np.tile(ops["thread"].to_numpy(), 2),
        "start_ns": np.concatenate((start, start + ops["duration_ns"].to_numpy())),
        "device_type": np.ones(2 * count, dtype=np.int64),
        "device": np.zeros(2 * count, dtype=np.int64),
        "address": np.tile(np.arange(count) * 4_096, 2),
        "bytes": np.repeat([4_096, -4_096], count),
    }
    order = np.argsort(columns["start_ns"], kind="stable")
    table = pd.DataFrame({name: values[order] for name, values in columns.items()})
    for name in ("total_allocated_bytes", "total_reserved_bytes"):
        table[name] = pd.NA
    names = kernels["name"].cat.add_categories(_COLLECTIVE)
    names[np.arange(len(names)) % 20 == 0] = _COLLECTIVE
    types = trace.allocations.dtypes.to_dict()
    # Kernels and copies share their table of names, as in every trace that is read.
    copies = trace.copies.assign(name=trace.copies["name"].cat.set_categories(names.cat.categories))
    kernels = kernels.assign(name=names)
    return dataclasses.replace(trace, kernels=kernels, copies=copies, allocations=table.astype(types))


_COLLECTIVE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="*", default=[0.2, 2.0], help="sizes (default: 0.2 2)")
    parser.add_argument("--large", action="store_true", help="also read a large trace, and compare")
    parser.add_argument("--repeats", type=int, default=5, help="turns of reading and analysing (default: 5)")
    arguments = parser.parse_args()
    if arguments.millions:
        by_size(arguments.millions)
        print_by_size([int(size * 1e6) for size in arguments.millions])
    if arguments.large:
        against_reading(arguments.repeats)


if __name__ == "__main__":
    main()
