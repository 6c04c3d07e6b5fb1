"""What each side contributes to the time of its main kernels: a multiple for each factor, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from profiler_kit.analysis.ledger.gemm_tiles import rounds
from profiler_kit.analysis.ledger.ledger_words import scaled, time_text
from profiler_kit.analysis.ledger.main_loop import step_filling
from profiler_kit.analysis.ledger.problem_sides import MainKernel, Side
from profiler_kit.analysis.ledger.roofs import cpu_unit
from profiler_kit.analysis.passes.backward_split import DGRAD, WGRAD
from profiler_kit.analysis.passes.kernel_roles import MAIN

_PADS_FILTERS: Final = frozenset({DGRAD, WGRAD})
_PADS_CHANNELS: Final = frozenset({"forward", WGRAD})


_WIDEST_ALIGNMENT: Final = 16
"""Elements of 8 bits in the 16 bytes that tensor-core kernels load at once; wider types align to fewer."""

MEASURED_TWICE: Final = 1.05
"""Two sound measurements of a rate may differ by this factor."""

_AT_THE_ROOF: Final = 0.6
"""Share of the main kernels' time that memory needs at least, from which on they are said to wait for it: what is below
60 % of the peaks is held up by latencies in most cases, says Nsight Compute (its rule SOLBottleneck)."""


@dataclass(frozen=True)
class Component:
    """What one side contributes to a factor: a multiple of its time, and the words for it; None if not known."""

    value: float | None
    evidence: str


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
        unit = cpu_unit(side.problem.dtype)
        peak = side.roofs.peak(unit)
        if peak is None:
            return Component(None, "no measured peak of this CPU for the type")
        return Component(1 / peak, f"{scaled(peak)}FLOP/s {unit} measured")
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
    if side.roofs.peak(cpu_unit(side.problem.dtype)) is not None:
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

    Both are bounds: that memory's is the higher one does not show that the kernels wait for it, which
    :func:`waits_for_memory` tells. Not known where the main kernels took less than that: a cache held some of the
    bytes, and nothing tells how many.
    """
    unit, work = arithmetic_unit(side).value, useful_flops(side).value
    bandwidth, memory_us = _bandwidth(side), least_memory_us(side)
    if bandwidth is None or memory_us is None or unit is None or work is None:
        return Component(None, "bandwidth, peak or bytes not known")
    padded = (channel_padding(side).value or 1.0) * (partly_empty_steps(side).value or 1.0)
    quantized = tile_quantization(side).value or 1.0
    arithmetic_us = work * padded * quantized * unit * (fill_of_machine(side).value or 1.0) * 1e6
    moved = f"{scaled(side.bytes or 0)}B at {scaled(bandwidth)}B/s take {time_text(memory_us)}"
    took = f"the main kernels took {time_text(main_us(side))}"
    if memory_us > arithmetic_us and memory_us > main_us(side) * MEASURED_TWICE:
        return Component(None, f"{moved} by the peak, but {took}, so a cache held some of them or the peak is too low")
    evidence = f"{moved}, the arithmetic {time_text(arithmetic_us)}"
    if memory_us > arithmetic_us and not waits_for_memory(side):
        evidence += f"; {took}, so memory is a bound, and not shown to be what they wait for"
    return Component(max(1.0, memory_us / arithmetic_us), evidence)


def least_memory_us(side: Side) -> float | None:
    """Return the least time that moving a call's bytes once takes, in µs; None if it is not known.

    At the highest bandwidth that is known for so many bytes: on a CPU that of the cache that may hold them.
    """
    bandwidth = _bandwidth(side)
    return None if side.bytes is None or not bandwidth else side.bytes / bandwidth * 1e6


def waits_for_memory(side: Side) -> bool:
    """Tell whether moving their bytes takes so much of the main kernels' time that they are said to wait for it.

    Of kernels that take longer, the times do not tell what they wait for.
    """
    least_us = least_memory_us(side)
    return least_us is not None and least_us >= _AT_THE_ROOF * main_us(side)


def _bandwidth(side: Side) -> float | None:
    return None if side.bytes is None else side.roofs.bandwidth_for(side.bytes)
