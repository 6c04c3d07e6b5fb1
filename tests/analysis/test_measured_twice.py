"""Times of the same calls that contradict each other, and what rests on them then."""

from __future__ import annotations

from profiler_kit.analysis.measured.experiment import LedgerClaim
from profiler_kit.analysis.measured.measured_twice import doubted, far_apart


def test_times_that_differ_by_more_than_a_half_contradict_each_other() -> None:
    assert far_apart({"Linear": [("the table", 298.0), ("the ledger", 440.0)]}) is None
    told = far_apart({"Conv": [("the table", 1.0)], "Linear": [("the table", 298.0), ("the ledger", 7296.0)]})
    assert told == "a call of Linear took 298.0 µs in the table and 7.296 ms in the ledger"


def test_nothing_that_rests_on_them_is_decided() -> None:
    verdicts = ("confirmed", "refuted", "undecided", "not tested")
    timed = [LedgerClaim("fill", "t", None, None, "", None, None, one, "why") for one in verdicts]  # type: ignore[arg-type]
    counted = LedgerClaim("useful_flops", "t", None, None, "", None, None, "confirmed", "why")
    found = doubted([*timed, counted], "it took longer")
    assert [one.verdict for one in found] == [*["undecided"] * 3, "not tested", "confirmed"]
    assert found[0].reason == "the measurements contradict each other: it took longer"
