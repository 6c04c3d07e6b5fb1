"""A registry of formulas: the FLOPs that an operator's arguments ask for, and the bytes that it moves at least.

A multiplication and an addition count as two operations, zeros that padding adds count too, and a bias is kept apart:
``flops`` is what ``torch.utils.flop_counter`` counts, by its functions that the formulas name. Bytes are those of every
input, weight and output once, the compulsory traffic of the roofline model (Williams, Waterman and Patterson, CACM
52(4), 2009), with the arguments that ``aten/src/ATen/native/native_functions.yaml`` gives the operator; caches may make
a kernel move no less, and usually it moves more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from profiler_kit.analysis.problems.flops import attention_backward_flops, attention_flops, gradient_flops
from profiler_kit.analysis.problems.output_types import broadcast, elementwise_type, normalized_type, tensor_type
from profiler_kit.analysis.problems.problem_shapes import (
    DTYPES,
    ITEMSIZES,
    Problem,
    Signature,
    convolution_problem,
    product_problem,
)
from profiler_kit.analysis.work.operator_arguments import (
    BACKWARD_CONVOLUTIONS,
    FORWARD_CONVOLUTIONS,
    MATRIX_PRODUCTS,
    bias_place,
)

Shape = tuple[int, ...]

CONVOLUTION: Final = "convolution"
PRODUCT: Final = "matrix product"
ATTENTION: Final = "attention"
NORMALIZATION: Final = "normalization"
ELEMENTWISE: Final = "elementwise"


@dataclass(frozen=True, slots=True)
class Work:
    """What one call of an operator has to do.

    Attributes:
        kind: `CONVOLUTION`, `PRODUCT`, `ATTENTION`, `NORMALIZATION` or `ELEMENTWISE`.
        flops: Useful FLOPs of products; 0 for operators that have none.
        bias_flops: Additions of a bias, or of a bias gradient's sum, not part of `flops`.
        bytes: Bytes moved at least; None where a type or shape is not known.
    """

    kind: str
    flops: int
    bias_flops: int = 0
    bytes: int | None = None


Formula = Callable[[str, Signature], Work | None]

_FORMULAS: Final[dict[str, Formula]] = {}


class DuplicateFormulaError(ValueError):
    """An operator already has a formula.

    Args:
        name: The operator.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} already has a formula")


def formula(*names: str) -> Callable[[Formula], Formula]:
    """Register a function as the formula of operators.

    Args:
        *names: Names of the operators, e.g. ``aten::mm``.

    Raises:
        DuplicateFormulaError: One of them has a formula.
    """

    def register(function: Formula) -> Formula:
        for name in names:
            if name in _FORMULAS:
                raise DuplicateFormulaError(name)
            _FORMULAS[name] = function
        return function

    return register


def has_formula(name: str) -> bool:
    """Tell whether an operator has a formula."""
    return name in _FORMULAS


def known_operators() -> frozenset[str]:
    """Return the names of all operators that have a formula."""
    return frozenset(_FORMULAS)


def are_alike(name: str, other: str) -> bool:
    """Tell whether two operators have the same formula, as ``aten::softmax`` and ``aten::_softmax`` do."""
    return name in _FORMULAS and _FORMULAS[name] is _FORMULAS.get(other)


def operator_work(name: str, signature: Signature) -> Work | None:
    """Return the work that one call asks for; None if no formula is known or the trace does not say enough.

    Args:
        name: The operator, e.g. ``aten::convolution_backward``.
        signature: Its recorded arguments.
    """
    apply = _FORMULAS.get(name)
    return None if apply is None else apply(name, signature)


@formula(*FORWARD_CONVOLUTIONS)
def convolution_work(name: str, signature: Signature) -> Work | None:
    """Forward convolution: one dot product of C/groups·R·S for every output value (``conv_flop_count``).

    A transposed one multiplies every input value with its channel's filters.
    """
    problem = convolution_problem([(name, signature)])
    if problem.forward_flops is None:
        return None
    output = prod(problem.output_shape) if problem.output_shape else None
    bias = bias_values(name, signature)
    moved = _problem_bytes(problem)
    added = (output or 0) if bias else 0
    return Work(CONVOLUTION, problem.forward_flops, added, _with_bias(problem, moved, bias))


