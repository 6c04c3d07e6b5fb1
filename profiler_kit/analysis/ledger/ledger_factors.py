"""The time of one call as a product, and the ratio of two such products factor by factor.

time = useful FLOPs × (executed / useful) × 1 / (rate of the unit) × 1 / fill × (memory bound)
× 1 / (remaining efficiency of the main kernels) × (all kernels / main kernels) × (with gaps / without)

All but one of these are known from the trace, from names of kernels or from data sheets. The remaining efficiency is
what they leave: it is shown as unexplained. What is not known on either side is left to it, too, so that the factors
always multiply to the measured ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from profiler_kit.analysis.ledger.ledger_words import against, time_text
from profiler_kit.analysis.ledger.main_loop import steps_evidence
from profiler_kit.analysis.ledger.problem_sides import Side
from profiler_kit.analysis.ledger.side_components import (
    MEASURED_TWICE,
    Component,
    algorithm_inflation,
    arithmetic_unit,
    channel_padding,
    fill_of_machine,
    main_us,
    memory_bound,
    partly_empty_steps,
    threads,
    tile_quantization,
    useful_flops,
)
from profiler_kit.analysis.passes.kernel_roles import BIAS, CAST, LAYOUT_TRANSFORM, MAIN, MEMSET

MEASURED: Final = "measured"
DERIVED: Final = "derived"
MODELLED: Final = "modelled"
UNEXPLAINED: Final = "unexplained"

USEFUL_FLOPS: Final = "useful_flops"
CHANNEL_PADDING: Final = "channel_padding"
STEP_FILLING: Final = "step_filling"
TILE_QUANTIZATION: Final = "tile_quantization"
ARITHMETIC_UNIT: Final = "arithmetic_unit"
THREADS: Final = "threads"
FILL: Final = "fill"
MEMORY_BOUND: Final = "memory_bound"
MAIN_KERNEL_REST: Final = "unexplained"
LAYOUT_TRANSFORMS: Final = "layout_transforms"
CASTS: Final = "casts"
HELPER_KERNELS: Final = "helper_kernels"
DISPATCH: Final = "dispatch_overhead"
MEMSETS: Final = "memsets"
BIAS_KERNELS: Final = "bias_kernels"
LAUNCH_GAPS: Final = "launch_gaps"
ALGORITHM_INFLATION: Final = "algorithm_inflation"


@dataclass(frozen=True)
class Factor:
    """One factor of the ratio.

    Attributes:
        name: Which; one of the constants of this module.
        value: How much longer it makes a call of the slow side, as a multiple; below 1 it favours the slow side.
        kind: `MEASURED` (times of the trace), `DERIVED` (arithmetic on recorded shapes, tokens in names and data
            sheets), `MODELLED` (rests on a model of the machine) or `UNEXPLAINED`.
        evidence: Columns, tokens and figures that it rests on, of both sides.
    """

    name: str
    value: float
    kind: str
    evidence: str


def factors_of(slow: Side, fast: Side, *, elapsed: bool) -> tuple[tuple[Factor, ...], tuple[str, ...]]:
    """Decompose the ratio of two sides' times.

    Args:
        slow: The side whose time is above the line.
        fast: The other side.
        elapsed: Decompose the time from first start to last end of a call, with gaps, instead of the device time.

    Returns:
        The factors, whose product is the ratio, and statements on what is not known.
    """
    known, unknown = [], []
    for name, kind, component in _model(slow, fast):
        sides = component(slow), component(fast)
        factor = _factor(name, kind, *sides)
        if factor is not None:
            known.append(factor)
        else:
            unknown.append(f"{_WORDS[name]}: {_why_unknown(*sides)}.")
    after = _after_main(slow, fast)
    if elapsed and slow.elapsed_us and fast.elapsed_us:
        gaps = [side.elapsed_us / side.device_us for side in (slow, fast) if side.elapsed_us]
        evidence = against(
            *(f"{time_text(side.elapsed_us or 0)} elapsed, {time_text(side.device_us)} busy" for side in (slow, fast))
        )
        after.append(Factor(LAUNCH_GAPS, gaps[0] / gaps[1], MEASURED, evidence))
    ratio = time_us(slow, elapsed=elapsed) / time_us(fast, elapsed=elapsed)
    rest = ratio / prod(factor.value for factor in (*known, *after))
    left = Factor(MAIN_KERNEL_REST, rest, UNEXPLAINED, _rest_evidence(slow, fast))
    return (*known, left, *after), tuple(unknown)


def time_us(side: Side, *, elapsed: bool) -> float:
    """Return the time of one call that is compared, in µs."""
    return side.elapsed_us if elapsed and side.elapsed_us else side.device_us


_Model = Sequence[tuple[str, str, Callable[[Side], Component]]]

_ON_GPU: Final[_Model] = (
    (USEFUL_FLOPS, DERIVED, useful_flops),
    (CHANNEL_PADDING, DERIVED, channel_padding),
    (STEP_FILLING, DERIVED, partly_empty_steps),
    (TILE_QUANTIZATION, DERIVED, tile_quantization),
    (ARITHMETIC_UNIT, DERIVED, arithmetic_unit),
    (FILL, MODELLED, fill_of_machine),
    (MEMORY_BOUND, MODELLED, memory_bound),
)
_COUNTED: Final[_Model] = (
    (USEFUL_FLOPS, DERIVED, useful_flops),
    (ALGORITHM_INFLATION, MEASURED, algorithm_inflation),
    (ARITHMETIC_UNIT, DERIVED, arithmetic_unit),
    (FILL, MODELLED, fill_of_machine),
)
"""Where hardware counters say what was executed, padding and tiles are part of that."""

_ON_HOST: Final[_Model] = (
    (USEFUL_FLOPS, DERIVED, useful_flops),
    (ARITHMETIC_UNIT, MEASURED, arithmetic_unit),
    (THREADS, MODELLED, threads),
    (MEMORY_BOUND, MODELLED, memory_bound),
)
"""Factors of the main kernels' time, in the order of the product."""

