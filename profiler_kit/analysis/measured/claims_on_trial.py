"""What the ledger says about two layers, against what an experiment measured: confirmed, refuted, or not decided.

A statement of :mod:`profiler_kit.analysis.ledger.ledger_claims` proposes a change and expects a time of it. Here the
change has been made and measured. Statements that propose nothing are tested by whatever would show them wrong: useful
work by torch's own count, a memory bound by whether a call is faster than the memory, what is left unexplained by the
matrix product of the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite, prod
from typing import Final

from profiler_kit.analysis.ledger import ledger_claims as changes
from profiler_kit.analysis.ledger import ledger_factors as ledger
from profiler_kit.analysis.ledger.explanation import Claim, Explanation
from profiler_kit.analysis.ledger.ledger_words import time_text
from profiler_kit.analysis.ledger.problem_sides import Side
from profiler_kit.analysis.measured.experiment import (
    DOUBLED_OTHER,
    SMALLEST_LAYER,
    SMALLEST_OTHER,
    LedgerClaim,
    MeasuredVariant,
    NotPossible,
)
from profiler_kit.analysis.measured.timing_statistics import (
    MARGIN,
    MedianInterval,
    Prediction,
    Verdict,
    decide,
    with_spread,
)
from profiler_kit.analysis.problems.problem_shapes import ITEMSIZES

IM2COL_GEMM: Final = "im2col GEMM"

VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    changes.CHANNELS_LAST: ("channels_last",),
    changes.PAD_CHANNELS: ("channels to 8", "channels to 4"),
    changes.IM2COL_GEMM: (IM2COL_GEMM,),
    changes.LOW_PRECISION: ("bf16", "fp16"),
    changes.CUDNN_BENCHMARK: ("cudnn.benchmark",),
    changes.BIAS_OFF: ("no bias",),
    changes.COMPILE: ("compiled",),
    changes.LIBRARY_LAYOUT: ("oneDNN layout",),
}
"""What the ledger proposes → the variants that try it, the first that was measured counts."""

HEADLINE: Final = "ratio"
"""Stands for the factor in the statement that compares the two sides as a whole."""

_EQUAL_COUNTS: Final = 1e-9

TIME_OF_CALL: Final = "time of a call / that of the layer as given"
TIME_OF_SAMPLE: Final = "time of a sample / that of the layer as given"
TIME_OF_SMALLEST: Final = "time of a layer of one value / that of the call"
TIME_OF_MEMORY: Final = "time of a call / that of moving its bytes once"
TIME_OF_DOUBLED: Final = "time of a call on twice the samples / that of the call"
WORK: Final = "FLOPs of the layer / those of the other"
"""What ratios are of."""


_FAST: Final = "fast side"
"""Key of the variant that is the ledger's fast side, whatever its name."""


def variants_needed(told: Explanation) -> tuple[str, ...]:
    """Return the names of the variants that test a ledger's statements, besides its fast side."""
    needed = {name: None for claim in told.claims for name in _names(claim)}
    if any(claim.factor == ledger.MAIN_KERNEL_REST for claim in told.claims):
        needed[IM2COL_GEMM] = None
    return tuple(needed)


def _names(claim: Claim) -> tuple[str, ...]:
    """Return the variants that make a proposed change, the best first."""
    return (f"batch {claim.batch}",) if claim.change == changes.BATCH else VARIANTS.get(claim.change or "", ())


