"""Timing several things against each other: in rounds, each round in another random order.

``torch.utils.benchmark.Timer`` measures one statement after the other, so that a change of the clock rate or a busy
neighbour falls on one of them alone. Here every round times each thing once, in a block of calls after one call that
is not timed, and things are compared round by round. What it does take over from there: blocks long enough for the
clock, no garbage collection while measuring, and the GPU synchronised.
"""

from __future__ import annotations

import random
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import torch

from profiler_kit.analysis.measured.timing_statistics import FEWEST_SAMPLES
from profiler_kit.collector import collector_paused
from profiler_kit.record.allocator import keep_freed_memory, page_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BLOCK_NS: Final = 1_000_000
"""A block of calls lasts about this long, or one call if that is longer."""

MOST_ROUNDS: Final = 300

_SEED: Final = 20_240_601
"""Of the order; any number does, a fixed one makes two runs alike."""


@dataclass(frozen=True)
class Contender:
    """Something to be timed.

    Attributes:
        name: Its name; unique among those that are timed together.
        call: What is timed; returns the output.
        setting: Makes what has to hold around the calls, such as a number of threads, and puts it back.
        before: Done before every single call, outside of the time; only on the CPU.
    """

    name: str
    call: Callable[[], Any]
    setting: Callable[[], AbstractContextManager[object]] = nullcontext
    before: Callable[[], object] | None = None


@dataclass(frozen=True)
class InterleavedTimes:
    """Times of several contenders.

    Attributes:
        call_ns: Contender → time of one call in each round, in the order of the rounds.
        rounds: Number of rounds.
        seconds: Time that the rounds took.
        preemptions: How often the system took a core away from this process meanwhile, for another one; None where
            it does not count that.
        page_faults: Contender → pages that the system gave the process in a call, on average; empty where it does not
            count them.
    """

    call_ns: dict[str, tuple[float, ...]]
    rounds: int
    seconds: float
    preemptions: int | None = None
    page_faults: dict[str, float] = field(default_factory=dict)


def time_interleaved(
    contenders: Sequence[Contender],
    *,
    seconds: float,
    on_gpu: bool = False,
    progress: Callable[[float, str], object] | None = None,
) -> InterleavedTimes:
    """Time contenders in rounds until the time is up.

    On the CPU, memory that a call frees is kept for the next one (:mod:`profiler_kit.record.allocator`).

    Args:
        contenders: What to time; each must have run before, so that nothing is done for the first time.
        seconds: Time for all rounds together. At least `FEWEST_SAMPLES` rounds run, however long they take, because
            fewer say nothing about the noise.
        on_gpu: Whether to time by the GPU's events rather than by the host's clock.
        progress: Called with the share that is done, 0 to 1, and what is being done.
    """
    report = progress or (lambda _share, _text: None)
    order = random.Random(_SEED)  # noqa: S311 (an order of measuring, no secret); the global generator stays untouched
    clock = _block_on_gpu if on_gpu else _block_on_cpu
    keep_freed_memory()
    with collector_paused(), torch.no_grad():
        calls = {one.name: _calls_in_block(one, clock) for one in contenders}
        times: dict[str, list[float]] = {one.name: [] for one in contenders}
        faults = dict.fromkeys(times, 0)
        began, rounds, taken = time.perf_counter(), 0, _preemptions()
        while rounds < MOST_ROUNDS:
            elapsed = time.perf_counter() - began
            # Another round as long as those so far must fit in.
            if rounds >= FEWEST_SAMPLES and elapsed + elapsed / rounds > seconds:
                break
            report(min(max(rounds / MOST_ROUNDS, elapsed / max(seconds, 1e-9)), 1.0), f"round {rounds + 1}")
            for one in order.sample(list(contenders), len(contenders)):
                with one.setting():
                    one.call()
                    faulted = page_faults() or 0
                    times[one.name].append(_timed(one, clock, calls[one.name]) / calls[one.name])
                    faults[one.name] += (page_faults() or 0) - faulted
            rounds += 1
    preempted = None if taken is None else (_preemptions() or 0) - taken
    return InterleavedTimes(
        {name: tuple(values) for name, values in times.items()},
        rounds,
        time.perf_counter() - began,
        preempted,
        {} if page_faults() is None else {name: count / rounds / calls[name] for name, count in faults.items()},
    )


def _timed(one: Contender, clock: Callable[[Callable[[], Any], int], float], calls: int) -> float:
    """Time a block of calls, ns."""
    if one.before is None:
        return clock(one.call, calls)
    total = 0.0
    for _ in range(calls):
        one.before()
        total += clock(one.call, 1)
    return total


def _preemptions() -> int | None:
    """Return how often this process lost a core to another one so far."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows does not have it
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _calls_in_block(one: Contender, clock: Callable[[Callable[[], Any], int], float]) -> int:
    with one.setting():
        one.call()
        once = min(_timed(one, clock, 1) for _ in range(3))
    if one.before is not None:
        return 1  # what is done before takes time of its own
    return max(1, min(round(_BLOCK_NS / max(once, 1)), 1000))


def _block_on_cpu(call: Callable[[], Any], calls: int) -> float:
    start_ns = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return time.perf_counter_ns() - start_ns


def _block_on_gpu(call: Callable[[], Any], calls: int) -> float:
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(calls):
        call()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end) * 1e6)
