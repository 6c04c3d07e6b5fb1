"""What one step of a kernel's main loop takes, where its grid is so small that every SM has one tile at most.

A kernel then lasts as long as one tile's loop along K, and the time of a step tells whether what the ledger does not
explain lies within the loop, or in how often it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from profiler_kit.analysis.ledger.gemm_tiles import tile_depth
from profiler_kit.analysis.ledger.ledger_words import against
from profiler_kit.analysis.ledger.problem_sides import Side


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


def main_loop_step(side: Side, padded: float) -> Step | None:
    """Return a step of the main kernel's loop; None where SMs have several tiles, or the tile's depth is not known.

    Args:
        side: The side.
        padded: Factor by which padded channels lengthen K.
    """
    main, sms = side.main, side.roofs.sm_count
    if main is None or main.tiling is None or main.gemm is None or sms is None or main.tiling.tiles > sms:
        return None
    depth = tile_depth(main.identity.tile)
    if depth is None or main.tiling.tiles != main.tiling.tiles_m * main.tiling.tiles_n * main.gemm.batches:
        return None
    count = ceil(main.gemm.k * padded / depth)
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
    return [against(*told), "equally many products in a step, so the loss lies within the main loop"]
