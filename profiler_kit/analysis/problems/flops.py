"""Useful work of a layer: floating-point operations, and the bytes that it cannot avoid to move.

A multiplication and an addition count as two operations, and a bias is not counted, as in
``torch.utils.flop_counter``, whose functions the formulas below name as their sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Shape = Sequence[int]


def convolution_flops(weight: Shape, output: Shape) -> int:
    """Return the FLOPs of a forward convolution, computed directly: one dot product for each output value.

    As in ``conv_flop_count`` of ``torch.utils.flop_counter``.

    Args:
        weight: (K, C / groups, R, S), or the 1-d or 3-d likewise.
        output: (N, K, P, Q) likewise.
    """
    return 2 * prod(output) * prod(weight[1:])


def transposed_convolution_flops(weight: Shape, input_: Shape) -> int:
    """Return the FLOPs of a forward transposed convolution: each input value is multiplied with its channel's filters.

    Zeros that a strided one puts between its inputs are not counted (``conv_flop_count`` with ``transposed``).

    Args:
        weight: (C, K / groups, R, S), or the 1-d or 3-d likewise.
        input_: (N, C, H, W) likewise.
    """
    return 2 * prod(input_) * prod(weight[1:])


def gradient_flops(forward: int) -> int:
    """Return the FLOPs of one gradient of a convolution or matrix product, the input's (dgrad) or the weight's (wgrad).

    Either multiplies the pairs of values that the forward pass multiplies, each pair once. The matrix product that an
    implicit-GEMM dgrad of a strided convolution runs, M·N·K = (N·H·W)·C·(R·S·K), also multiplies the zeros between
    the strides, stride² as many, and those are no useful work (``conv_backward_flop``; CUTLASS's implicit GEMM guide).
    """
    return forward


def matrix_product_flops(first: Shape, second: Shape) -> int:
    """Return the FLOPs of a matrix product, batched or not (``mm_flop``, ``bmm_flop``).

    Args:
        first: (…, M, K), or (K,).
        second: (…, K, N), or (K,).
    """
    batches = first[:-2] if len(first) >= len(second) else second[:-2]
    rows = first[-2] if len(first) > 1 else 1
    columns = second[-1] if len(second) > 1 else 1
    return 2 * prod(batches) * rows * first[-1] * columns


def convolution_output(
    input_: Shape, weight: Shape, *, stride: Shape, padding: Shape, dilation: Shape
) -> tuple[int, ...]:
    """Return the shape of a forward convolution's output (the formula of ``torch.nn.Conv2d``).

    Args:
        input_: (N, C, H, W), or without N; 1-d and 3-d likewise.
        weight: (K, C / groups, R, S) likewise.
        stride: Along each spatial dimension, as the next two.
        padding: On both sides.
        dilation: Distance of the filter's taps.
    """
    spatial = len(weight) - 2
    sizes = zip(input_[-spatial:], weight[2:], stride, padding, dilation, strict=True)
    places = tuple((size + 2 * pad - spread * (taps - 1) - 1) // step + 1 for size, taps, step, pad, spread in sizes)
    return (*input_[: -spatial - 1], weight[0], *places)


def linear_flops(weight: Shape, output: Shape) -> int:
    """Return the FLOPs of a forward linear layer, a matrix product (``addmm_flop``).

    Args:
        weight: (out, in).
        output: (…, out).
    """
    return 2 * prod(output) * weight[1]


def backward_flops(forward: int) -> int:
    """Return the FLOPs of the backward pass for both the input's and the weight's gradient.

    Each of the two multiplies the same pairs of values as the forward pass, once (``conv_backward_flop``, and two calls
    of ``mm_flop`` for a linear layer).
    """
    return 2 * forward


def attention_flops(query: Shape, key: Shape, value: Shape) -> int:
    """Return the FLOPs of attention: the scores and their product with the values (``sdpa_flop_count``).

    Every query is multiplied with every key, also those that a causal mask hides. Keys and values may have fewer
    heads than queries.

    Args:
        query: (batch, heads, queries, size).
        key: (batch, key heads, keys, size).
        value: (batch, key heads, keys, value size).
    """
    scores = prod(query[:3]) * key[2]
    return 2 * scores * (query[3] + value[3])


def attention_backward_flops(query: Shape, key: Shape, value: Shape) -> int:
    """Return the FLOPs of attention's backward pass (``sdpa_backward_flop_count``).

    The scores are computed again; then come two products with the values' size and two with the queries'.
    Arguments as for :func:`attention_flops`.
    """
    scores = prod(query[:3]) * key[2]
    return 2 * scores * (3 * query[3] + 2 * value[3])


def forward_bytes(input_: Shape, weight: Shape, output: Shape, *, bias: int, itemsize: int) -> int:
    """Return the bytes that a forward pass moves at least: input, weight, bias and output once each.

    That is the compulsory traffic of the roofline model (Williams, Waterman and Patterson, CACM 52(4), 2009).

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
    each: compulsory traffic as there. Arguments as for :func:`forward_bytes`.
    """
    return itemsize * (prod(output) + 2 * prod(input_) + 2 * prod(weight) + bias)
