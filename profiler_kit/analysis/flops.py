"""Useful work of a layer: floating-point operations, and the bytes that it cannot avoid to move.

A multiplication and an addition count as two operations, and a bias is not counted, as in
``torch.utils.flop_counter`` (its ``conv_flop_count``, ``conv_backward_flop`` and ``mm_flop``).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Shape = Sequence[int]


def convolution_flops(weight: Shape, output: Shape) -> int:
    """Return the FLOPs of a forward convolution, computed directly: one dot product for each output value.

    Args:
        weight: (K, C / groups, R, S), or the 1-d or 3-d likewise.
        output: (N, K, P, Q) likewise.
    """
    return 2 * prod(output) * prod(weight[1:])


def linear_flops(weight: Shape, output: Shape) -> int:
    """Return the FLOPs of a forward linear layer.

    Args:
        weight: (out, in).
        output: (…, out).
    """
    return 2 * prod(output) * weight[1]


def backward_flops(forward: int) -> int:
    """Return the FLOPs of the backward pass for both the input's and the weight's gradient.

    Each of the two multiplies the same pairs of values as the forward pass, once.
    """
    return 2 * forward


def forward_bytes(input_: Shape, weight: Shape, output: Shape, *, bias: int, itemsize: int) -> int:
    """Return the bytes that a forward pass moves at least: input, weight, bias and output once each.

    Args:
        input_: Shape of the input.
        weight: Shape of the weight.
        output: Shape of the output.
        bias: Values of the bias, 0 without one.
        itemsize: Bytes of a value.
    """
    return itemsize * (prod(input_) + prod(weight) + bias + prod(output))


def backward_bytes(input_: Shape, weight: Shape, output: Shape, *, bias: int, itemsize: int) -> int:
    """Return the bytes that a backward pass moves at least.

    It reads the output's gradient, the input and the weight, and writes the gradients of input, weight and bias, once
    each. Arguments as for :func:`forward_bytes`.
    """
    return itemsize * (prod(output) + 2 * prod(input_) + 2 * prod(weight) + bias)
