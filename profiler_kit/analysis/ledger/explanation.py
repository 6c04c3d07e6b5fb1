"""Why one convolution or matrix product takes longer than another: their ratio as a product of factors, with evidence.

JSON has the fields of :class:`Explanation`; see :mod:`profiler_kit.report.explanation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from profiler_kit.analysis.ledger.ledger_claims import Claim, claims_of, headline
from profiler_kit.analysis.ledger.ledger_factors import Factor, factors_of, time_us
from profiler_kit.analysis.ledger.ledger_words import against, time_text
from profiler_kit.analysis.ledger.problem_lookup import ProblemNotFoundError, row_named, rows_in_both, rows_to_compare
from profiler_kit.analysis.ledger.problem_sides import KernelUse, MainKernel, Side, Sides, sides_of
from profiler_kit.analysis.ledger.roofs import Roofs, roofs_of
from profiler_kit.analysis.ledger.undisturbed import as_noted, without_recording
from profiler_kit.analysis.passes.passes import Passes
from profiler_kit.trace import Trace

__all__ = ["Claim", "Explanation", "Factor", "KernelUse", "MainKernel", "ProblemNotFoundError", "Side", "explain"]


_FEWER_OPERATIONS: Final = frozenset({"winograd", "winograd_nonfused", "fft"})
"""Algorithms whose FLOPs are not those of the direct count."""


@dataclass(frozen=True)
class Explanation:
    """Why a call of the slow side takes as many times as long as one of the fast side.

    Attributes:
        ratio: Time of a call of the slow side over that of the fast side, measured.
        of: What is compared: ``device time``, ``host time``, or ``elapsed time`` on the GPU with its gaps.
        factors: Factors whose product is `ratio`.
        sentences: Three to six statements, largest factor first, after one that says what is compared.
        slow: The side that is asked about.
        fast: The side that it is compared with.
        claims: The statements about single factors with what to try and what to expect of it.
        notes: What is not known, and other things to bear in mind.
        spread: Factor by which the times that it rests on may be off, by the confidence interval of their ratio; 1
            where they were recorded, and nothing is known of that.
    """

    ratio: float
    of: str
    factors: tuple[Factor, ...]
    sentences: tuple[str, ...]
    slow: Side
    fast: Side
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]
    spread: float = 1.0


def explain(
    trace: Trace,
    slow: str | None = None,
    fast: str | None = None,
    *,
    other: Trace | None = None,
    pass_: str | None = None,
    roofs: Roofs | None = None,
    elapsed: bool = False,
    found: Passes | None = None,
    undisturbed_us: tuple[float, float] | None = None,
) -> Explanation:
    """Explain why one convolution or matrix product takes longer than another, or than itself in another run.

    Args:
        trace: The trace.
        slow: Name of a layer, or an operator with its shapes as ``profiler-kit selection`` shows them. By default the
            layer that the trace's recorder has compared, where it notes that, or else the convolution with most time;
            with `other`, what takes most time of what both traces have.
        fast: Likewise, what it is compared with: by default what the recorder has compared `slow` with, or else the
            matrix product with most time; with `other`, the same as `slow` in that trace.
        other: Another trace to take the fast side from.
        pass_: Look only at this pass: ``forward``, ``dgrad``, ``wgrad`` or ``backward``. By default forward where
            there is one.
        roofs: What the machine can do at best; by default what the trace tells
            (:func:`profiler_kit.analysis.ledger.roofs.roofs_of`).
        elapsed: Compare the time from the first start to the last end of what a call launches, with the gaps, instead
            of the device time.
        found: What :func:`profiler_kit.analysis.passes.passes.passes` returned for `trace`, if it was asked before.
        undisturbed_us: Times of a call of either side without the profiler, in µs, if they were measured too; on a CPU
            the ledger is about these. By default those that the trace notes, if it notes both.

    Raises:
        ProblemNotFoundError: A name is not found (the nearest ones are suggested), or there is nothing to compare.
    """
    first = sides_of(trace, roofs or roofs_of(trace), found=found)
    if other is None:
        row, other_row = rows_to_compare(first, slow, fast, pass_)
        return explain_sides(first.side(row), first.side(other_row), elapsed=elapsed, undisturbed_us=undisturbed_us)
    second = sides_of(other, roofs or roofs_of(other))
    name, counterpart = slow or fast, fast or slow
    if name is None or counterpart is None:
        row, other_row = rows_in_both(first, second, pass_)
    else:
        row = row_named(first, name, pass_)
        other_row = row_named(second, counterpart, pass_, prefer=first.side(row).pass_)
    return explain_sides(first.side(row), second.side(other_row), elapsed=elapsed, undisturbed_us=undisturbed_us)


def explain_unasked(sides: Sides) -> Explanation | None:
    """Explain what `explain` does without names, if there is something to explain.

    Returns:
        None if the trace does not have both, or the convolution's calls are no slower.
    """
    try:
        row, other_row = rows_to_compare(sides)
        found = explain_sides(sides.side(row), sides.side(other_row))
    except ProblemNotFoundError:
        return None
    return found if found.ratio > 1 else None


def explain_sides(
    slow: Side, fast: Side, *, elapsed: bool = False, undisturbed_us: tuple[float, float] | None = None
) -> Explanation:
    """Explain the ratio of two sides.

    Args:
        slow: The side that is asked about.
        fast: The side that it is compared with.
        elapsed: See :func:`explain`.
        undisturbed_us: Likewise.

    Raises:
        ProblemNotFoundError: A side took no time, or one is on a GPU and the other on a host.
    """
    for side in (slow, fast):
        if not side.device_us > 0:
            raise ProblemNotFoundError(side.source, f"{side.name} took no time that could be explained")
    if slow.of != fast.of:
        raise ProblemNotFoundError(fast.source, f"its times are {fast.of}, those of {slow.source} are {slow.of}")
    if undisturbed_us is not None and slow.of == "host time":
        slow, fast = without_recording(slow, undisturbed_us[0]), without_recording(fast, undisturbed_us[1])
    elif slow.undisturbed is not None and fast.undisturbed is not None:
        slow, fast = as_noted(slow, slow.undisturbed), as_noted(fast, fast.undisturbed)
    factors, unknown = factors_of(slow, fast, elapsed=elapsed)
    claims = claims_of(slow, fast, factors)
    return Explanation(
        ratio=time_us(slow, elapsed=elapsed) / time_us(fast, elapsed=elapsed),
        of="elapsed time" if elapsed and slow.elapsed_us and fast.elapsed_us else slow.of,
        factors=factors,
        sentences=(headline(slow, fast, elapsed=elapsed), *(claim.text for claim in claims)),
        slow=slow,
        fast=fast,
        claims=claims,
        notes=(*unknown, *_gaps(slow, fast, elapsed=elapsed), *_notes(slow, fast)),
    )


def _gaps(slow: Side, fast: Side, *, elapsed: bool) -> list[str]:
    """Say what gaps would add, where they are left out."""
    if elapsed or not slow.elapsed_us or not fast.elapsed_us:
        return []
    times = against(*(time_text(side.elapsed_us or 0) for side in (slow, fast)))
    return [f"Gaps between a call's kernels are left out; from first start to last end it takes {times} (--elapsed)."]


def _notes(slow: Side, fast: Side) -> list[str]:
    notes = []
    if slow.executed_flops is not None:
        notes.append("Kernels were replayed to read hardware counters: times of this trace mean nothing.")
    if slow.of == "host time":
        notes.append(_about_host_times(slow, fast))
        if slow.main is None or fast.main is None:
            notes.append("What oneDNN and MKL ran was not recorded; pk.profile(…, cpu_kernels=True) does.")
    doubts = (side.undisturbed.doubt for side in (slow, fast) if side.undisturbed is not None)
    notes += [f"What was measured without the profiler is in doubt: {doubt}." for doubt in doubts if doubt]
    told = (_of_primitives(side) for side in (slow, fast) if side.recorded_us is not None)
    notes += [text for text in told if text]
    machines = [f"{side.roofs.name or 'device not known'}" for side in (slow, fast)]
    if machines[0] != machines[1]:
        notes.append(f"Not the same machine: {machines[0]} against {machines[1]}.")
    notes += [
        f"{side.name} runs {side.algorithm.replace('_', ' ')}, which does fewer operations than the direct count has."
        for side in (slow, fast)
        if side.algorithm in _FEWER_OPERATIONS
    ]
    once = [side.name for side in (slow, fast) if side.calls == 1]
    notes += [f"{name} was called once: a first call may hold work that later ones don't." for name in once]
    return list(dict.fromkeys(notes))


def _about_host_times(slow: Side, fast: Side) -> str:
    if slow.recorded_us is None or fast.recorded_us is None:
        return (
            "No GPU activity in the trace: times are the operators' host time, with everything inside them, and with "
            "what recording them cost, which for calls below 1 ms is much of it."
        )
    recorded = against(time_text(slow.recorded_us), time_text(fast.recorded_us))
    if slow.own_recording or fast.own_recording:
        return (
            "Times of a call are those without the profiler; those of kernels are what the libraries report, in a "
            f"recording of these forward calls alone, made for the ledger (there, a call took {recorded})."
        )
    return (
        "Times of a call are those without the profiler, and those of kernels what the libraries report, both measured "
        f"beside this trace and noted in it (recorded in it, with the profiler, a call took {recorded})."
    )


def _of_primitives(side: Side) -> str | None:
    """Say where a call is too short for what its library reports."""
    if side.parts_us["helper"] > 0 or side.main is None:
        return None
    return (
        f"{side.name}: what its library reports is longer than the call without recording, "
        f"{time_text(side.device_us)}, so all of that is taken to be its kernels."
    )
