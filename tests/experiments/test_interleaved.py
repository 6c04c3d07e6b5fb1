"""Timing in rounds: the order, the settings, the budget, on a clock that the test turns."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from profiler_kit.analysis.measured.timing_statistics import FEWEST_SAMPLES  # noqa: E402
from profiler_kit.experiments import interleaved  # noqa: E402
from profiler_kit.experiments.interleaved import Contender, InterleavedTimes, time_interleaved  # noqa: E402


class Clock:
    """Time passes only while something runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 0
        fake = SimpleNamespace(perf_counter=lambda: self.now_ns / 1e9, perf_counter_ns=lambda: self.now_ns)
        monkeypatch.setattr(interleaved, "time", fake)

    def contender(self, name: str, takes_ns: int, calls: list[str]) -> Contender:
        def call() -> None:
            calls.append(name)
            self.now_ns += takes_ns

        return Contender(name, call)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_times_are_those_of_one_call_whatever_the_length_of_a_block(clock: Clock) -> None:
    calls: list[str] = []
    contenders = [clock.contender("short", 10_000, calls), clock.contender("long", 5_000_000, calls)]
    times = time_interleaved(contenders, seconds=0.1)
    assert set(times.call_ns["short"]) == {10_000}
    assert set(times.call_ns["long"]) == {5_000_000}
    assert len(times.call_ns["short"]) == len(times.call_ns["long"]) == times.rounds
    # A block of the short one lasts about 1 ms, that of the long one is a single call; one call before is not timed.
    round_ns = 101 * 10_000 + 2 * 5_000_000
    assert times.rounds == int(0.1e9 // round_ns)
    assert times.seconds == pytest.approx(times.rounds * round_ns / 1e9)


def test_every_round_has_each_once_in_a_random_order(clock: Clock) -> None:
    calls: list[str] = []
    contenders = [clock.contender(name, 2_000_000, calls) for name in "abcd"]
    times = time_interleaved(contenders, seconds=1.0)
    measured = calls[4 * 4 :]  # after finding out how long they take: one call and three timed ones each
    rounds = ["".join(measured[at : at + 8 : 2]) for at in range(0, len(measured), 8)]
    assert len(rounds) == times.rounds
    assert all(sorted(one) == list("abcd") for one in rounds)
    assert len(set(rounds)) > 10
    assert {one[0] for one in rounds} == set("abcd")


def test_the_fewest_rounds_run_however_short_the_time(clock: Clock) -> None:
    times = time_interleaved([clock.contender("slow", 10**9, [])], seconds=0.001)
    assert times.rounds == FEWEST_SAMPLES


def test_the_budget_is_kept_where_it_allows_for_more(clock: Clock) -> None:
    times = time_interleaved([clock.contender("slow", 10**8, [])], seconds=3.1)
    assert times.rounds == 15  # of 2 · 0.1 s each
    assert times.seconds <= 3.1


def test_what_is_open_is_timed_on_and_looked_at_again(clock: Clock) -> None:
    """Rounds of 0.2 s for each of two; 3.1 s, then as long again for one alone, then twice as long, then no more."""
    contenders = [clock.contender(name, 10**8, []) for name in "ab"]
    seen, shares = [], []

    def unsettled(times: InterleavedTimes) -> set[str]:
        seen.append({name: len(values) for name, values in times.call_ns.items()})
        return {"a"} if len(seen) == 1 else {"a", "b"}  # b has been left out, and rounds are not made up for

    times = time_interleaved(
        contenders, seconds=3.1, unsettled=unsettled, progress=lambda share, _: shares.append(share)
    )
    assert seen == [{"a": 7, "b": 7}, {"a": 7 + 15, "b": 7}]
    assert {name: len(values) for name, values in times.call_ns.items()} == {"a": 7 + 15 + 31, "b": 7}
    assert (times.rounds, times.more_rounds) == (7, 15 + 31)
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_nothing_open_ends_it(clock: Clock) -> None:
    times = time_interleaved([clock.contender("a", 10**8, [])], seconds=3.1, unsettled=lambda _: ())
    assert (times.rounds, times.more_rounds) == (15, 0)


def test_progress_never_goes_back_nor_beyond_the_end(clock: Clock) -> None:
    shares: list[float] = []
    time_interleaved([clock.contender("a", 10**7, [])], seconds=1, progress=lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] <= 1


def test_settings_hold_around_each_block_and_garbage_collection_comes_back(clock: Clock) -> None:
    depth, seen = 0, set()

    @contextmanager
    def setting() -> Iterator[None]:
        nonlocal depth
        depth += 1
        try:
            yield
        finally:
            depth -= 1

    def call() -> None:
        seen.add((depth, gc.isenabled(), torch.is_grad_enabled()))
        clock.now_ns += 10**6

    with torch.enable_grad():
        time_interleaved([Contender("a", call, setting)], seconds=0.01)
        assert torch.is_grad_enabled()
    assert seen == {(1, False, False)}
    assert depth == 0
    assert gc.isenabled()


def test_a_failing_call_leaves_settings_as_they_were(clock: Clock) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        time_interleaved([Contender("a", fail)], seconds=1)
    assert gc.isenabled()
    assert torch.is_grad_enabled()


def test_the_global_random_state_is_not_touched(clock: Clock) -> None:
    import random

    state, torch_state = random.getstate(), torch.get_rng_state()
    time_interleaved([clock.contender("a", 10**6, []), clock.contender("b", 10**6, [])], seconds=0.05)
    assert random.getstate() == state
    assert torch.equal(torch.get_rng_state(), torch_state)
