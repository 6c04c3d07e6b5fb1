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
from math import ceil, prod
from typing import Final

from profiler_kit.analysis.ledger.gemm_tiles import rounds
from profiler_kit.analysis.ledger.ledger_words import against, scaled, time_text
from profiler_kit.analysis.ledger.main_loop import step_filling, steps_evidence
from profiler_kit.analysis.ledger.problem_sides import MainKernel, Side
from profiler_kit.analysis.passes.backward_split import DGRAD, WGRAD
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

_PADS_FILTERS: Final = frozenset({DGRAD, WGRAD})
_PADS_CHANNELS: Final = frozenset({"forward", WGRAD})


_WIDEST_ALIGNMENT: Final = 16
"""Elements of 8 bits in the 16 bytes that tensor-core kernels load at once; wider types align to fewer."""

_MEASURED_TWICE: Final = 1.05
"""Two sound measurements of a rate may differ by this factor."""


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


@dataclass(frozen=True)
class Component:
    """What one side contributes to a factor: a multiple of its time, and the words for it; None if not known."""

    value: float | None
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


def main_us(side: Side) -> float:
    """Return the time of a call's main kernels; all of it where none is recognised."""
    return side.parts_us[MAIN] or side.device_us


def useful_flops(side: Side) -> Component:
    """Useful FLOPs of a call."""
    if side.flops is None and side.problem.input_shape is None:
        return Component(None, "shapes were not recorded (record_shapes=True records them)")
    if side.flops is None:
        return Component(None, "shapes were recorded, but not everything that the output's size depends on")
    return Component(float(side.flops), f"{scaled(side.flops)}FLOP by the shapes")


def channel_padding(side: Side) -> Component:
    """Multiplications with channels that a kernel's alignment adds, for each one that is asked for."""
    if not side.is_convolution:
        return Component(1.0, "no channels to pad in a matrix product")
    main, weight = side.main, side.problem.weight_shape
    if main is None or weight is None or len(weight) < 2:
        return Component(None, "no kernel's name tells")
    if main.identity.algorithm == "first_layer":
        return Component(1.0, "a kernel made for few channels")
    aligned = main.identity.alignment
    if aligned is None:
        if main.identity.tensor_cores == "no":
            return Component(1.0, "no tensor cores, no alignment")
        groups = side.problem.groups or 1
        if weight[0] // groups % _WIDEST_ALIGNMENT == weight[1] % _WIDEST_ALIGNMENT == 0:
            return Component(1.0, f"channels and filters are multiples of {_WIDEST_ALIGNMENT}")
        return Component(None, "the main kernel's name has no alignment")
    return _padded(side, weight, aligned)


def _padded(side: Side, weight: tuple[int, ...], aligned: int) -> Component:
    groups, taps = side.problem.groups or 1, prod(weight[2:])
    # A transposed convolution's weight is (C, K / groups, …): its forward pass sums over C as a dgrad does over K.
    filters, channels = weight[0] // groups, weight[1]
    pass_ = side.pass_
    if side.problem.transposed:
        pass_ = {"forward": DGRAD, DGRAD: "forward"}.get(pass_, pass_)
    value, words = 1.0, []
    for what, size, pads in (
        ("channels", channels, pass_ in _PADS_CHANNELS),
        ("filters", filters, pass_ in _PADS_FILTERS),
    ):
        whole = ceil(size / aligned) * aligned
        if pads and size and whole != size:
            value *= whole / size
            sums = f": K {size * taps} → {whole * taps}" if pass_ != WGRAD else ""
            words.append(f"align{aligned} pads {size} {'input ' * (what == 'channels')}{what} to {whole}{sums}")
    return Component(value, ", ".join(words) or f"align{aligned} pads nothing")


def partly_empty_steps(side: Side) -> Component:
    """Steps of the main loop, for each one that full steps would need."""
    padded = channel_padding(side).value
    if padded is None:
        return Component(None, "padding is not known")
    return Component(*step_filling(side, padded))


def algorithm_inflation(side: Side) -> Component:
    """FLOPs that were executed, as hardware counters say, for each useful one."""
    if side.executed_flops is None or side.flops is None:
        return Component(None, "no hardware counters")
    counted = f"{scaled(side.executed_flops)}FLOP executed by the counters for {scaled(side.flops)}FLOP"
    return Component(side.executed_flops / side.flops, counted)


def tile_quantization(side: Side) -> Component:
    """Values of the result that tiles compute, for each one that is asked for."""
    main = side.main
    if main is None or main.tiling is None or main.gemm is None:
        return Component(None, _why_no_tiling(main))
    laid, gemm = main.tiling, main.gemm
    tile = f"tile {laid.rows}×{laid.columns}"
    covered = f"{laid.tiles_m * laid.rows}×{laid.tiles_n * laid.columns}"
    return Component(laid.quantization, f"{tile} covers {gemm.m}×{gemm.n} with {covered}")


