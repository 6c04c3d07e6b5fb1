"""The matrix products of convolutions, their tiles and the fill of the machine, against independent counts."""

from __future__ import annotations

import heapq
from itertools import product
from types import SimpleNamespace

import pytest

from profiler_kit.analysis.ledger.gemm_tiles import GemmShape, Tiling, fill, gemm_shape, rounds, tile_sides, tiling
from profiler_kit.analysis.ledger.problem_sides import MainKernel
from profiler_kit.analysis.ledger.roofs import Roofs
from profiler_kit.analysis.ledger.side_components import fill_of_machine
from profiler_kit.analysis.problems.flops import convolution_flops, transposed_convolution_flops
from profiler_kit.analysis.problems.problem_shapes import Problem
from profiler_kit.kernels import identify


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("weight", "output"), [((8, 6, 3), (2, 8, 7)), ((8, 6, 3, 5), (2, 8, 7, 9))])
def test_forward_and_wgrad_are_the_direct_count(groups: int, weight: tuple[int, ...], output: tuple[int, ...]) -> None:
    problem = Problem(
        input_shape=(2, weight[1] * groups, *(2 * size for size in output[2:])), weight_shape=weight,
        output_shape=output, groups=groups, transposed=False,
    )  # fmt: skip
    for pass_ in ("forward", "wgrad"):
        shape = gemm_shape(problem, pass_, convolution=True)
        assert shape is not None
        assert shape.flops == convolution_flops(weight, output)


def test_strided_dgrad_multiplies_zeros_between_the_strides() -> None:
    stride = 2
    problem = Problem(
        input_shape=(2, 6, 14, 18), weight_shape=(8, 6, 3, 3), output_shape=(2, 8, 7, 9), groups=1, transposed=False
    )
    shape = gemm_shape(problem, "dgrad", convolution=True)
    assert shape is not None
    assert (shape.m, shape.n, shape.k) == (2 * 14 * 18, 6, 3 * 3 * 8)
    assert shape.flops == stride**2 * convolution_flops((8, 6, 3, 3), (2, 8, 7, 9))


def test_a_transposed_convolution_runs_dgrad_forward() -> None:
    problem = Problem(
        input_shape=(2, 8, 7, 9), weight_shape=(8, 6, 3, 3), output_shape=(2, 6, 9, 11), groups=1, transposed=True
    )
    forward, dgrad = (gemm_shape(problem, pass_, convolution=True) for pass_ in ("forward", "dgrad"))
    assert forward is not None
    assert dgrad is not None
    assert (forward.m, forward.n, forward.k) == (2 * 9 * 11, 6, 3 * 3 * 8)
    assert dgrad.flops == transposed_convolution_flops((8, 6, 3, 3), (2, 8, 7, 9))


def test_products_batched_or_not() -> None:
    linear = Problem(input_shape=(4, 197, 768), weight_shape=(3072, 768), output_shape=(4, 197, 3072))
    batched = Problem(input_shape=(7, 3, 4), weight_shape=(7, 4, 5), output_shape=(7, 3, 5))
    assert gemm_shape(linear, "forward", convolution=False) == GemmShape(788, 3072, 768)
    assert gemm_shape(batched, "forward", convolution=False) == GemmShape(3, 5, 4, 7)
    assert gemm_shape(Problem(), "forward", convolution=False) is None


@pytest.mark.parametrize(
    ("shape", "tile", "grid", "expected"),
    [
        # The convolution and the linear layer of a vision transformer on an H100, as they were launched.
        (GemmShape(784, 768, 768), (256, 64), (16, 3, 1), (256, 64, 48)),
        (GemmShape(788, 768, 768), (128, 64), (104, 1, 1), (64, 128, 78)),
        # K split in ten.
        (GemmShape(32, 1000, 2048), (64, 32), (1, 16, 10), (32, 64, 160)),
        (GemmShape(100, 100, 64, 6), (128, 128), (1, 1, 6), (128, 128, 6)),
        # A persistent kernel has fewer CTAs than tiles; a square tile leaves no doubt about how they lie.
        (GemmShape(788, 3072, 768), (128, 128), (14, 7, 1), (128, 128, 168)),
    ],
)
def test_the_grid_confirms_how_tiles_lie(
    shape: GemmShape, tile: tuple[int, int], grid: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    laid = tiling(shape, tile, grid)
    assert laid is not None
    assert (laid.rows, laid.columns, laid.tiles) == expected
    computed = laid.tiles_m * laid.rows * laid.tiles_n * laid.columns
    assert laid.quantization == computed / (shape.m * shape.n) >= 1


@pytest.mark.parametrize("grid", [(98, 1, 1), (5, 5, 5)])
def test_a_grid_that_does_not_fit_confirms_nothing(grid: tuple[int, int, int]) -> None:
    assert tiling(GemmShape(788, 768, 3072), (128, 64), grid) is None


def test_tiles_in_names() -> None:
    assert tile_sides("256x64x32") == (256, 64)
    assert [tile_sides(text) for text in (None, "", "256", "axb")] == [None] * 4


def test_fill_is_that_of_a_schedule_played_through() -> None:
    for work, sms in product((1, 7, 48, 132, 133, 264, 300), (1, 80, 132)):
        busy_until = [0] * sms
        for _ in range(work):
            heapq.heappush(busy_until, heapq.heappop(busy_until) + 1)
        assert fill(work, work, sms) == work / (sms * max(busy_until))


def test_a_grid_smaller_than_the_machine_goes_round() -> None:
    """4,728 tiles on 120 CTAs are 40 rounds (4,728 / 120 = 39.4); on 132 SMs at once they would be 36 waves."""
    assert rounds(4728, 120, 132) == 40
    assert fill(4728, 120, 132) == pytest.approx(4728 / (132 * 40))
    assert rounds(4728, 4728, 132) == 36
    kernel = MainKernel(identify("gemm"), 1.0, ctas=120, tiling=Tiling(128, 128, 197, 24, 4728, 1.0, 120), fill=0.8955)
    side = SimpleNamespace(main=kernel, roofs=Roofs("made up", "gpu", 132, {}, None))
    words = fill_of_machine(side).evidence
    assert words == "4728 CTAs for 132 SMs: fill 90% in 40 rounds of a grid of 120"
