"""Tests of what the ledger says about one factor, by variants that would show it wrong.

Useful work is held against torch's own count, a memory bound against the memory's rate, what is left unexplained
against calls less all that is not the main kernel, or against the matrix product of the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite, nan, prod
from typing import Final

import numpy as np

from profiler_kit.analysis.ledger import ledger_factors as ledger
from profiler_kit.analysis.ledger.explanation import Claim, Explanation
from profiler_kit.analysis.ledger.ledger_claims import longer_side
from profiler_kit.analysis.ledger.ledger_words import time_text
from profiler_kit.analysis.ledger.problem_sides import Side
from profiler_kit.analysis.ledger.side_components import (
    arithmetic_unit,
    least_memory_us,
    main_us,
    waits_for_memory,
)
from profiler_kit.analysis.measured.experiment import (
    DOUBLED_OTHER,
    IM2COL_GEMM,
    LIBRARY_LAYOUT,
    SMALLEST_IN_LAYOUT,
    SMALLEST_LAYER,
    SMALLEST_OTHER,
    LedgerClaim,
    MeasuredVariant,
)
from profiler_kit.analysis.measured.timing_statistics import (
    LEVEL_OF_LOOK,
    MARGIN,
    MedianInterval,
    Prediction,
    Verdict,
    decide,
    median_interval,
    ratio_interval,
    with_spread,
)
from profiler_kit.analysis.passes.kernel_roles import LAYOUT_TRANSFORM, MAIN
from profiler_kit.analysis.problems.problem_shapes import ITEMSIZES

_EQUAL_COUNTS: Final = 1e-9

TIME_OF_CALL: Final = "time of a call / that of the layer as given"
TIME_OF_SAMPLE: Final = "time of a sample / that of the layer as given"
TIME_OF_SMALLEST: Final = "time of a layer of one value / that of the call"
TIME_OF_MEMORY: Final = "time of a call / that of moving its bytes once"
REST_OF_TIMES: Final = "main kernels' times, over the factors before this one"
TIME_OF_DOUBLED: Final = "time of a call on twice the samples / that of the call"
WORK: Final = "FLOPs of the layer / those of the other"
"""What ratios are of."""

FAST: Final = "fast side"
"""Key of the variant that is the ledger's fast side, whatever its name."""


def decided(
    told: Explanation,
    claim: Claim,
    variant: MeasuredVariant,
    predicted: float,
    reason: str,
    prediction: Prediction,
) -> LedgerClaim:
    """Judge a statement by the time of a sample in a variant, relative to the layer as given.

    Args:
        told: The ledger.
        claim: The statement.
        variant: The variant that tests it.
        predicted: The ratio that it predicts.
        reason: How that tests it.
        prediction: What kind of prediction it is.
    """
    verdict = decide(with_spread(variant.ratio, told.spread), predicted, prediction)
    return LedgerClaim(
        claim.factor,
        claim.title,
        claim.advice,
        variant.name,
        TIME_OF_SAMPLE,
        predicted,
        variant.ratio,
        verdict,
        reason,
        prediction,
        told.spread,
    )


