"""What the ledger says about two layers, against what an experiment measured: confirmed, refuted, or not decided.

A statement of :mod:`profiler_kit.analysis.ledger.ledger_advice` proposes a change and expects a time of it. Here the
change has been made and measured. Statements that propose nothing are tested by whatever would show them wrong, see
:mod:`profiler_kit.analysis.measured.factor_tests`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from profiler_kit.analysis.ledger import ledger_advice as changes
from profiler_kit.analysis.ledger import ledger_factors as ledger
from profiler_kit.analysis.ledger.explanation import Claim, Explanation
from profiler_kit.analysis.measured.experiment import (
    IM2COL_GEMM,
    LIBRARY_LAYOUT,
    LedgerClaim,
    MeasuredVariant,
    NotPossible,
)
from profiler_kit.analysis.measured.factor_tests import FAST, TESTS, TIME_OF_CALL, decided
from profiler_kit.analysis.measured.timing_statistics import decide, with_spread

VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    changes.CHANNELS_LAST: ("channels_last",),
    changes.PAD_CHANNELS: ("channels to 8", "channels to 4"),
    changes.IM2COL_GEMM: (IM2COL_GEMM,),
    changes.LOW_PRECISION: ("bf16", "fp16"),
    changes.CUDNN_BENCHMARK: ("cudnn.benchmark",),
    changes.BIAS_OFF: ("no bias",),
    changes.COMPILE: ("compiled",),
    changes.LIBRARY_LAYOUT: (LIBRARY_LAYOUT,),
}
"""What the ledger proposes → the variants that try it, the first that was measured counts."""

HEADLINE: Final = "ratio"
"""Stands for the factor in the statement that compares the two sides as a whole."""


def variants_needed(told: Explanation) -> tuple[str, ...]:
    """Return the names of the variants that test a ledger's statements, besides its fast side."""
    needed = {name: None for claim in told.claims for name in _names(claim)}
    if any(claim.factor == ledger.MAIN_KERNEL_REST for claim in told.claims):
        needed |= dict.fromkeys((LIBRARY_LAYOUT, IM2COL_GEMM) if told.slow.of == "host time" else (IM2COL_GEMM,))
    return tuple(needed)


def smallest_needed(told: Explanation) -> bool:
    """Tell whether layers of one value are needed, which have nothing but what a call takes around its kernels."""
    by_them = (ledger.DISPATCH, ledger.MAIN_KERNEL_REST)
    return told.slow.of == "host time" and any(claim.factor in by_them for claim in told.claims)


def undecided_variants(claims: Sequence[LedgerClaim]) -> frozenset[str]:
    """Return the names of the variants that have to be measured on, as the noise has not decided a claim yet."""
    return frozenset(name for claim in claims if claim.verdict == "undecided" for name in claim.variants)


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
        found[FAST] = found[fast]
    reasons = {one.name: one.reason for one in missing}
    trials = [_headline(told, found)]
    for claim in told.claims:
        test = TESTS.get(claim.factor)
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
    fast = found.get(FAST)
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
    if new_pages := _new_pages(variant, next(iter(found.values()))):
        return replace(_untested(claim.factor, claim.title, claim.advice, new_pages), variant=variant.name)
    return decided(told, claim, variant, predicted, variant.change, "at best" if claim.at_best else "estimate")


_PAGES: Final = 100
"""Page faults in a call that a change may add; each takes up to a microsecond."""


def _new_pages(variant: MeasuredVariant, given: MeasuredVariant) -> str | None:
    """Say that a variant gets memory that the system must clear first, which nobody has proposed; None if not."""
    if variant.page_faults is None or given.page_faults is None:
        return None
    more = variant.page_faults - given.page_faults * variant.samples / given.samples
    if more <= _PAGES:
        return None
    return (
        f"{variant.name} has {variant.page_faults:,.0f} page faults in a call, the layer as given "
        f"{given.page_faults:,.0f}: memory that the system must clear is more than the change that is to be tested"
    )


def _untested(factor: str, text: str, advice: str | None, reason: str) -> LedgerClaim:
    return LedgerClaim(factor, text, advice, None, "", None, None, "not tested", reason)