@formula(*BACKWARD_CONVOLUTIONS)
def convolution_backward_work(name: str, signature: Signature) -> Work | None:
    """Backward convolution: dgrad and wgrad, as far as ``output_mask`` asks, multiply the pairs of the forward pass.

    The direct count: zeros between the strides of an implicit-GEMM dgrad are no useful work. Of grouped convolutions,
    wgrad has as many products as the forward pass; ``conv_backward_flop`` counts groups times as many (it multiplies
    all input channels with all filters), which is a known mistake there.
    """
    problem = convolution_problem([(name, signature)])
    if problem.forward_flops is None:
        return None
    mask = problem.output_mask or _MASK_OF_NAME.get(name.rpartition("_")[2])
    if mask is None:
        return None
    sizes = _problem_bytes(problem)
    output = prod(problem.output_shape) if problem.output_shape else 0
    moved = None
    if sizes is not None:
        # dgrad reads the weight and writes the input's gradient, wgrad reads the input and writes the weight's.
        asked = sum(mask[:2])
        moved = sizes[2] + asked * (sizes[0] + sizes[1]) if asked else sizes[2]
    return Work(
        CONVOLUTION,
        sum(mask[:2]) * gradient_flops(problem.forward_flops),
        output if len(mask) > 2 and mask[2] else 0,
        moved,
    )


@formula(*MATRIX_PRODUCTS)
def product_work(name: str, signature: Signature) -> Work | None:
    """Matrix product: 2·M·N·K for each matrix of a batch (``mm_flop``, ``addmm_flop``, ``bmm_flop``)."""
    problem = product_problem([(name, signature)])
    if problem.forward_flops is None or problem.output_shape is None:
        return None
    moved = _problem_bytes(problem)
    bias = bias_values(name, signature)
    added = prod(problem.output_shape) if bias else 0
    return Work(PRODUCT, problem.forward_flops, added, _with_bias(problem, moved, bias))


@formula(
    "aten::scaled_dot_product_attention",
    "aten::_scaled_dot_product_flash_attention",
    "aten::_scaled_dot_product_efficient_attention",
    "aten::_scaled_dot_product_cudnn_attention",
    "aten::_scaled_dot_product_flash_attention_for_cpu",
    "aten::_scaled_dot_product_fused_attention_overrideable",
)
def attention_work(_name: str, signature: Signature) -> Work | None:
    """Attention: scores Q·Kᵀ and their product with V (``sdpa_flop_count``), a causal mask not deducted."""
    shapes = [_shape(signature, place) for place in range(3)]
    return _attention(signature, shapes, heads_first=True)


@formula("aten::_flash_attention_forward", "aten::_efficient_attention_forward")
def attention_forward_work(_name: str, signature: Signature) -> Work | None:
    """Attention as above with (batch, sequence, heads, size); packed sequences' lengths are not in a trace."""
    shapes = [_shape(signature, place) for place in range(3)]
    return _attention(signature, shapes, heads_first=False)


@formula(
    "aten::_scaled_dot_product_flash_attention_backward",
    "aten::_scaled_dot_product_efficient_attention_backward",
    "aten::_scaled_dot_product_cudnn_attention_backward",
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
    "aten::_scaled_dot_product_fused_attention_overrideable_backward",
)
def attention_backward_work(_name: str, signature: Signature) -> Work | None:
    """Attention's backward: the scores again, and two products for either step (``sdpa_backward_flop_count``)."""
    query, key, value = (_shape(signature, place) for place in (1, 2, 3))
    if not (query and key and value) or {len(query), len(key), len(value)} != {4}:
        return None
    sizes = [_bytes(signature, place) for place in (1, 2, 3)]
    # Reads Q, K, V, the output and its gradient, writes three gradients.
    moved = None if None in sizes else sum(2 * size for size in sizes if size) + 2 * (sizes[0] or 0)
    return Work(ATTENTION, attention_backward_flops(query, key, value), 0, moved)