_WORDS: Final = {
    USEFUL_FLOPS: "Useful FLOPs are not known",
    CHANNEL_PADDING: "Padding of channels is not known",
    STEP_FILLING: "Fill of the main loop's steps is not known",
    TILE_QUANTIZATION: "Cover of the result by tiles is not known",
    ARITHMETIC_UNIT: "Rate of the arithmetic unit is not known",
    THREADS: "Number of threads is not known",
    ALGORITHM_INFLATION: "Executed FLOPs are not known",
    FILL: "Fill of the machine is not known",
    MEMORY_BOUND: "Whether memory limits it is not known",
}


def _model(slow: Side, fast: Side) -> _Model:
    """Return the factors that can be asked for."""
    if slow.executed_flops is not None and fast.executed_flops is not None:
        return _COUNTED
    return _ON_GPU if slow.of == "device time" else _ON_HOST


def _factor(name: str, kind: str, slow: Component, fast: Component) -> Factor | None:
    """Make one factor; None if a side does not know its part."""
    if slow.value is None or fast.value is None or fast.value <= 0 or slow.value <= 0:
        return None
    return Factor(name, slow.value / fast.value, kind, against(slow.evidence, fast.evidence))


def _why_unknown(slow: Component, fast: Component) -> str:
    why = dict.fromkeys(side.evidence for side in (slow, fast) if side.value is None or side.value <= 0)
    return " / ".join(why)


def _after_main(slow: Side, fast: Side) -> list[Factor]:
    """Return the factors of everything that runs besides the main kernels: each adds its time to what came before."""
    helper = HELPER_KERNELS if slow.of == "device time" else DISPATCH
    # Where no main kernel is recognised there is nothing that these could be measured against.
    if not (slow.parts_us[MAIN] and fast.parts_us[MAIN]):
        return []
    found = []
    until = [slow.parts_us[MAIN], fast.parts_us[MAIN]]
    for name, part in (
        (LAYOUT_TRANSFORMS, LAYOUT_TRANSFORM),
        (CASTS, CAST),
        (helper, "helper"),
        (MEMSETS, MEMSET),
        (BIAS_KERNELS, BIAS),
    ):
        added = [side.parts_us[part] for side in (slow, fast)]
        grown = [(before + more) / before for before, more in zip(until, added, strict=True)]
        until = [before + more for before, more in zip(until, added, strict=True)]
        if any(added):
            shares = zip(added, (slow, fast), strict=True)
            more = _of_tensors if part == CAST else _nothing_more
            evidence = against(*(f"{time_text(us)} of {time_text(side.device_us)}{more(side)}" for us, side in shares))
            found.append(Factor(name, grown[0] / grown[1], MEASURED, evidence))
    return found


def _nothing_more(_side: Side) -> str:
    return ""


def _of_tensors(side: Side) -> str:
    """Say which tensors most of the time of a call's casts goes to."""
    much = [cast for cast in side.casts if cast.us > side.parts_us[CAST] / 10]
    words = [f"{time_text(cast.us)} the {cast.tensor}{f' to {cast.dtype}' if cast.dtype else ''}" for cast in much]
    return f" ({', '.join(words)})" if words else ""


def ceiling_us(side: Side) -> float | None:
    """Return the least time that the main kernels' work can take by the factors before the rest; None if not known.

    Padding, tiles and fill count. The roof of :mod:`.roofline` is that of useful work on the whole machine, and higher.
    """
    parts = [component(side).value for name, _, component in _model(side, side) if name != ALGORITHM_INFLATION]
    known = [part for part in parts if part is not None]
    enough = all(component(side).value is not None for component in (useful_flops, arithmetic_unit))
    return prod(known) * 1e6 if enough else None


def _rest_evidence(slow: Side, fast: Side) -> str:
    timed = [time_text(main_us(side)) for side in (slow, fast)]
    if slow.of == "host time":
        timed = [f"{_implementation(side)} {us}" for side, us in zip((slow, fast), timed, strict=True)]
    else:
        timed[0] = f"main kernels {timed[0]}"
    ceilings, doubt = [ceiling_us(side) for side in (slow, fast)], []
    if slow.executed_flops is None and ceilings[0] is not None and ceilings[1] is not None:
        shares = [us / main_us(side) for us, side in zip(ceilings, (slow, fast), strict=True) if us is not None]
        timed = [f"{text}, at {share:.0%} of the ceiling" for text, share in zip(timed, shares, strict=True)]
        if max(shares) > MEASURED_TWICE:
            doubt = ["above the ceiling: the peaks are too low, as those measured on a busy machine are"]
    return "; ".join((against(*timed), *doubt, *_steps(slow, fast), "what the factors before it leave"))


def _steps(slow: Side, fast: Side) -> list[str]:
    padded = channel_padding(slow).value, channel_padding(fast).value
    return [] if None in padded else steps_evidence(slow, fast, padded[0] or 1.0, padded[1] or 1.0)


def _implementation(side: Side) -> str:
    """Name what does the main work on the CPU."""
    if side.main is None:
        return "the operator"
    # Names of oneDNN begin with the primitive and its implementation, see `host_work.primitive_names`.
    return " ".join(side.main.identity.name.split(",")[:2])
