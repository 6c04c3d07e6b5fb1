"""A convolution as the matrix product that implicit-GEMM kernels run, and how a kernel's tiles cover it.

Sources: CUTLASS's guide to implicit GEMM convolution (dimensions by pass) and its ``threadblock_swizzle.h`` (grids);
NVIDIA's Deep Learning Performance guide for matrix multiplication (tile and wave quantization).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from profiler_kit.analysis.passes.backward_split import DGRAD, WGRAD
from profiler_kit.analysis.problems.problem_shapes import Problem

_SWIZZLES: Final = (1, 2, 4, 8, 16)
"""Tiles that neighbouring CTAs share along one side; CUTLASS rounds the grid up to a multiple of it."""


@dataclass(frozen=True)
class GemmShape:
    """A matrix product of ``batches`` times M × N × K.

    Attributes:
        m: Rows of the result.
        n: Columns of the result.
        k: Length of each dot product.
        batches: Products of this size: groups of a convolution, matrices of a batched product.
    """

    m: int
    n: int
    k: int
    batches: int = 1

    @property
    def flops(self) -> int:
        """FLOPs of the whole product."""
        return 2 * self.batches * self.m * self.n * self.k


def gemm_shape(problem: Problem, pass_: str, *, convolution: bool) -> GemmShape | None:
    """Return the matrix product that computes a problem's pass; None if its shapes are not known.

    Forward (fprop): M = N·P·Q, N = K, K = R·S·C; dgrad: M = N·H·W, N = C, K = R·S·K; wgrad: M = K, N = R·S·C,
    K = N·P·Q, each by group. A transposed convolution swaps the roles of forward and dgrad.

    Args:
        problem: The problem.
        pass_: ``forward``, ``dgrad`` or ``wgrad``; of a matrix product any, since it is one product whatever it is for.
        convolution: Whether it is one.
    """
    first, weight, output = problem.input_shape, problem.weight_shape, problem.output_shape
    if first is None or weight is None or output is None or not output or not first:
        return None
    if not convolution:
        if len(weight) > 2 and len(output) > 2:
            return GemmShape(output[-2], output[-1], first[-1], prod(output[:-2]))
        return GemmShape(prod(output[:-1]), output[-1] if len(weight) > 1 else 1, first[-1])
    groups, taps = problem.groups or 1, prod(weight[2:])
    spatial = len(weight) - 2
    if spatial < 1 or len(first) <= spatial or len(output) <= spatial:
        return None
    batch = prod(first[: -spatial - 1])
    inside, outside = batch * prod(first[-spatial:]), batch * prod(output[-spatial:])
    if problem.transposed:
        # The input is the output's gradient of the convolution that this one reverses.
        inside, outside = outside, inside
        pass_ = {"forward": DGRAD, DGRAD: "forward"}.get(pass_, pass_)
    filters, channels = weight[0] // groups, weight[1]
    shapes = {
        "forward": GemmShape(outside, filters, taps * channels, groups),
        DGRAD: GemmShape(inside, channels, taps * filters, groups),
        WGRAD: GemmShape(filters, taps * channels, outside, groups),
    }
    return shapes.get(pass_)


@dataclass(frozen=True)
class Tiling:
    """How a kernel's tiles cover a matrix product.

    Attributes:
        rows: Size of a tile along M.
        columns: Size of a tile along N.
        tiles_m: Tiles along M.
        tiles_n: Tiles along N.
        tiles: CTAs' worth of work: tiles of all batches, times the parts that K is split into.
        quantization: Computed values of the result over values that are asked for, at least 1.
        launched: CTAs of the grid; more than `tiles` where the grid is rounded up, fewer where CTAs take several.
    """

    rows: int
    columns: int
    tiles_m: int
    tiles_n: int
    tiles: int
    quantization: float
    launched: int


def tile_sides(tile: str | None) -> tuple[int, int] | None:
    """Return M and N of a tile as names write it, ``256x64x32``."""
    sides = (tile or "").split("x")
    return (int(sides[0]), int(sides[1])) if len(sides) >= 2 and all(side.isdigit() for side in sides[:2]) else None


def tile_depth(tile: str | None) -> int | None:
    """Return the step along K of a tile as names write it, ``256x64x32``; None if it names none."""
    sides = (tile or "").split("x")
    return int(sides[2]) if len(sides) > 2 and sides[2].isdigit() and int(sides[2]) else None


def tiling(shape: GemmShape, tile: tuple[int, int], grid: tuple[int, int, int]) -> Tiling | None:
    """Find how tiles cover a product, as the grid confirms it; None if the grid fits neither way of laying them.

    Names give a tile without saying which side lies along M. Libraries that think in columns swap them, so both are
    tried against the grid.
    """
    fitting, laid = [], []
    for rows, columns in dict.fromkeys((tile, tile[::-1])):
        if not rows or not columns or not shape.m or not shape.n:
            continue
        tiles_m, tiles_n = ceil(shape.m / rows), ceil(shape.n / columns)
        parts = _parts(tiles_m, tiles_n, shape.batches, grid)
        quantization = tiles_m * rows * tiles_n * columns / (shape.m * shape.n)
        tiles = tiles_m * tiles_n * shape.batches * (parts or 1)
        laid.append(Tiling(rows, columns, tiles_m, tiles_n, tiles, quantization, prod(grid)))
        if parts is not None:
            fitting.append(laid[-1])
    if fitting:
        return fitting[0]  # if both ways fit the grid, the name's own order is taken
    # Persistent kernels launch fewer CTAs than there are tiles. The grid confirms no way then; a square tile has one.
    return laid[0] if len(laid) == 1 and prod(grid) < laid[0].tiles else None


def _parts(tiles_m: int, tiles_n: int, batches: int, grid: tuple[int, int, int]) -> int | None:
    """Return into how many parts K is split if this grid covers these tiles, None if it does not."""
    x, y, z = grid
    if z % batches and (x * y * z) != tiles_m * tiles_n * batches:
        return None
    for first, second in ((tiles_m, tiles_n), (tiles_n, tiles_m)):
        for swizzle in _SWIZZLES:
            if (x, y) == (first * swizzle, ceil(second / swizzle)):
                return max(z // batches, 1)
    if x * y == tiles_m * tiles_n:
        return max(z // batches, 1)
    return 1 if x * y * z == tiles_m * tiles_n * batches else None


def rounds(work: int, launched: int, sm_count: int) -> int:
    """Return how many tiles, or CTAs, the SM with most work runs in turn.

    That is ceil(work / SMs), the waves, or more where fewer CTAs than SMs take several pieces each in turn, as those of
    persistent kernels do. Arguments as for :func:`fill`.
    """
    return max(ceil(work / sm_count), ceil(work / launched) if launched < min(work, sm_count) else 0)


def fill(work: int, launched: int, sm_count: int) -> float:
    """Return the share of the SMs' time that is used while all CTAs run, 0 to 1 (wave quantization).

    A model: every CTA takes equally long, and an SM works at its rate however many CTAs it holds. The SM with most
    work then has :func:`rounds` of it.

    Args:
        work: Tiles, or CTAs where tiles are not known.
        launched: CTAs of the grid.
        sm_count: SMs of the device.
    """
    return work / (sm_count * rounds(work, launched, sm_count))
