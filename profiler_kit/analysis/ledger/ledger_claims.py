"""What the factors say in words, as statements, the largest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

from profiler_kit.analysis.ledger import ledger_factors as ledger
from profiler_kit.analysis.ledger.ledger_advice import ADVICE
from profiler_kit.analysis.ledger.ledger_factors import Factor, time_us
from profiler_kit.analysis.ledger.ledger_words import multiple, scaled, time_text
from profiler_kit.analysis.ledger.problem_sides import Side
from profiler_kit.analysis.ledger.roofs import COMPUTE_UNITS
from profiler_kit.analysis.ledger.side_components import useful_flops, waits_for_memory

_MOST: Final = 5
_FEWEST: Final = 2
"""Statements after the headline."""

_LARGEST: Final = 3
"""So many of the statements are about the largest factors, whatever can be done about them."""

_EVIDENT: Final = log(1.02)
"""Factors closer to 1 than this say little; they are left out unless too few would remain."""

_FAVOUR: Final = ", in favour of the slow side"


@dataclass(frozen=True)
class Claim:
    """A statement about one factor.

    Attributes:
        factor: Name of the factor.
        title: The statement with the factor's value.
        evidence: What it rests on.
        advice: What to try, and what to expect, to be read after "try"; None where nothing is proposed.
        change: What to try: one of the constants of :mod:`.ledger_advice`; None where nothing is proposed.
        expected_us: Time of a call of the slow side that the ledger expects after the change; with a larger batch, for
            as many samples as now. None where it can't be computed.
        batch: With a larger batch, the batch size to try.
        at_best: Whether that time is a bound: less can't be expected, but more may well be.
    """

    factor: str
    title: str
    evidence: str
    advice: str | None = None
    change: str | None = None
    expected_us: float | None = None
    batch: int | None = None
    at_best: bool = False

    @property
    def text(self) -> str:
        """All of it as one statement."""
        stated = f"{self.title} ({self.evidence})."
        return f"{stated} Try {self.advice}" if self.advice else stated


def headline(slow: Side, fast: Side, *, elapsed: bool) -> str:
    """Say what is compared, and by how much it differs."""
    times = [time_us(side, elapsed=elapsed) for side in (slow, fast)]
    ratio = multiple(times[0] / times[1])
    if slow.name == fast.name:
        what = f"{slow.name}: {time_text(times[0])} a call against {time_text(times[1])}, {ratio} the time"
    else:
        what = f"{slow.name} takes {time_text(times[0])} a call, {ratio} the {time_text(times[1])} of {fast.name}"
    if slow.flops is None or fast.flops is None:
        why = next(part.evidence for part in map(useful_flops, (slow, fast)) if part.value is None)
        return f"{what}. Useful FLOPs are not known: {why}."
    share = slow.flops / fast.flops
    same = 0.98 < share < 1.02
    both = f"{scaled(slow.flops)}FLOP against {scaled(fast.flops)}FLOP"
    return f"{what}, at {'equal' if same else multiple(share) + ' the'} useful FLOPs ({both})."


def claims_of(slow: Side, fast: Side, factors: Sequence[Factor]) -> tuple[Claim, ...]:
    """Say what the factors mean, largest first: two to five statements.

    Where more factors count, the largest are told, and of the others first those that something can be done about.

    Args:
        slow: The side that is asked about.
        fast: The side that it is compared with.
        factors: Factors of their ratio.
    """
    ordered = sorted(factors, key=lambda factor: -abs(log(factor.value)))
    evident = [factor for factor in ordered if abs(log(factor.value)) > _EVIDENT]
    chosen = evident if len(evident) >= _FEWEST else ordered[:_FEWEST]
    claims: list[Claim] = []
    for factor in chosen:
        claim = _claim(slow, fast, factor)
        # Two factors may ask for the same change: the first that does says so.
        said = claim.advice in {before.advice for before in claims}
        claims.append(replace(claim, advice=None, change=None, expected_us=None, batch=None) if said else claim)
    if len(claims) > _MOST:
        others = sorted(range(_LARGEST, len(claims)), key=lambda place: claims[place].advice is None)
        claims = [claims[place] for place in sorted([*range(_LARGEST), *others[: _MOST - _LARGEST]])]
    return tuple(claims)


def _claim(slow: Side, fast: Side, factor: Factor) -> Claim:
    """Say what one factor means, and what to try."""
    what = _TITLES[factor.name]
    if factor.name == ledger.FILL and slow.roofs.processors == COMPUTE_UNITS:
        what = "Idle CUs (compute units)"
    if factor.name == ledger.MEMORY_BOUND and not waits_for_memory(longer_side(slow, fast, factor.value)):
        what = "Least time for memory over that for arithmetic, a bound"
    if factor.name == ledger.MAIN_KERNEL_REST and (slow.flops is None or fast.flops is None):
        what = "Not explained, what the difference in useful work makes included"
    title = f"{what}: {multiple(factor.value)}{_FAVOUR if factor.value < 1 else ''}"
    evidence = factor.evidence if factor.kind == ledger.UNEXPLAINED else f"{factor.kind}: {factor.evidence}"
    advise = ADVICE.get(factor.name) if factor.value > 1 else None
    advice = advise(slow, fast, factor) if advise else None
    if advice is None:
        return Claim(factor.name, title, evidence)
    return Claim(factor.name, title, evidence, advice.text, advice.change, advice.us, advice.batch, advice.at_best)


def longer_side(slow: Side, fast: Side, value: float) -> Side:
    """Return the side that a factor makes longer, which a statement about it is about.

    Args:
        slow: The slow side.
        fast: The fast side.
        value: The factor.
    """
    return slow if value > 1 else fast


_TITLES: Final[Mapping[str, str]] = {
    ledger.USEFUL_FLOPS: "Useful work",
    ledger.CHANNEL_PADDING: "Multiplications with padded channels",
    ledger.STEP_FILLING: "Steps of the main loop that few channels fill",
    ledger.ALGORITHM_INFLATION: "Operations executed for each useful one",
    ledger.TILE_QUANTIZATION: "Work in tiles that reach over the edge",
    ledger.ARITHMETIC_UNIT: "Rate of the arithmetic unit",
    ledger.THREADS: "Threads",
    ledger.FILL: "Idle SMs",
    ledger.MEMORY_BOUND: "Waiting for memory",
    ledger.MAIN_KERNEL_REST: "Not explained, the remaining efficiency of the main kernels",
    ledger.LAYOUT_TRANSFORMS: "Layout transforms",
    ledger.CASTS: "Casts to another data type",
    ledger.HELPER_KERNELS: "Helper kernels",
    ledger.DISPATCH: "Around the library's kernels: dispatch and set-up",
    ledger.MEMSETS: "Memsets",
    ledger.BIAS_KERNELS: "Adding the bias in a kernel of its own",
    ledger.LAUNCH_GAPS: "Gaps between kernels",
}
