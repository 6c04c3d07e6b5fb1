"""What became of a ledger's statements, laid out for readers."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, Final

from profiler_kit.analysis.ledger.ledger_factors import USEFUL_FLOPS
from profiler_kit.analysis.measured.experiment import LedgerClaim
from profiler_kit.analysis.measured.timing_statistics import MARGIN, WIDEST, MedianInterval
from profiler_kit.report.json import plain
from profiler_kit.report.layout import Item, Section
from profiler_kit.report.quantities import MISSING, is_missing, write


def interval_text(measured: MedianInterval | None) -> str:
    """Write the ends of an interval of ratios, ``0.95–1.04``."""
    if measured is None or is_missing(measured.low):
        return MISSING
    digits = 3 if measured.median < _SMALL else 2
    return f"{measured.low:,.{digits}f}–{measured.high:,.{digits}f}"


_SMALL: Final = 0.1
"""Ratios below this are written with one digit more, as in :func:`profiler_kit.report.quantities.write`."""


def claims_section(claims: Sequence[LedgerClaim]) -> Section:
    """Lay out what became of the ledger's claims."""
    items = []
    for claim in claims:
        details = [("try", claim.advice)] if claim.advice else []
        if claim.measured is not None and claim.predicted is not None:
            told = f"{write('ratio', claim.measured.median)} ({interval_text(claim.measured)})"
            details += [
                ("ratio of", claim.quantity),
                ("predicted", _predicted(claim)),
                ("measured", told + _decided_by(claim)),
            ]
        if found := finding(claim):
            details.append(("found", found))
        if claim.variant:
            details.append(("by", " with ".join(filter(None, (claim.variant, ", ".join(claim.compared_with))))))
        details.append(("because", claim.reason))
        as_bound = " as a bound" if claim.is_bound and claim.verdict == "confirmed" else ""
        items.append(Item(f"{claim.verdict}{as_bound}: {claim.statement}", details))
    lead = (
        "Each statement of the ledger against a change that would show it. Confirmed: the measured ratio's whole 95 % "
        "interval lies within what bears the estimate out (in brackets: within half of its effect, no closer than 5 % "
        "and no further than 25 % off). As a bound: it lies on the right side of the bound, 5 % beyond it at most, "
        "which does not show that the reason for the bound is the right one. Refuted: none of the interval does. "
        "Undecided: the noise leaves both open, also after measuring on; that of the times counts, too, with which the "
        "ledger was made."
    )
    return Section("The ledger on trial", lead, items=[Item(tally(claims)), *items])


def finding(claim: LedgerClaim) -> str | None:
    """Say what a measured bound shows, and whether an effect can be told from none; None where nothing is left."""
    within, expected = claim.decided_by, claim.accepted
    if within is None or expected is None or claim.predicted is None or is_missing(within.low):
        return None
    apart = max(within.high, 1 / within.low if within.low > 0 else inf)
    none_above = f"no difference above {apart - 1:.1%}"
    about_none = within.low <= 1 <= within.high and apart <= MARGIN
    measured = write("ratio", within.median)
    if claim.prediction == "at best" and claim.verdict == "refuted":
        gain = "it gains more than it could" if within.high < expected[0] else "it does not help"
        return f"{gain}: {none_above}" if about_none else gain
    if claim.verdict != "confirmed":
        return None
    if not claim.is_bound or (about_none and claim.prediction == "at best"):
        if expected[0] > 1 or expected[1] < 1:
            return None
        small = f"{none_above}; " if about_none else ""
        return f"{small}what is expected is too little to be told from none for certain"
    far = max(within.median / claim.predicted, claim.predicted / within.median if within.median > 0 else inf)
    held = f"the bound holds, {measured} of {claim.prediction} {write('ratio', claim.predicted)}"
    return f"{held}; it is {write('ratio', far)} away, so it says little of the size" if far > WIDEST else held


def tally(claims: Sequence[LedgerClaim]) -> str:
    """Count the verdicts, each by itself: ``Of 6 statements: 4 confirmed (2 of them as bounds), 1 undecided``."""
    counts = [(verdict, [claim for claim in claims if claim.verdict == verdict]) for verdict in _VERDICTS]
    told = ", ".join(f"{len(those)} {verdict}{_as_bounds(verdict, those)}" for verdict, those in counts if those)
    return f"Of {len(claims)} statement{'s'[: len(claims) != 1]}: {told}."


def _as_bounds(verdict: str, claims: Sequence[LedgerClaim]) -> str:
    bounds = sum(claim.is_bound for claim in claims)
    if verdict != "confirmed" or not bounds:
        return ""
    return f" ({bounds} of them as {'a bound' if bounds == 1 else 'bounds'})"


_VERDICTS: Final = ("confirmed", "refuted", "undecided", "not tested")


def _decided_by(claim: LedgerClaim) -> str:
    """Write the interval that was decided by, where it is wider than the measured one."""
    if claim.spread <= 1 or claim.decided_by is None or is_missing(claim.decided_by.low):
        return ""
    return f"; with the noise of the ledger's own times {interval_text(claim.decided_by)}, which decides"


def _predicted(claim: LedgerClaim) -> str:
    """Write what was predicted, and what counts as that: ``0.60 × (0.48–0.75)``, ``0.60 × at best (0.57–1.00)``."""
    predicted = write("ratio", claim.predicted)
    if claim.factor in _EXACT or claim.accepted is None:
        return predicted
    low, high = (write("ratio", end).removesuffix(" ×") for end in claim.accepted)
    if claim.prediction == "at most":
        return f"{predicted} at most (up to {high})"
    if claim.prediction == "at least":
        return f"{predicted} at least (from {low})"
    return f"{predicted}{' at best' if claim.prediction == 'at best' else ''} ({low}–{high})"


_EXACT: Final = (USEFUL_FLOPS,)
"""Factors that are counted; nothing but the exact value bears them out."""


def claim_document(one: LedgerClaim) -> dict[str, Any]:
    """Return what became of a statement for JSON; :mod:`profiler_kit.report.experiment` documents the keys."""
    ends = one.accepted
    # JSON has no infinity: a bound has one end.
    told = {**plain(one), "finding": finding(one), "decided_by": plain(one.decided_by)}
    return {**told, "accepted": None if ends is None else [None if end == float("inf") else end for end in ends]}
