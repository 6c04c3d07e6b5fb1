"""Medians, their intervals and verdicts: against tables, arithmetic by hand, and samples whose truth is known."""

from __future__ import annotations

from math import inf, isnan, nan

import numpy as np
import pytest

from profiler_kit.analysis.measured.timing_statistics import (
    LEVEL_OF_LOOK,
    LOOKS,
    MedianInterval,
    Prediction,
    accepted,
    decide,
    interval_rank,
    median_interval,
    ratio_interval,
    slower,
)


# Ranks of the 95 % interval as tabulated, e.g. by Conover, Practical Nonparametric Statistics, table for quantile 0.5.
@pytest.mark.parametrize(
    ("samples", "rank"),
    [(1, 0), (5, 0), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (30, 10), (100, 40)],
)
def test_ranks_are_those_of_the_tables(samples: int, rank: int) -> None:
    assert interval_rank(samples) == rank


def test_another_level_gives_another_rank() -> None:
    # 2·(1 + 10)/1024 = 0.0215 and 2·1/1024 = 0.00195.
    assert interval_rank(10, 0.97) == 2
    assert interval_rank(10, 0.99) == 1
    assert interval_rank(10, 0.999) == 0


def test_many_samples_do_not_overflow() -> None:
    # The normal approximation: n/2 - 1.96·sqrt(n)/2 = 2430.7.
    assert abs(interval_rank(5000) - 2430.7) < 1.5


def test_the_interval_is_made_of_order_statistics() -> None:
    found = median_interval([9, 1, 8, 2, 7, 3, 6, 4, 5, 100])
    assert found == MedianInterval(5.5, 2, 9, 10)


def test_few_samples_have_a_median_and_no_interval() -> None:
    found = median_interval([3.0, 1.0, 2.0])
    assert found.median == 2
    assert isnan(found.low)
    assert isnan(found.high)
    with pytest.raises(ValueError, match="at least one sample"):
        median_interval([])


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    truth = np.log(2)  # of an exponential distribution, as skewed as timings are
    found = [median_interval(generator.exponential(size=15)) for _ in range(2000)]
    covered = sum(one.low <= truth <= one.high for one in found) / len(found)
    # Exactly 1 - 2·(1 + 15 + 105 + 455)/2^15 = 0.9648; the standard error of 2000 trials is 0.0041.
    assert 0.95 < covered < 0.98


def test_ratios_are_taken_round_by_round() -> None:
    # The second half of the rounds is ten times slower for both: ratios do not see that, medians of each would.
    slow = [2, 4, 6, 200, 400, 600]
    fast = [1, 2, 3, 100, 200, 300]
    assert ratio_interval(slow, fast) == MedianInterval(2, 2, 2, 6)
    with pytest.raises(ValueError, match="6 rounds against 5"):
        ratio_interval(slow, fast[:5])


def interval(low: float, high: float) -> MedianInterval:
    return MedianInterval((low + high) / 2, low, high, 20)


@pytest.mark.parametrize(
    ("low", "high", "predicted", "verdict"),
    [
        (0.45, 0.55, 0.5, "confirmed"),  # within 0.5 / 1.25 and 0.5 × 1.25, as half the effect would be more
        (0.41, 0.62, 0.5, "confirmed"),
        (0.55, 0.64, 0.5, "undecided"),
        (0.63, 0.70, 0.5, "refuted"),  # an effect, but not that one
        (0.30, 0.39, 0.5, "refuted"),  # more than was predicted is not what was predicted
        (0.30, 0.41, 0.5, "undecided"),
        (1.90, 2.10, 0.5, "refuted"),
        (0.86, 0.94, 0.9, "confirmed"),  # half of the effect is 0.9 ** 1.5 = 0.854 to 0.9 ** 0.5 = 0.949
        (0.96, 1.04, 0.9, "refuted"),
        (1.70, 2.40, 2.0, "confirmed"),
        (1.30, 3.00, 2.0, "undecided"),
        (0.99, 1.04, 1.0, "confirmed"),
        (0.94, 1.01, 1.0, "undecided"),
        (1.06, 1.20, 1.0, "refuted"),
        (nan, nan, 0.5, "undecided"),
        (0.45, 0.55, inf, "undecided"),
        (0.45, 0.55, 0.0, "undecided"),
    ],
)
def test_a_prediction_is_decided_by_the_whole_interval(low: float, high: float, predicted: float, verdict: str) -> None:
    assert decide(interval(low, high), predicted) == verdict


