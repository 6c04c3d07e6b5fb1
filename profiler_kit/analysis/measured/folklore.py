"""What people say about dense and convolutional layers, and what measurements on one machine say to that.

Each claim is put to the test by several cases. A case compares two times: what the claim says takes longer, against
what it says takes less. The claim's verdict sums up those of its cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

from profiler_kit.analysis.measured.timing_statistics import MARGIN, MedianInterval, Verdict

Summary = Literal["confirmed here", "refuted here", "depends", "undecided"]

CLAIMS: Final = (
    "The sliding window is inherently more complex than one matrix product",
    "Its memory access is irregular and misses caches",
    "Intermediate feature maps cost memory traffic",
    "Winograd and FFT don't help small filters",
    "A 7×7 kernel is slower than a 3×3 one, which is slower than dense",
    "Batching improves utilisation",
    "It depends on hardware and library choices",
)
"""Reasons that are given for a convolution being slower than a dense layer of the same input size."""


@dataclass(frozen=True)
class Contender:
    """Something that was timed for the claims.

    Attributes:
        name: Short name.
        what: What it is, in words.
        call_ns: Time of a call, measured.
        flops: Useful FLOPs of a call, derived.
        samples: Samples in a call.
        kernels: What ran.
        error: Largest error of its output relative to the reference's largest value; None if it has none.
    """

    name: str
    what: str
    call_ns: MedianInterval
    flops: int
    samples: int
    kernels: tuple[str, ...]
    error: float | None

    @property
    def flops_per_s(self) -> float:
        """Useful FLOPs by the median time, derived."""
        return self.flops / self.call_ns.median * 1e9


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        question: What is compared, in words.
        first: Name of the contender whose time is above the line.
        second: Name of the other.
        ratio: Time of a sample of the first over one of the second, by rounds.
        verdict: What it says to the claim.
    """

    question: str
    first: str
    second: str
    ratio: MedianInterval
    verdict: Verdict


@dataclass(frozen=True)
class ClaimOnTrial:
    """One claim.

    Attributes:
        number: Its number, from 1.
        claim: The claim.
        test: What it would mean here, and how it was tested.
        cases: The comparisons.
        reading: What they show, in words.
        verdict: The sum.
    """

    number: int
    claim: str
    test: str
    cases: tuple[Case, ...]
    reading: str
    verdict: Summary


@dataclass(frozen=True)
class Folklore:
    """All claims on one machine.

    Attributes:
        device: Where it was measured, in words.
        load: How busy the machine was before, in words.
        rounds: Rounds with every contender.
        seconds: What measuring took.
        preemptions: How often the process lost a core to another one meanwhile; None where that is not counted.
        claims: The claims.
        contenders: Everything that was timed.
        not_possible: (what, reason) of what could not be tried.
        more_rounds: Rounds after those, with the contenders of cases that were not decided yet.
    """

    device: str
    load: str
    rounds: int
    seconds: float
    preemptions: int | None
    claims: tuple[ClaimOnTrial, ...]
    contenders: tuple[Contender, ...]
    not_possible: tuple[tuple[str, str], ...]
    more_rounds: int = 0


def takes_longer(ratio: MedianInterval) -> Verdict:
    """Say whether the first takes noticeably longer than the second: by more than `MARGIN`."""
    if not _is_known(ratio):
        return "undecided"
    if ratio.low > MARGIN:
        return "confirmed"
    return "refuted" if ratio.high <= MARGIN else "undecided"


def differs(ratio: MedianInterval) -> Verdict:
    """Say whether two times differ noticeably, whichever is longer."""
    if not _is_known(ratio):
        return "undecided"
    if ratio.low > MARGIN or ratio.high < 1 / MARGIN:
        return "confirmed"
    return "refuted" if ratio.low >= 1 / MARGIN and ratio.high <= MARGIN else "undecided"


def no_help(whole: MedianInterval, products: MedianInterval) -> Verdict:
    """Say whether another algorithm is no help, from an implementation of it that has room for improvement.

    Args:
        whole: Time of the implementation over that of the usual algorithm. If it is faster, the algorithm helps.
        products: The same of its products alone, without any transform: no implementation is faster than these. If
            they take longer than the usual algorithm, it cannot help.
    """
    if not (_is_known(whole) and _is_known(products)):
        return "undecided"
    if whole.high < 1:
        return "refuted"
    return "confirmed" if products.low > 1 else "undecided"


def is_between(whole: MedianInterval, products: MedianInterval) -> bool:
    """Tell whether it is not the noise that leaves it open: only a better implementation could show that it helps.

    Arguments as for :func:`no_help`.
    """
    return whole.low > 1 and products.high < 1


def sum_up(verdicts: Iterable[Verdict]) -> Summary:
    """Return the verdict on a claim: cases that decide must agree, and be at least half of all.

    One case of several that decides says little: the more are tried, the likelier one of them is wrong by chance.
    """
    cases = list(verdicts)
    found = set(cases) - {"undecided"}
    if 2 * cases.count("undecided") > len(cases) or not found:
        return "undecided"
    if len(found) > 1:
        return "depends"
    return "confirmed here" if found == {"confirmed"} else "refuted here"


def _is_known(ratio: MedianInterval) -> bool:
    return isfinite(ratio.low) and isfinite(ratio.high)