def put_on_trial(
    told: Explanation, variants: Sequence[MeasuredVariant], missing: Sequence[NotPossible], *, fast: str
) -> tuple[LedgerClaim, ...]:
    """Test each statement of a ledger.

    Args:
        told: The ledger; its slow side is the layer as given.
        variants: What was measured; the layer as given comes first.
        missing: What could not be tried, and why.
        fast: Name of the variant that is the ledger's fast side.

    Returns:
        One claim for each sentence, in their order.
    """
    found = {one.name: one for one in variants}
    if fast in found:
        found[_FAST] = found[fast]
    reasons = {one.name: one.reason for one in missing}
    trials = [_headline(told, found)]
    for claim in told.claims:
        test = _TESTS.get(claim.factor)
        outcome = None
        if claim.change is not None and claim.expected_us is not None:
            outcome = _by_change(told, claim, found, reasons)
        if test is not None and (outcome is None or outcome.verdict == "not tested"):
            outcome = test(told, claim, found) or outcome
        trials.append(
            outcome
            or _untested(claim.factor, claim.title, claim.advice, "no single change of the layer shows it alone")
        )
    return tuple(trials)


def _headline(told: Explanation, found: Mapping[str, MeasuredVariant]) -> LedgerClaim:
    fast = found.get(_FAST)
    text = told.sentences[0]
    if fast is None:
        return _untested(HEADLINE, text, None, "the fast side was not measured")
    measured, predicted = fast.ratio_of_calls, 1 / told.ratio
    verdict = decide(with_spread(measured, told.spread), predicted)
    reason = "both timed again, in turn, without a profiler"
    if told.slow.recorded_us is None and told.slow.of == "host time":
        reason += ", whose own cost is in the ledger's times"
    quantity, spread = TIME_OF_CALL, told.spread
    return LedgerClaim(HEADLINE, text, None, fast.name, quantity, predicted, measured, verdict, reason, spread=spread)


def _by_change(
    told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant], reasons: Mapping[str, str]
) -> LedgerClaim:
    """Compare the time after a proposed change with the one that the ledger expects."""
    names = _names(claim)
    variant = next((found[name] for name in names if name in found), None)
    if variant is None:
        why = next((f"{name}: {reasons[name]}" for name in names if name in reasons), "that change was not measured")
        return _untested(claim.factor, claim.title, claim.advice, why)
    predicted = (claim.expected_us or 0.0) / told.slow.device_us
    if variant.outputs == "different":
        reason = f"{variant.name} gives another output (error {variant.error:.0e}), so its time proves nothing"
        return replace(_untested(claim.factor, claim.title, claim.advice, reason), variant=variant.name)
    return _decided(told, claim, variant, predicted, variant.change, "at best" if claim.at_best else "estimate")


def _decided(
    told: Explanation,
    claim: Claim,
    variant: MeasuredVariant,
    predicted: float,
    reason: str,
    prediction: Prediction,
) -> LedgerClaim:
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
    given, fast = next(iter(found.values())), found.get(_FAST)
    value = value_of(told, claim)
    if fast is None or not given.flops or not fast.flops:
        return None
    counted = given.flops / fast.flops
    agrees = abs(counted / value - 1) < _EQUAL_COUNTS
    reason = f"torch.utils.flop_counter counts {given.flops:,} against {fast.flops:,} FLOP, {counted:,.3f} ×"
    exact = MedianInterval(counted, counted, counted, 1)
    verdict: Verdict = "confirmed" if agrees else "refuted"
    return LedgerClaim(claim.factor, claim.title, claim.advice, fast.name, WORK, value, exact, verdict, reason)