@pytest.mark.parametrize(
    ("low", "high", "kind", "verdict"),
    [
        (0.78, 0.95, "at best", "confirmed"),
        (0.77, 0.90, "at best", "confirmed"),  # 0.8 / 1.05 = 0.762
        (0.70, 0.75, "at best", "refuted"),  # more than it could gain
        (1.01, 1.20, "at best", "refuted"),  # no help
        (0.90, 1.10, "at best", "undecided"),
        (0.96, 1.04, "at best", "refuted"),  # less than a gain of 5 %, which is 0.952, and maybe none
        (0.96, 0.99, "at best", "confirmed"),  # a small gain, but one
        (0.94, 1.04, "at best", "undecided"),
        (0.10, 0.83, "at most", "confirmed"),  # 0.8 × 1.05 = 0.84
        (0.85, 0.90, "at most", "refuted"),
        (0.80, 0.90, "at most", "undecided"),
        (0.77, 9.00, "at least", "confirmed"),
        (0.10, 0.76, "at least", "refuted"),
        (0.70, 0.80, "at least", "undecided"),
    ],
)
def test_a_bound_has_an_open_end(low: float, high: float, kind: Prediction, verdict: str) -> None:
    assert decide(interval(low, high), 0.8, kind) == verdict


def test_a_gain_too_small_to_be_told_is_confirmed_by_no_difference() -> None:
    """At best 0.97: nothing between 0.97 / 1.05 and 1.05 can be told from that."""
    assert decide(interval(0.96, 1.04), 0.97, "at best") == "confirmed"
    assert decide(interval(1.06, 1.10), 0.97, "at best") == "refuted"


def test_what_bears_a_prediction_out() -> None:
    assert accepted(0.25) == pytest.approx((0.2, 0.3125))  # 25 % off at most
    assert accepted(0.81) == pytest.approx((0.729, 0.9))  # half of the effect: 0.9 ** 3 and 0.9
    assert accepted(1.0) == pytest.approx((1 / 1.05, 1.05))  # no closer than 5 %
    assert accepted(0.5, "at most") == (0, 0.525)


def test_an_estimate_is_confirmed_as_seldom_at_its_border_as_the_level_says() -> None:
    """A true ratio at the end of what is accepted must not be confirmed more often than in 1 of 40 cases."""
    generator = np.random.default_rng(11)
    _, border = accepted(0.5)
    rounds = [border * generator.lognormal(0, 0.2, 15) for _ in range(2000)]
    confirmed = sum(decide(median_interval(one), 0.5) == "confirmed" for one in rounds) / len(rounds)
    refuted = sum(decide(median_interval(one), 0.5) == "refuted" for one in rounds) / len(rounds)
    # Exactly (1 - 0.9648) / 2 = 0.0176 each; the standard error of 2000 trials is 0.0029.
    assert confirmed < 0.03
    assert refuted < 0.03


def test_looking_several_times_errs_no_more_often_than_the_level_says() -> None:
    """A true ratio at the end of what is accepted, looked at after 20, 40 and 80 rounds until a verdict is reached.

    With intervals of 95 % at each look, some 5 % of such runs would be confirmed, instead of 2.5 % at most.
    """
    generator = np.random.default_rng(5)
    _, border = accepted(0.5)
    wrong = 0
    for _ in range(1500):
        rounds = border * generator.lognormal(0, 0.2, 80)
        looks = [decide(median_interval(rounds[:number], LEVEL_OF_LOOK), 0.5) for number in (20, 40, 80)]
        assert len(looks) == LOOKS
        wrong += next((verdict for verdict in looks if verdict != "undecided"), "undecided") == "confirmed"
    assert wrong / 1500 < 0.025


def test_verdicts_on_samples_of_known_truth() -> None:
    generator = np.random.default_rng(3)
    base = generator.lognormal(0, 0.05, 60)
    halved = 0.5 * generator.lognormal(0, 0.05, 60)
    same = generator.lognormal(0, 0.05, 60)
    wild = generator.lognormal(-0.47, 2.0, 60)  # median 0.625, at the border, and very noisy
    assert decide(ratio_interval(halved, base), 0.5) == "confirmed"
    assert decide(ratio_interval(same, base), 0.5) == "refuted"
    assert decide(ratio_interval(same, base), 1.0) == "confirmed"
    assert decide(ratio_interval(wild, base), 0.5) == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.01, 2, "confirmed"), (0.9, 1.1, "undecided"), (0.5, 1.0, "refuted"), (nan, nan, "undecided")],
)
def test_slower_is_above_one_with_the_whole_interval(low: float, high: float, verdict: str) -> None:
    assert slower(interval(low, high)) == verdict
