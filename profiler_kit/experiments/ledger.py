"""The ledger of two layers on this machine: both recorded, and the ratio of their times decomposed."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from profiler_kit.analysis.ledger.explanation import Explanation, explain
from profiler_kit.analysis.measured.timing_statistics import LEVEL_OF_LOOK, median_interval, ratio_interval
from profiler_kit.experiments.interleaved import Contender, InterleavedTimes, time_interleaved
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from profiler_kit.experiments.subject import Subject

_WARMUP: Final = 2
_STEPS: Final = 8
_CALLS: Final = 5
"""Steps before and in the recording, and calls of either layer in each."""

_SECONDS: Final = 0.5
"""Time for timing both without a profiler; up to four times as long where they are not yet known well enough."""

_KNOWN_WELL: Final = 1.02
"""Factor by which the ratio of the times may be off: it is added to the noise of whatever is held against it."""

_SLOW: Final = "layer"
_FAST: Final = "other"


def record_ledger(subject: Subject, other: nn.Module, other_input: Any) -> Explanation:
    """Record forward calls of both layers, and explain why the first takes as many times as long.

    Calls run in blocks, as they do when they are timed: a layer after itself finds its weights in the cache. On a CPU
    they are also timed without the profiler, and the ledger is about those times.

    Raises:
        ProblemNotFoundError: If the layer runs no convolution or matrix product that could be told by its name.
        RecordingError: If another recording is running.
    """
    both = nn.ModuleDict({_SLOW: subject.layer, _FAST: other})
    inputs = {_SLOW: subject.input, _FAST: other_input}
    calls: dict[str, Callable[[], Any]] = {name: partial(layer, inputs[name]) for name, layer in both.items()}
    undisturbed = None if subject.on_gpu else _time_without_profiler(calls)
    with tempfile.TemporaryDirectory(prefix="profiler_kit.") as folder:
        recorder = Recorder(
            both, folder, warmup=_WARMUP, active=_STEPS, repeat=1, cpu_kernels=not subject.on_gpu, measure_peaks=None
        )
        with recorder, torch.no_grad():
            for _ in range(_WARMUP + _STEPS):
                for name, call in calls.items():
                    call()  # brings back to the cache what the other one has displaced
                    for _ in range(_CALLS):
                        both[name](inputs[name])
                recorder.step()
        trace = read_trace(recorder.trace_paths[0], cache=False)
    if undisturbed is None:
        return explain(trace, _SLOW, _FAST, pass_="forward")  # noqa: S106 (the name of a pass, no password)
    times_us, spread = undisturbed
    told = explain(trace, _SLOW, _FAST, pass_="forward", undisturbed_us=times_us)  # noqa: S106
    return replace(told, spread=spread)


def _time_without_profiler(calls: dict[str, Callable[[], Any]]) -> tuple[tuple[float, float], float]:
    """Return the times of a call in µs, slow and fast, and the factor by which their ratio may be off."""
    with torch.no_grad():
        for call in calls.values():
            call()
    contenders = [Contender(name, call) for name, call in calls.items()]
    times = time_interleaved(contenders, seconds=_SECONDS, unsettled=_not_known_well)
    slow, fast = (median_interval(times.call_ns[name]).median / 1000 for name in (_SLOW, _FAST))
    return (slow, fast), _spread(times)


def _spread(times: InterleavedTimes) -> float:
    """Return the factor by which the ratio of both may be off."""
    ratio = ratio_interval(times.call_ns[_SLOW], times.call_ns[_FAST], LEVEL_OF_LOOK)
    return sqrt(ratio.high / ratio.low)


def _not_known_well(times: InterleavedTimes) -> tuple[str, ...]:
    return () if _spread(times) <= _KNOWN_WELL else (_SLOW, _FAST)
