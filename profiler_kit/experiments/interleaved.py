"""Timing several things against each other: in rounds, each round in another random order.

``torch.utils.benchmark.Timer`` measures one statement after the other, so that a change of the clock rate or a busy
neighbour falls on one of them alone. Here every round times each thing once, in a block of calls after one call that
is not timed, and things are compared round by round. What it does take over from there: blocks long enough for the
clock, no garbage collection while measuring, and the GPU synchronised.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from profiler_kit.analysis.measured.timing_statistics import FEWEST_SAMPLES, LOOKS
from profiler_kit.collector import collector_paused
from profiler_kit.record.allocator import keep_freed_memory, page_faults

_BLOCK_NS: Final = 1_000_000
"""A block of calls lasts about this long, or one call if that is longer."""

MOST_ROUNDS: Final = 300
"""Before a look; more say no more about an effect that is worth telling."""

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
        call_ns: Contender → time of one call in each round, in the order of the rounds. Those that were not timed to
            the end have the first rounds.
        rounds: Number of rounds with every contender.
        seconds: Time that all rounds took.
        preemptions: How often the system took a core away from this process meanwhile, for another one; None where
            it does not count that.
        page_faults: Contender → pages that the system gave the process in a call, on average; empty where it does not
            count them.
        more_rounds: Number of rounds after those, with the contenders on which something was still open.
    """

    call_ns: dict[str, tuple[float, ...]]
    rounds: int
    seconds: float
    preemptions: int | None = None
    page_faults: dict[str, float] = field(default_factory=dict)
    more_rounds: int = 0


Unsettled = Callable[[InterleavedTimes], Collection[str]]
"""Looks at the times so far, and names the contenders on which something is still open; none ends the measuring."""


def time_interleaved(
    contenders: Sequence[Contender],
    *,
    seconds: float,
    on_gpu: bool = False,
    progress: Callable[[float, str], object] | None = None,
    unsettled: Unsettled | None = None,
) -> InterleavedTimes:
    """Time contenders in rounds until the time is up, or until nothing is open any more.

    On the CPU, memory below 32 MiB that a call frees is kept for the next one (:mod:`profiler_kit.record.allocator`).

    Args:
        contenders: What to time; each must have run before, so that nothing is done for the first time.
        seconds: Time for all rounds together. At least `FEWEST_SAMPLES` rounds run, however long they take, because
            fewer say nothing about the noise.
        on_gpu: Whether to time by the GPU's events rather than by the host's clock.
        progress: Called with the share that is done, 0 to 1, and what is being done.
        unsettled: Asked when the time is up. What it names is timed on, for as long again, and is looked at anew, for
            twice as long, and so on, `LOOKS` times at most. Whoever asks must judge by intervals of `LEVEL_OF_LOOK`.
    """
    report = progress or (lambda _share, _text: None)
    keep_freed_memory()
    with collector_paused(), torch.no_grad():
        rounds = _Rounds(contenders, _block_on_gpu if on_gpu else _block_on_cpu)
        share = 1.0 if unsettled is None else _FIRST_SHARE

        def first(done: float, text: str) -> None:
            report(share * done, text)

        rounds.run(list(contenders), seconds, first, at_least=FEWEST_SAMPLES)
        everything, left, look = rounds.count, list(contenders), 1
        while unsettled is not None and look < LOOKS:
            names = unsettled(rounds.times(everything))
            # Only what has every round so far can go on: ratios are taken within a round.
            left = [one for one in left if one.name in names]
            if not left:
                break
            begun = _FIRST_SHARE + (1 - _FIRST_SHARE) * (look - 1) / (LOOKS - 1)

            def further(done: float, text: str, begun: float = begun) -> None:
                report(begun + (1 - _FIRST_SHARE) / (LOOKS - 1) * done, f"{text}, what is not decided")

            rounds.run(left, seconds * 2 ** (look - 1), further)
            look += 1
    return rounds.times(everything)


_FIRST_SHARE: Final = 0.6
"""Share of the work that is done when the first look is taken; later ones may not be needed."""


class _Rounds:
    """Rounds of blocks of calls, as many as time allows."""

    def __init__(self, contenders: Sequence[Contender], clock: Callable[[Callable[[], Any], int], float]) -> None:
        self._clock = clock
        # The global generator stays untouched.
        self._order = random.Random(_SEED)  # noqa: S311 (an order of measuring, no secret)
        self._calls = {one.name: _calls_in_block(one, clock) for one in contenders}
        self._ns: dict[str, list[float]] = {one.name: [] for one in contenders}
        self._faults = dict.fromkeys(self._ns, 0)
        self._preempted = _preemptions()
        self._seconds = 0.0
        self.count = 0

    def run(
        self, contenders: list[Contender], seconds: float, report: Callable[[float, str], object], *, at_least: int = 0
    ) -> None:
        """Time each of these in every round until the time is up."""
        began, rounds, elapsed = time.perf_counter(), 0, 0.0
        # Another round as long as those so far must fit in.
        while rounds < at_least or (rounds < MOST_ROUNDS and elapsed + elapsed / max(rounds, 1) <= seconds):
            report(min(max(rounds / MOST_ROUNDS, elapsed / max(seconds, 1e-9)), 1.0), f"round {self.count + 1}")
            for one in self._order.sample(contenders, len(contenders)):
                self._time(one)
            rounds += 1
            self.count += 1
            elapsed = time.perf_counter() - began
        self._seconds += elapsed

    def _time(self, one: Contender) -> None:
        calls = self._calls[one.name]
        with one.setting():
            one.call()
            faulted = page_faults() or 0
            self._ns[one.name].append(_timed(one, self._clock, calls) / calls)
            self._faults[one.name] += (page_faults() or 0) - faulted

    def times(self, everything: int) -> InterleavedTimes:
        """Return the times so far; `everything` is the number of rounds with every contender."""
        counted = {name: faults / len(self._ns[name]) / self._calls[name] for name, faults in self._faults.items()}
        return InterleavedTimes(
            call_ns={name: tuple(values) for name, values in self._ns.items()},
            rounds=everything,
            seconds=self._seconds,
            preemptions=None if self._preempted is None else (_preemptions() or 0) - self._preempted,
            page_faults={} if page_faults() is None else counted,
            more_rounds=self.count - everything,
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
