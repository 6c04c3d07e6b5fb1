"""What one cold call timed with ``time.time()`` contains, against a proper measurement.

A first call in a process pays for what is done once: libraries wake up, threads start, kernels are generated, memory
is touched. Part of that is paid by whichever layer comes first, part by each layer for itself. What then is left is a
single sample of a noisy quantity, of which the dispatch from Python to the kernel is a part that has nothing to do
with the layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from profiler_kit.analysis.measured.timing_statistics import MedianInterval, median_interval


@dataclass(frozen=True)
class ProcessTimes:
    """Times taken in one fresh process, each layer called in turn, as integer ns.

    Attributes:
        order: Layers in the order of their first calls.
        cold_ns: Layer → its first call, by ``time.time()``.
        second_ns: Layer → its second call, likewise.
        steady_ns: Layer → single calls after a warm-up, by ``time.perf_counter_ns()``.
        dispatch_ns: Layer → single calls of a layer of the same class with one value.
    """

    order: tuple[str, ...]
    cold_ns: Mapping[str, int]
    second_ns: Mapping[str, int]
    steady_ns: Mapping[str, Sequence[int]]
    dispatch_ns: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class FirstCall:
    """What a cold call of one layer contains. `cold_ns` = `once_a_process_ns` + `once_a_layer_ns` + `steady_ns.median`.

    Attributes:
        layer: The layer.
        cold_ns: Its first call, by ``time.time()``, as the first layer of a fresh process.
        later_ns: Its first call when other layers came before, the median of the processes; NaN with one process.
        once_a_process_ns: What it pays for being the first layer of the process: `cold_ns` − `later_ns`.
        once_a_layer_ns: What its own first call pays besides: `later_ns` less a steady call.
        second_ns: Its second call, median of the processes.
        steady_ns: A call after the warm-up: median over all processes' calls and its interval.
        dispatch_ns: The part of it that a layer of one value takes as well, median.
        noise_low_ns: 5 % of the single steady calls are shorter.
        noise_high_ns: 5 % are longer.
    """

    layer: str
    cold_ns: float
    later_ns: float
    once_a_process_ns: float
    once_a_layer_ns: float
    second_ns: float
    steady_ns: MedianInterval
    dispatch_ns: float
    noise_low_ns: float
    noise_high_ns: float


@dataclass(frozen=True)
class FirstCalls:
    """Cold calls taken apart.

    Attributes:
        layers: One entry for each layer.
        processes: Fresh processes that were started.
        usual_order: Layers in the order in which they are usually called, each once.
        told_ratio: What the usual measurement says: cold time of each layer over that of the first, in the process
            with the usual order.
        true_ratio: The same of steady calls.
        clock_ns: Resolution of ``time.time()`` on this machine.
    """

    layers: tuple[FirstCall, ...]
    processes: int
    usual_order: tuple[str, ...]
    told_ratio: Mapping[str, float]
    true_ratio: Mapping[str, float]
    clock_ns: float


def take_apart(processes: Sequence[ProcessTimes], clock_ns: float) -> FirstCalls:
    """Take the cold calls of several fresh processes apart.

    Args:
        processes: Their times; each layer comes first in one of them, and the first process has the usual order.
        clock_ns: Resolution of ``time.time()``.

    Raises:
        ValueError: If a layer never comes first.
    """
    usual = processes[0]
    layers = tuple(_first_call(layer, processes) for layer in usual.order)
    reference = usual.order[0]
    steady = {one.layer: one.steady_ns.median for one in layers}
    return FirstCalls(
        layers=layers,
        processes=len(processes),
        usual_order=usual.order,
        told_ratio={layer: usual.cold_ns[layer] / usual.cold_ns[reference] for layer in usual.order},
        true_ratio={layer: steady[layer] / steady[reference] for layer in usual.order},
        clock_ns=clock_ns,
    )


def _first_call(layer: str, processes: Sequence[ProcessTimes]) -> FirstCall:
    first = [one.cold_ns[layer] for one in processes if one.order[0] == layer]
    later = [one.cold_ns[layer] for one in processes if one.order[0] != layer]
    if not first:
        raise ValueError(f"{layer} is never the first layer of a process")
    calls = np.concatenate([np.asarray(one.steady_ns[layer], dtype=np.float64) for one in processes])
    cold = float(np.median(first))
    after_others = float(np.median(later)) if later else float("nan")
    steady = median_interval(calls)  # type: ignore[arg-type] # an array is as good as a sequence
    dispatch = np.concatenate([np.asarray(one.dispatch_ns[layer], dtype=np.float64) for one in processes])
    low, high = np.percentile(calls, [5, 95])
    return FirstCall(
        layer=layer,
        cold_ns=cold,
        later_ns=after_others,
        once_a_process_ns=cold - after_others,
        once_a_layer_ns=after_others - steady.median,
        second_ns=float(np.median([one.second_ns[layer] for one in processes])),
        steady_ns=steady,
        dispatch_ns=float(np.median(dispatch)),
        noise_low_ns=float(low),
        noise_high_ns=float(high),
    )