@formula(
    "aten::native_batch_norm",
    "aten::cudnn_batch_norm",
    "aten::miopen_batch_norm",
    "aten::_batch_norm_impl_index",
    "aten::batch_norm",
    "aten::_native_batch_norm_legit",
    "aten::_batch_norm_with_update",
)
def batch_norm_work(_name: str, signature: Signature) -> Work | None:
    """Batch norm: the input once in and once out, and weight, bias and both running statistics (compulsory traffic)."""
    return _memory(NORMALIZATION, signature, twice=(0,), once=(1, 2, 3, 4))


@formula("aten::native_batch_norm_backward", "aten::miopen_batch_norm_backward")
def batch_norm_backward_work(_name: str, signature: Signature) -> Work | None:
    """Batch norm's backward: gradient and input in, the input's gradient out, and the parameters twice (compulsory)."""
    return _memory(NORMALIZATION, signature, twice=(0, 2), once=(1,))


@formula("aten::cudnn_batch_norm_backward")
def cudnn_batch_norm_backward_work(_name: str, signature: Signature) -> Work | None:
    """Batch norm's backward in cuDNN's order of arguments: input, then gradient (compulsory traffic)."""
    return _memory(NORMALIZATION, signature, twice=(0, 2), once=(1,))


@formula("aten::layer_norm", "aten::native_layer_norm", "aten::rms_norm", "aten::group_norm", "aten::native_group_norm")
def layer_norm_work(name: str, signature: Signature) -> Work | None:
    """Layer and group norm: the input once in and once out; the parameters are as good as nothing (compulsory)."""
    return _in_and_out(NORMALIZATION, name, signature)


@formula("aten::_softmax", "aten::_log_softmax", "aten::softmax", "aten::log_softmax")
def softmax_work(name: str, signature: Signature) -> Work | None:
    """Softmax: the input once in and once out (compulsory traffic)."""
    return _in_and_out(NORMALIZATION, name, signature)


@formula(
    *(
        f"aten::{name}{place}"
        for name in ("relu", "gelu", "silu", "sigmoid", "tanh", "hardswish", "hardsigmoid", "leaky_relu", "elu", "neg")
        for place in ("", "_")
    ),
    *(
        f"aten::{name}{place}"
        for name in ("exp", "log", "sqrt", "rsqrt", "abs", "clamp", "clamp_min", "sin", "cos", "erf", "reciprocal")
        for place in ("", "_")
    ),
    "aten::clone",
)
def unary_work(name: str, signature: Signature) -> Work | None:
    """One value in, one out (compulsory traffic)."""
    return _in_and_out(ELEMENTWISE, name, signature)


@formula(
    *(f"aten::{name}" for name in ("add", "sub", "mul", "div", "maximum", "minimum", "pow")),
    "aten::threshold_backward",
    "aten::gelu_backward",
    "aten::silu_backward",
    "aten::sigmoid_backward",
    "aten::tanh_backward",
)
def binary_work(name: str, signature: Signature) -> Work | None:
    """Both inputs in, their broadcast out (compulsory traffic)."""
    shapes = [shape for shape in (_shape(signature, 0), _shape(signature, 1)) if shape]
    return _binary(signature, broadcast(shapes), elementwise_type(name, signature)) if shapes else None


@formula(*(f"aten::{name}_" for name in ("add", "sub", "mul", "div", "pow")))
def inplace_work(_name: str, signature: Signature) -> Work | None:
    """Both inputs in, the first one out (compulsory traffic)."""
    return _binary(signature, _shape(signature, 0), tensor_type(signature, 0))


@formula("aten::copy_")
def copy_work(_name: str, signature: Signature) -> Work | None:
    """The source in, the target out (compulsory traffic)."""
    return _memory(ELEMENTWISE, signature, once=(0, 1))


@formula("aten::fill_", "aten::zero_")
def fill_work(_name: str, signature: Signature) -> Work | None:
    """The tensor out (compulsory traffic)."""
    return _memory(ELEMENTWISE, signature, once=(0,))