def _why_no_tiling(main: MainKernel | None) -> str:
    if main is None or main.ctas is None:
        return "no kernel with a grid"
    if main.gemm is None:
        return "the main kernel runs no matrix product whose size is known"
    if main.identity.tile is None:
        return "the main kernel's name has no tile"
    return f"tile {main.identity.tile} does not fit its grid of {main.ctas} CTAs"


def arithmetic_unit(side: Side) -> Component:
    """Seconds that the unit used takes for one FLOP at best."""
    if side.roofs.kind == "cpu" and side.of == "host time":
        peak = side.roofs.peak("fp32" if side.problem.dtype == "float32" else None)
        if peak is None:
            return Component(None, "no measured peak of this CPU for the type")
        return Component(1 / peak, f"{scaled(peak)}FLOP/s fp32 measured")
    unit = None if side.main is None else side.main.unit
    if unit is None:
        return Component(None, "the main kernel's name does not tell the unit")
    peak = side.roofs.peak(unit)
    if peak is None:
        return Component(None, f"peak of {unit} not known (--device, or --peak-flops and --bandwidth)")
    return Component(1 / peak, f"{unit.replace('_', ' ')}, {scaled(peak)}FLOP/s at best")


def threads(side: Side) -> Component:
    """Share of the work of one thread, if work is split evenly."""
    count = side.roofs.threads
    if count is None:
        return Component(None, "not recorded")
    if side.roofs.peak("fp32") is not None and side.problem.dtype == "float32":
        return Component(1.0, f"{count} threads, part of the measured rate")
    return Component(1 / count, f"{count} threads")


def fill_of_machine(side: Side) -> Component:
    """Time for each second in which all SMs would be busy."""
    main = side.main
    if main is None or main.fill is None or main.ctas is None:
        return Component(None, "CTAs or SMs not known")
    sms = side.roofs.sm_count
    ctas = main.tiling.tiles if main.tiling else main.ctas
    used = f"fill {main.fill:.0%}" + (f" in {_turns(ctas, main.ctas, sms)}" if sms else "")
    evidence = f"{ctas} CTAs{_origin(main)} for {sms} {side.roofs.processors}: {used}"
    return Component(1 / main.fill, evidence)


def _turns(work: int, launched: int, sms: int) -> str:
    """Say in how many turns the SM with most work runs it: waves, unless a smaller grid than the machine goes round."""
    turns = rounds(work, launched, sms)
    if turns == ceil(work / sms):
        return f"{turns} wave{'s'[: turns != 1]}"
    return f"{turns} rounds of a grid of {launched}"


def _origin(main: MainKernel) -> str:
    """Say how a number of CTAs comes about."""
    laid, gemm = main.tiling, main.gemm
    if laid is None or gemm is None:
        return ""
    count = f" = ceil({gemm.m}/{laid.rows})·ceil({gemm.n}/{laid.columns})"
    more = laid.tiles // (laid.tiles_m * laid.tiles_n)
    times = f"·{more}" if more > 1 else ""
    return f"{count}{times}" + (f" (grid of {laid.launched})" if laid.tiles != laid.launched else "")


def memory_bound(side: Side) -> Component:
    """Time that memory needs at least, for each second of the arithmetic; 1 where arithmetic takes longer.

    Not known where the main kernels took less than that: a cache held some of the bytes, and nothing tells how many.
    """
    unit, work = arithmetic_unit(side).value, useful_flops(side).value
    bandwidth = None if side.bytes is None else side.roofs.bandwidth_for(side.bytes)
    if bandwidth is None or unit is None or work is None or side.bytes is None:
        return Component(None, "bandwidth, peak or bytes not known")
    padded = (channel_padding(side).value or 1.0) * (partly_empty_steps(side).value or 1.0)
    quantized = tile_quantization(side).value or 1.0
    arithmetic_s = work * padded * quantized * unit * (fill_of_machine(side).value or 1.0)
    memory_s = side.bytes / bandwidth
    moved = f"{scaled(side.bytes)}B at {scaled(bandwidth)}B/s take {time_text(memory_s * 1e6)}"
    if memory_s > arithmetic_s and memory_s * 1e6 > main_us(side) * _MEASURED_TWICE:
        took = f"the main kernels took {time_text(main_us(side))}, so a cache held some of them or the peak is too low"
        return Component(None, f"{moved} by the peak, but {took}")
    evidence = f"{moved}, the arithmetic {time_text(arithmetic_s * 1e6)}"
    return Component(max(1.0, memory_s / arithmetic_s), evidence)


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


def roof_us(side: Side) -> float | None:
    """Return the least time that the main kernels' work can take by the factors before the rest; None if not known."""
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
    roofs, doubt = [roof_us(side) for side in (slow, fast)], []
    if slow.executed_flops is None and roofs[0] is not None and roofs[1] is not None:
        shares = [us / main_us(side) for us, side in zip(roofs, (slow, fast), strict=True) if us is not None]
        timed = [f"{text}, at {share:.0%} of the roof" for text, share in zip(timed, shares, strict=True)]
        if max(shares) > _MEASURED_TWICE:
            doubt = ["above its roof: the peaks are too low, as those measured on a busy machine are"]
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
