"""One cold call of each layer timed with ``time.time()``, as it is usually done, in fresh processes.

``python -m profiler_kit.experiments.cold_calls 0 1 2`` is such a process: it calls the layers in that order and prints
its times as JSON. A process that has called anything before would not be cold any more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from profiler_kit.analysis.measured.first_calls import FirstCalls, ProcessTimes, take_apart
from profiler_kit.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable

LAYERS: Final = ("Linear(1024→512)", "Conv2d(3→64, k3)", "Conv2d(3→64, k7)")
"""The layers of the usual measurement, in its order; their inputs are (1,1024) and (1,3,32,32)."""

_WARMUP: Final = 20
_STEADY_CALLS: Final = 300
_PATIENCE_S: Final = 300


def measure_first_calls(*, progress: Callable[[float, str], object] | None = None) -> FirstCalls:
    """Start a fresh process for each layer, in which that one is called first, and take their times apart.

    Args:
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Raises:
        ExperimentError: If a process fails.
    """
    report = progress or (lambda _share, _text: None)
    count = len(LAYERS)
    processes = []
    for first in range(count):
        report(first / count, f"a fresh process, {LAYERS[first]} first")
        # Only who comes first differs; the others keep the usual order.
        processes.append(_in_fresh_process([first, *(other for other in range(count) if other != first)]))
    report(1.0, "done")
    return take_apart(processes, time.get_clock_info("time").resolution * 1e9)


def _in_fresh_process(order: list[int]) -> ProcessTimes:
    command = [sys.executable, "-m", __name__, *map(str, order)]
    # The module must be found there as it was found here.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(  # noqa: S603 (this Python, this module, and numbers)
            command, capture_output=True, text=True, timeout=_PATIENCE_S, env=environment, check=True
        )
        times = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise ExperimentError(f"the process that measures cold calls failed: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ExperimentError(f"the process that measures cold calls failed: {error}") from error
    return ProcessTimes(
        order=tuple(times["order"]),
        cold_ns=times["cold_ns"],
        second_ns=times["second_ns"],
        steady_ns=times["steady_ns"],
        dispatch_ns=times["dispatch_ns"],
    )


def main(arguments: list[str]) -> None:
    """Measure in this process, which must be fresh, and print the times as JSON.

    Args:
        arguments: Numbers of `LAYERS` in the order of calling.
    """
    import torch
    from torch import nn

    device = "cuda" if torch.cuda.is_available() else "cpu"
    image, vector = torch.randn(1, 3, 32, 32).to(device), torch.randn(1, 1024).to(device)
    cases = (
        (nn.Linear(1024, 512), vector, nn.Linear(1, 1), (1, 1)),
        (nn.Conv2d(3, 64, 3, padding=1), image, nn.Conv2d(1, 1, 1), (1, 1, 1, 1)),
        (nn.Conv2d(3, 64, 7, padding=3), image, nn.Conv2d(1, 1, 1), (1, 1, 1, 1)),
    )
    order = [int(argument) for argument in arguments]
    layers = {number: (cases[number][0].to(device), cases[number][1]) for number in order}
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    cold = {LAYERS[number]: _once(layers[number], wait) for number in order}
    second = {LAYERS[number]: _once(layers[number], wait) for number in order}
    steady = {LAYERS[number]: _steadily(layers[number], wait) for number in order}
    smallest = {number: (cases[number][2].to(device), torch.ones(cases[number][3]).to(device)) for number in order}
    dispatch = {LAYERS[number]: _steadily(smallest[number], wait) for number in order}
    names = [LAYERS[number] for number in order]
    print(
        json.dumps({"order": names, "cold_ns": cold, "second_ns": second, "steady_ns": steady, "dispatch_ns": dispatch})
    )


def _once(case: tuple[Any, Any], wait: Callable[[], object]) -> int:
    """Time one call by ``time.time()``, as the usual measurement does."""
    layer, values = case
    start = time.time()
    layer(values)
    wait()
    return round((time.time() - start) * 1e9)


def _steadily(case: tuple[Any, Any], wait: Callable[[], object]) -> list[int]:
    layer, values = case
    for _ in range(_WARMUP):
        layer(values)
    times = []
    for _ in range(_STEADY_CALLS):
        start_ns = time.perf_counter_ns()
        layer(values)
        wait()
        times.append(time.perf_counter_ns() - start_ns)
    return times


if __name__ == "__main__":
    main(sys.argv[1:])
