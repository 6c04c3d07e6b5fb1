"""Formulas against figures worked out by hand."""

from __future__ import annotations

import pytest

from profiler_kit.analysis.problems import flops


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((3, 4), (4, 5), 2 * 3 * 4 * 5),
        ((7, 3, 4), (7, 4, 5), 2 * 7 * 3 * 4 * 5),
        ((7, 3, 4), (4, 5), 2 * 7 * 3 * 4 * 5),
        ((3, 4), (7, 4, 5), 2 * 7 * 3 * 4 * 5),
        ((3, 4), (4,), 2 * 3 * 4),
        ((4,), (4,), 2 * 4),
    ],
)
def test_matrix_products(first: tuple[int, ...], second: tuple[int, ...], expected: int) -> None:
    assert flops.matrix_product_flops(first, second) == expected


def test_a_transposed_convolution_has_the_work_of_the_one_that_it_reverses() -> None:
    direct = flops.convolution_flops((8, 4, 3, 3), (2, 8, 5, 5))
    assert flops.transposed_convolution_flops((8, 4, 3, 3), (2, 8, 5, 5)) == direct


@pytest.mark.parametrize(
    ("size", "taps", "stride", "padding", "dilation", "expected"),
    [(8, 3, 1, 1, 1, 8), (8, 3, 2, 1, 1, 4), (7, 3, 2, 0, 1, 3), (9, 3, 1, 0, 2, 5)],
)
def test_output_of_a_convolution(size: int, taps: int, stride: int, padding: int, dilation: int, expected: int) -> None:
    shape = flops.convolution_output(
        (2, 3, size, size), (4, 3, taps, taps), stride=(stride,) * 2, padding=(padding,) * 2, dilation=(dilation,) * 2
    )
    assert shape == (2, 4, expected, expected)
