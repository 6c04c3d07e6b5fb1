"""Which kernels ran for each of several calls: one short recording of all of them, taken apart."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import torch

from profiler_kit.analysis.work.host_work import host_self_ns, primitive_names
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from profiler_kit.experiments.interleaved import Contender
    from profiler_kit.trace import Trace

_PREFIX: Final = "contender "
"""Before the number of a contender in the annotation around its call."""

_LEAST_SHARE: Final = 0.2
"""Operators are named that take at least this share of a call."""


def selected_kernels(contenders: Sequence[Contender], *, on_gpu: bool) -> dict[str, tuple[str, ...]]:
    """Record one call of each and return what ran, by contender, in order.

    Kernels are the GPU's by name; on a CPU what oneDNN and MKL ran, named as by
    :func:`profiler_kit.analysis.work.host_work.primitive_names`, and where neither ran anything, the operators of
    PyTorch that took the time.

    Args:
        contenders: What to call; each must have run before.
        on_gpu: Whether they run on a GPU.

    Raises:
        RecordingError: If another recording is running, or no temporary file can be written.
    """
    with tempfile.TemporaryDirectory(prefix="profiler_kit.") as folder:
        recorder = Recorder(None, folder, warmup=1, active=1, repeat=1, cpu_kernels=not on_gpu, measure_peaks=False)
        with recorder, torch.no_grad():
            for _ in range(2):
                for number, one in enumerate(contenders):
                    with one.setting(), torch.profiler.record_function(f"{_PREFIX}{number}"):
                        one.call()
                        if on_gpu:
                            torch.cuda.synchronize()
                recorder.step()
        trace = read_trace(Path(recorder.trace_paths[0]), cache=False)
    work = _gpu_work(trace) if on_gpu else _cpu_work(trace)
    spans = _spans(trace)
    return {one.name: _names_within(work, spans, number) for number, one in enumerate(contenders)}


def _spans(trace: Trace) -> dict[int, tuple[int, int]]:
    """Return start and end of each contender's call by its number."""
    marks = trace.annotations
    names = marks["name"].astype(str)
    marks = marks[names.str.startswith(_PREFIX)]
    starts = marks["start_ns"].to_numpy()
    ends = starts + marks["duration_ns"].to_numpy()
    numbers = names[marks.index].str.removeprefix(_PREFIX).astype(int)
    return {int(n): (int(a), int(b)) for n, a, b in zip(numbers, starts, ends, strict=True)}


def _names_within(work: pd.DataFrame, spans: dict[int, tuple[int, int]], number: int) -> tuple[str, ...]:
    if number not in spans:
        return ()
    start, end = spans[number]
    inside = work[(work["at_ns"] >= start) & (work["at_ns"] <= end)].sort_values("at_ns", kind="stable")
    libraries = inside[inside["library"]]
    # Without a library's kernel it was operators of PyTorch; the many that only look at a tensor take no time.
    doing = inside[inside["cost_ns"] >= _LEAST_SHARE * inside["cost_ns"].sum()]
    return tuple((doing if libraries.empty else libraries)["name"].tolist())


def _gpu_work(trace: Trace) -> pd.DataFrame:
    """Return the GPU's activities, each at the moment of its launch, which lies within the call."""
    parts = []
    for activity in (trace.kernels, trace.copies):
        known = activity[activity["launch"].notna()]
        launched = trace.launches["start_ns"].to_numpy()[known["launch"].to_numpy(dtype=np.int64)]
        parts.append(_work(known["name"].astype(str), launched, library=True))
    return pd.concat(parts, ignore_index=True)


def _cpu_work(trace: Trace) -> pd.DataFrame:
    kernels, ops = trace.cpu_kernels, trace.ops
    # A start told by the line's time may be late; the middle is within the call in any case.
    middle = kernels["start_ns"].to_numpy() + kernels["duration_ns"].to_numpy() // 2
    libraries = _work(primitive_names(kernels), middle, library=True)
    own = host_self_ns(trace)
    operators = _work(ops["name"].astype(str), ops["start_ns"].to_numpy(), library=False, cost_ns=own)
    return pd.concat([libraries, operators], ignore_index=True)


def _work(names: pd.Series, at_ns: NDArray[Any], *, library: bool, cost_ns: Any = 0) -> pd.DataFrame:
    columns = {"name": names.to_numpy(dtype=object), "at_ns": at_ns, "library": library, "cost_ns": cost_ns}
    return pd.DataFrame(columns)
