"""The main loop of a kernel: how many steps along K it takes, and what a step takes.

CUTLASS's convolutions go along K filter position by filter position: a step never holds channels of two, so that few
channels leave it partly empty (``implicit_gemm_k_iterations`` in its ``conv2d_problem_size.h``: R·S·ceil(C / tile K)
for fprop, R·S·ceil(K / tile K) for dgrad, ceil(N·P·Q / tile K) for wgrad).

Where a grid is so small that every SM has one tile at most, a kernel lasts as long as one tile's loop, and the time of
a step tells whether what the ledger does not explain lies within the loop, or in how often it runs. A tile's start
(the first loads, which nothing hides) and its end (the result's way out) are part of that time, so that a step of a
short loop seems to take longer than the same step of a long one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from profiler_kit.analysis.ledger.gemm_tiles import tile_depth
from profiler_kit.analysis.ledger.ledger_words import against, multiple
from profiler_kit.analysis.ledger.problem_sides import Side
from profiler_kit.analysis.passes.backward_split import WGRAD

_BY_FILTER_POSITION: Final = re.compile(r"cutlass\w*?(?:fprop|dgrad)_(?:optimized|analytic)_")
"""Its iterators for few and for fixed channels have names of their own; other generators' order is not published."""


@dataclass(frozen=True)
class Step:
    """One step along K.

    Attributes:
        us: Its time in µs: the kernel's by the number of steps, so that start and end are spread over them.
        count: Steps of a tile.
        depth: Products that it adds to each value of the tile.
        rows: Height of the tile.
        columns: Width of the tile.
    """

    us: float
    count: int
    depth: int
    rows: int
    columns: int


def step_filling(side: Side, padded: float) -> tuple[float | None, str]:
    """Return by how much partly empty steps lengthen the main loop, at least 1, and why; None if not known.

    Args:
        side: The side.
        padded: Factor by which padded channels lengthen K.
    """
    main = side.main
    depth = None if main is None else tile_depth(main.identity.tile)
    if main is None or main.gemm is None or depth is None:
        return None, "the main kernel's name does not tell them"
    weight, length = side.problem.weight_shape or (), round(main.gemm.k * padded)
    taps = prod(weight[2:]) if side.is_convolution and side.pass_ != WGRAD else 1
    held = length // taps
    steps = ceil(held / depth)
    if taps == 1 or held % depth == 0:
        return steps * depth / held, f"K {length} in {taps * steps} steps of {depth}"
    if side.problem.groups != 1 or not _BY_FILTER_POSITION.search(main.identity.name):
        return None, "in which order the main kernel goes along K is not known"
    words = (
        f"a step of {depth} along K stays within one filter position and holds {held} channels: {taps * steps} steps"
    )
    return steps * depth / held, words


def main_loop_step(side: Side, padded: float) -> Step | None:
    """Return a step of the main kernel's loop; None where SMs have several tiles, or its steps are not known.

    Args:
        side: The side.
        padded: Factor by which padded channels lengthen K.
    """
    main, sms = side.main, side.roofs.sm_count
    if main is None or main.tiling is None or main.gemm is None or sms is None or main.tiling.tiles > sms:
        return None
    depth, filling = tile_depth(main.identity.tile), step_filling(side, padded)[0]
    if (
        depth is None
        or filling is None
        or main.tiling.tiles != main.tiling.tiles_m * main.tiling.tiles_n * main.gemm.batches
    ):
        return None
    count = ceil(main.gemm.k * padded * filling / depth)
    return Step(main.us / count, count, depth, main.tiling.rows, main.tiling.columns) if count else None


def steps_evidence(slow: Side, fast: Side, slow_padded: float, fast_padded: float) -> list[str]:
    """Say what a step takes on both sides, and whether both multiply equally much in it; nothing if not known."""
    first, second = main_loop_step(slow, slow_padded), main_loop_step(fast, fast_padded)
    if first is None or second is None:
        return []
    told = [
        f"{one.us:.2f} µs for each of {one.count} steps of {one.depth} along K in a tile of {one.rows}×{one.columns}"
        for one in (first, second)
    ]
    if first.rows * first.columns * first.depth != second.rows * second.columns * second.depth:
        return [against(*told)]
    alike = f"equally many products in a step, which takes {multiple(first.us / second.us)} the time"
    if first.count != second.count:
        alike += f" with a tile's start and end shared by {first.count} steps against {second.count}"
    return [against(*told), alike]