def _counted_work(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Compare the ledger's FLOPs with torch's own count; no noise is in that."""
    given, fast = next(iter(found.values())), found.get(FAST)
    value = value_of(told, claim)
    if fast is None or not given.flops or not fast.flops:
        return None
    counted = given.flops / fast.flops
    agrees = abs(counted / value - 1) < _EQUAL_COUNTS
    reason = f"torch.utils.flop_counter counts {given.flops:,} against {fast.flops:,} FLOP, {counted:,.3f} ×"
    exact = MedianInterval(counted, counted, counted, 1)
    verdict: Verdict = "confirmed" if agrees else "refuted"
    return LedgerClaim(claim.factor, claim.title, claim.advice, fast.name, WORK, value, exact, verdict, reason)


def _main_kernels(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Measure the main kernels' times as what calls take more than the smallest ones of their kind, by the clock alone.

    Only where nothing else runs besides them, the reorders excepted that tensors in oneDNN's own layout do without.
    """
    sides = (told.slow, told.fast)
    if any(side.of != "host time" or _besides(side) for side in sides) or told.fast.parts_us[LAYOUT_TRANSFORM]:
        return None
    reorders = told.slow.parts_us[LAYOUT_TRANSFORM] > 0
    slow = found.get(LIBRARY_LAYOUT) if reorders else next(iter(found.values()))
    smallest = found.get(SMALLEST_IN_LAYOUT if reorders else SMALLEST_LAYER)
    fast, smallest_fast = found.get(FAST), found.get(SMALLEST_OTHER)
    if slow is None or smallest is None or fast is None or smallest_fast is None or slow.outputs == "different":
        return None
    return _by_difference(told, claim, (slow, smallest), (fast, smallest_fast))


def _besides(side: Side) -> bool:
    """Tell whether anything runs in a call that neither the layout nor the way to the kernel accounts for."""
    told = (MAIN, LAYOUT_TRANSFORM, "helper")
    return any(us for part, us in side.parts_us.items() if part not in told)


_Pair = tuple[MeasuredVariant, MeasuredVariant]
"""A call, and the smallest one of its kind."""


def _by_difference(told: Explanation, claim: Claim, slow: _Pair, fast: _Pair) -> LedgerClaim | None:
    value, variants = value_of(told, claim), (*slow, *fast)
    rounds = min(len(one.rounds_ns) for one in variants)
    if not rounds:
        return None
    times = [np.asarray(one.rounds_ns[:rounds], dtype=np.float64) for one in variants]
    mains = np.maximum(times[0] - times[1], 0.0), np.maximum(times[2] - times[3], 0.0)
    # A smallest call that takes longer than the call itself leaves the main kernel no time: the ratio has no bound.
    ratios = np.divide(*mains, out=np.full(rounds, np.inf), where=mains[1] > 0)
    before = main_us(told.slow) / main_us(told.fast) / value
    measured = median_interval(ratios / before, LEVEL_OF_LOOK)
    if not isfinite(measured.high):
        measured = MedianInterval(nan, nan, nan, rounds)
    took = " against ".join(time_text(float(np.median(main)) / 1000) for main in mains)
    ledgers = " against ".join(time_text(main_us(side)) for side in (told.slow, told.fast))
    reason = (
        f"({slow[0].name} − {slow[1].name}) / ({fast[0].name} − {fast[1].name}) leaves the main kernels' times, "
        f"{took}, by the clock alone; the libraries' own, which the ledger rests on, are {ledgers}"
    )
    names = tuple(one.name for one in variants)
    verdict = decide(with_spread(measured, told.spread), value)
    tested = LedgerClaim(
        claim.factor, claim.title, claim.advice, names[0], REST_OF_TIMES, value, measured, verdict, reason
    )
    return replace(tested, spread=told.spread, compared_with=names[1:])


def _unexplained(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    return _main_kernels(told, claim, found) or _as_matrix_product(told, claim, found)


def _as_matrix_product(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Hold the ceiling against the slow side's work as one matrix product: nothing that does it may be faster.

    What is not explained is by how much kernels miss their ceilings; it means something only if the ceiling is one.
    """
    variant, least_us = found.get(IM2COL_GEMM), ledger.ceiling_us(told.slow)
    if variant is None or variant.outputs == "different" or least_us is None:
        return None
    share = least_us / main_us(told.slow)
    reason = (
        f"the main kernel is at {share:.0%} of its ceiling, {time_text(least_us)}; the same products by another "
        "library must not be faster than that, or the ceiling is wrong"
    )
    return decided(told, claim, variant, least_us / told.slow.device_us, reason, "at least")


def _against_memory(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Double the samples of a side that waits for memory: as long as its weights are most of it, that costs little.

    Where the bytes grow with the samples, look at least whether a call is faster than the memory; one that is does not
    wait for it, whatever twice the samples take. So it is, too, where the ledger states memory's time as a bound alone:
    what takes the rest of the kernels' time may well take twice as long for twice the samples.
    """
    value = value_of(told, claim)
    side, variant = _longer(told, value, found)
    least_us, growth = least_memory_us(side), _growth(side)
    if variant is None or not least_us or side.bytes is None:
        return None
    call, least_ns, waits = variant.call_ns, least_us * 1000, waits_for_memory(side)
    batch = (side.problem.input_shape or (0,))[0]
    doubled = found.get(DOUBLED_OTHER if value < 1 else f"batch {2 * batch}") if waits else None
    too_fast = call.high < least_ns / MARGIN
    if doubled is not None and growth is not None and growth < _TELLING and not too_fast:
        measured = _ratio(doubled, variant)
        reason = (
            f"moving its {side.bytes:,} bytes takes {time_text(least_ns / 1000)}; nearly all are weights, which twice "
            "the samples share, so a call on these takes hardly longer; if it waited for arithmetic, it would take 2 ×"
        )
        tested = _compared(claim, doubled.name, TIME_OF_DOUBLED, growth, measured, "at most", reason)
        return replace(tested, compared_with=(variant.name,))
    measured = MedianInterval(call.median / least_ns, call.low / least_ns, call.high / least_ns, call.samples)
    shown = "that it does not wait for them" if waits else "the bound wrong"
    reason = f"moving its {side.bytes:,} bytes once takes {time_text(least_us)}; a faster call would show {shown}"
    return _compared(claim, variant.name, TIME_OF_MEMORY, 1.0, measured, "at least", reason)


def _longer(
    told: Explanation, value: float, found: Mapping[str, MeasuredVariant]
) -> tuple[Side, MeasuredVariant | None]:
    """Return the side that a factor makes longer, and its calls as they were timed."""
    variant = next(iter(found.values())) if value > 1 else found.get(FAST)
    return longer_side(told.slow, told.fast, value), variant


_TELLING: Final = 1.5
"""By how much twice the samples may lengthen a call so that it shows whether arithmetic does, which would double it."""


def _growth(side: Side) -> float | None:
    """Return what twice the samples make of the time of a side that waits for memory, by its roofline."""
    images, itemsize = (side.problem.input_shape, side.problem.output_shape), ITEMSIZES.get(side.problem.dtype or "")
    unit = arithmetic_unit(side).value
    if None in images or itemsize is None or side.bytes is None or side.flops is None or unit is None:
        return None
    # Weight and bias are read once however many samples there are.
    more = side.bytes + sum(prod(shape or ()) for shape in images) * itemsize
    now, then = side.roofs.bandwidth_for(side.bytes), side.roofs.bandwidth_for(more)
    if not now or not then:
        return None
    return max(more / then, 2 * side.flops * unit) / max(side.bytes / now, side.flops * unit)


def _against_smallest(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Hold a layer of one value against what a call takes around its kernels: that can't be less."""
    value = value_of(told, claim)
    side, variant = _longer(told, value, found)
    smallest = found.get(SMALLEST_LAYER if value > 1 else SMALLEST_OTHER)
    if variant is None or smallest is None:
        return None
    measured = _ratio(smallest, variant)
    predicted = side.parts_us["helper"] / side.device_us
    took, around = time_text(smallest.call_ns.median / 1000), time_text(side.parts_us["helper"])
    reason = (
        f"a layer of one value, which has next to nothing to compute, takes {took}; what surrounds the kernels, "
        f"{around}, must be as much at least, and what it is beyond that remains open"
    )
    tested = _compared(claim, smallest.name, TIME_OF_SMALLEST, predicted, measured, "at most", reason)
    return replace(tested, compared_with=(variant.name,))


def _ratio(above: MeasuredVariant, below: MeasuredVariant) -> MedianInterval:
    """Divide the times of two variants' calls, round by round."""
    rounds = min(len(above.rounds_ns), len(below.rounds_ns))
    return ratio_interval(above.rounds_ns[:rounds], below.rounds_ns[:rounds], LEVEL_OF_LOOK)


def _compared(
    claim: Claim,
    variant: str,
    quantity: str,
    predicted: float,
    measured: MedianInterval,
    prediction: Prediction,
    reason: str,
) -> LedgerClaim:
    verdict = decide(measured, predicted, prediction)
    return LedgerClaim(
        claim.factor, claim.title, claim.advice, variant, quantity, predicted, measured, verdict, reason, prediction
    )


def value_of(told: Explanation, claim: Claim) -> float:
    """Return the factor that a claim is about."""
    return next(factor.value for factor in told.factors if factor.name == claim.factor)


TESTS: Final[Mapping[str, Callable[[Explanation, Claim, Mapping[str, MeasuredVariant]], LedgerClaim | None]]] = {
    ledger.USEFUL_FLOPS: _counted_work,
    ledger.MEMORY_BOUND: _against_memory,
    ledger.MAIN_KERNEL_REST: _unexplained,
    ledger.DISPATCH: _against_smallest,
}
"""Factor → its test, which returns None where what it needs was not measured."""