_MASK_OF_NAME: Final = {"input": (True, False, False), "weight": (False, True, False)}
"""What backward operators compute that have a gradient's name and no mask (up to release 1.9)."""


def bias_values(name: str, signature: Signature) -> int:
    """Return how many values of a bias a forward convolution or matrix product reads, 0 without one.

    Args:
        name: The operator, e.g. ``aten::conv2d``.
        signature: Its recorded arguments.
    """
    place = bias_place(name)
    return prod(_shape(signature, place) or (0,)) if place is not None else 0


def _with_bias(problem: Problem, moved: tuple[int, int, int] | None, bias: int) -> int | None:
    return None if moved is None else sum(moved) + bias * ITEMSIZES[problem.dtype or ""]


def _shape(signature: Signature, place: int) -> Shape | None:
    dims = signature.dims
    if dims is None or place >= len(dims):
        return None
    shape: Any = dims[place]
    return (
        shape if isinstance(shape, tuple) and shape and all(type(size) is int and size >= 0 for size in shape) else None
    )


def _itemsize(signature: Signature, place: int) -> int | None:
    types = signature.types
    if types is None or place >= len(types):
        return None
    return ITEMSIZES.get(DTYPES.get(types[place], types[place]))


def _bytes(signature: Signature, place: int) -> int | None:
    shape, itemsize = _shape(signature, place), _itemsize(signature, place)
    return None if shape is None or itemsize is None else prod(shape) * itemsize


def _memory(kind: str, signature: Signature, *, twice: Sequence[int] = (), once: Sequence[int] = ()) -> Work | None:
    """Return the work of an operator that only moves tensors; None if the first one is not known."""
    if _bytes(signature, (*twice, *once)[0]) is None:
        return None
    moved = 2 * sum(_bytes(signature, place) or 0 for place in twice)
    return Work(kind, 0, 0, moved + sum(_bytes(signature, place) or 0 for place in once))


def _in_and_out(kind: str, name: str, signature: Signature) -> Work | None:
    """Return the work of an operator whose output has the first input's shape and may be of another type."""
    read, shape = _bytes(signature, 0), _shape(signature, 0)
    written = ITEMSIZES.get(signature.output_type or normalized_type(name, signature) or "")
    return None if read is None or shape is None or written is None else Work(kind, 0, 0, read + prod(shape) * written)


def _binary(signature: Signature, result: Shape | None, output_type: str | None) -> Work | None:
    """Return the work of an operator on two tensors, or on a tensor and a number."""
    read = [_bytes(signature, place) for place in (0, 1) if _shape(signature, place)]
    written = ITEMSIZES.get(signature.output_type or output_type or "")
    if result is None or written is None or None in read:
        return None
    return Work(ELEMENTWISE, 0, 0, sum(size or 0 for size in read) + prod(result) * written)


def _attention(signature: Signature, shapes: Sequence[Shape | None], *, heads_first: bool) -> Work | None:
    query, key, value = shapes
    if not (query and key and value) or {len(query), len(key), len(value)} != {4}:
        return None
    if not heads_first:
        query, key, value = ((one[0], one[2], one[1], one[3]) for one in (query, key, value))
    sizes = [_bytes(signature, place) for place in range(3)]
    output = prod((*query[:-1], value[-1])) * (_itemsize(signature, 0) or 0)
    moved = None if None in sizes else sum(size or 0 for size in sizes) + output
    return Work(ATTENTION, attention_flops(query, key, value), 0, moved)


def _problem_bytes(problem: Problem) -> tuple[int, int, int] | None:
    """Return the bytes of input, weight and output, None if a shape or the type is not known."""
    itemsize = ITEMSIZES.get(problem.dtype or "")
    shapes = (problem.input_shape, problem.weight_shape, problem.output_shape)
    if itemsize is None or None in shapes:
        return None
    first, weight, output = (prod(shape or ()) * itemsize for shape in shapes)
    return first, weight, output