def _as_matrix_product(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Hold the roof against the slow side's work as one matrix product: nothing that does it may be faster.

    What is not explained is by how much kernels miss their roofs; it means something only if the roof is one.
    """
    variant, least_us = found.get(IM2COL_GEMM), ledger.roof_us(told.slow)
    if variant is None or variant.outputs == "different" or least_us is None:
        return None
    share = least_us / ledger.main_us(told.slow)
    reason = (
        f"the main kernel is at {share:.0%} of its roof, {time_text(least_us)}; the same products by another library "
        "must not be faster than that, or the roof is wrong"
    )
    return _decided(told, claim, variant, least_us / told.slow.device_us, reason, "at least")


def _against_memory(told: Explanation, claim: Claim, found: Mapping[str, MeasuredVariant]) -> LedgerClaim | None:
    """Double the samples of the side that waits for memory: as long as its weights are most of it, that costs little.

    Where the bytes grow with the samples, look at least whether a call is faster than the memory; one that is does not
    wait for it, whatever twice the samples take.
    """
    value = value_of(told, claim)
    side, variant = (told.slow, next(iter(found.values()))) if value > 1 else (told.fast, found.get(_FAST))
    least_ns, growth = _memory_ns(side), _growth(side)
    if variant is None or least_ns is None or side.bytes is None:
        return None
    call = variant.call_ns
    batch = (side.problem.input_shape or (0,))[0]
    doubled = found.get(DOUBLED_OTHER if value < 1 else f"batch {2 * batch}")
    too_fast = call.high < least_ns / MARGIN
    if doubled is not None and growth is not None and growth < _TELLING and not too_fast:
        measured = _quotient(doubled.call_ns, call)
        reason = (
            f"moving its {side.bytes:,} bytes takes {time_text(least_ns / 1000)}; nearly all are weights, which twice "
            "the samples share, so a call on these takes hardly longer; if it waited for arithmetic, it would take 2 ×"
        )
        return _compared(claim, doubled.name, TIME_OF_DOUBLED, growth, measured, "at most", reason)
    measured = MedianInterval(call.median / least_ns, call.low / least_ns, call.high / least_ns, call.samples)
    reason = (
        f"moving its {side.bytes:,} bytes once takes {time_text(least_ns / 1000)}; a faster call would show that it "
        "does not wait for them"
    )
    return _compared(claim, variant.name, TIME_OF_MEMORY, 1.0, measured, "at least", reason)


_TELLING: Final = 1.5
"""By how much twice the samples may lengthen a call so that it shows whether arithmetic does, which would double it."""


def _growth(side: Side) -> float | None:
    """Return what twice the samples make of the time of a side that waits for memory, by its roofline."""
    images, itemsize = (side.problem.input_shape, side.problem.output_shape), ITEMSIZES.get(side.problem.dtype or "")
    unit = ledger.arithmetic_unit(side).value
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
    side, variant = (told.slow, next(iter(found.values()))) if value > 1 else (told.fast, found.get(_FAST))
    smallest = found.get(SMALLEST_LAYER if value > 1 else SMALLEST_OTHER)
    if variant is None or smallest is None:
        return None
    measured = _quotient(smallest.call_ns, variant.call_ns)
    predicted = side.parts_us["helper"] / side.device_us
    reason = (
        "a layer of one value has next to nothing to compute, so it takes no longer than what surrounds the kernels"
    )
    return _compared(claim, smallest.name, TIME_OF_SMALLEST, predicted, measured, "at most", reason)


def _quotient(above: MedianInterval, below: MedianInterval) -> MedianInterval:
    """Divide two medians; the ends are those of the least and the most favourable combination of both intervals."""
    samples = min(above.samples, below.samples)
    return MedianInterval(above.median / below.median, above.low / below.high, above.high / below.low, samples)


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


def _memory_ns(side: Side) -> float | None:
    bandwidth = None if side.bytes is None else side.roofs.bandwidth_for(side.bytes)
    return None if side.bytes is None or not bandwidth or not isfinite(bandwidth) else side.bytes / bandwidth * 1e9


def _untested(factor: str, text: str, advice: str | None, reason: str) -> LedgerClaim:
    return LedgerClaim(factor, text, advice, None, "", None, None, "not tested", reason)


_TESTS: Final[Mapping[str, Callable[[Explanation, Claim, Mapping[str, MeasuredVariant]], LedgerClaim | None]]] = {
    ledger.USEFUL_FLOPS: _counted_work,
    ledger.MEMORY_BOUND: _against_memory,
    ledger.MAIN_KERNEL_REST: _as_matrix_product,
    ledger.DISPATCH: _against_smallest,
}
