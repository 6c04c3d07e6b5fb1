"""Whether calls that were measured several times took about as long each time; if not, none of it can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from profiler_kit.analysis.ledger.ledger_factors import USEFUL_FLOPS
from profiler_kit.analysis.ledger.ledger_words import time_text
from profiler_kit.analysis.measured.experiment import LedgerClaim

FAR_APART: Final = 1.5
"""Times of the same calls, measured at other moments of a demo, that differ by more than this factor are spoilt.

They are not taken in quite the same way (with backward passes between them, or not), which makes up to a fifth."""


def far_apart(times_us: Mapping[str, Sequence[tuple[str, float]]]) -> str | None:
    """Say of which calls the measurements contradict each other; None if they do not.

    Args:
        times_us: By name of a layer, the times of a call in µs, each with where it was measured.
    """
    told = []
    for layer, times in times_us.items():
        (low_at, low), (high_at, high) = min(times, key=_time), max(times, key=_time)
        if high > FAR_APART * low:
            told.append(f"a call of {layer} took {time_text(low)} in {low_at} and {time_text(high)} in {high_at}")
    return "; ".join(told) or None


def _time(one: tuple[str, float]) -> float:
    return one[1]


def doubted(claims: Sequence[LedgerClaim], why: str) -> tuple[LedgerClaim, ...]:
    """Return claims that decide nothing where they rest on times that contradict each other.

    Args:
        claims: The claims with their verdicts.
        why: Which times do, from `far_apart`.
    """
    reason = f"the measurements contradict each other: {why}"
    return tuple(
        one
        if one.factor == USEFUL_FLOPS or one.verdict == "not tested"  # counted, or undecided anyway
        else replace(one, verdict="undecided", reason=reason)
        for one in claims
    )
