"""What one convolution or matrix product computes, read from the arguments of the operators that stand for it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

from profiler_kit.analysis.problems.flops import (
    convolution_flops,
    convolution_output,
    linear_flops,
    matrix_product_flops,
    transposed_convolution_flops,
)
from profiler_kit.analysis.work.operator_arguments import (
    BACKWARD_CONVOLUTIONS,
    FORWARD_CONVOLUTIONS,
    MATRIX_PRODUCTS,
    ConvolutionArguments,
    ProductArguments,
)

Shape = tuple[int, ...]
T = TypeVar("T")

UNKNOWN: Final = "unknown"

DTYPES: Final[Mapping[str, str]] = {
    "float": "float32",
    "double": "float64",
    "c10::Half": "float16",
    "c10::BFloat16": "bfloat16",
    "c10::complex<float>": "complex64",
    "c10::complex<double>": "complex128",
    "int": "int32",
    "long int": "int64",
    "signed char": "int8",
    "unsigned char": "uint8",
    "short": "int16",
    "c10::Float8_e4m3fn": "float8_e4m3fn",
    "c10::Float8_e5m2": "float8_e5m2",
    "c10::Float8_e4m3fnuz": "float8_e4m3fnuz",
    "c10::Float8_e5m2fnuz": "float8_e5m2fnuz",
}
"""C++ names of data types, as traces have them, and PyTorch's."""

ITEMSIZES: Final[Mapping[str, int]] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "complex64": 8,
    "complex128": 16,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
}
"""Bytes of one value, by PyTorch's name of the type."""

_FORMATS: Final = {3: ("NCL", "NLC"), 4: ("NCHW", "NHWC"), 5: ("NCDHW", "NDHWC")}
"""Memory formats of tensors by their number of dimensions: contiguous, channels last."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The recorded arguments of one call: a row of ``trace.signatures``; None where the trace does not say.

    ``output_type`` is the output's data type by PyTorch's name where operators nested in the call tell it.
    """

    dims: tuple[Any, ...] | None
    types: tuple[str, ...] | None
    strides: tuple[Any, ...] | None
    concrete: tuple[str, ...] | None
    output_type: str | None = None


_NOTHING: Final = Signature(None, None, None, None)


@dataclass(frozen=True)
class Problem:
    """What one call computes; None where the trace does not say or the question does not apply.

    Attributes:
        input_shape: Shape of the forward pass's input, or of a matrix product's first factor.
        weight_shape: Shape of the weight, or of a matrix product's second factor.
        output_shape: Shape of the forward pass's output; see also :func:`with_outputs_of_gradients`.
        dtype: Data type of the input by PyTorch's name.
        memory_format: NCHW or NHWC (NCL, NLC, NCDHW, NDHWC) as the input's strides say, ``unknown`` where they do not
            or decide nothing; None for matrix products.
        stride: Stride of a convolution, along each spatial dimension; so are the next two and the last.
        padding: Padding; a tuple, or ``same`` or ``valid``.
        dilation: Dilation.
        groups: Groups.
        transposed: Whether it is a transposed convolution.
        output_padding: Output padding.
        output_mask: On backward operators, which gradients (input, weight, bias) are computed.
        forward_flops: Useful FLOPs of the forward pass or of the product.
    """

    input_shape: Shape | None = None
    weight_shape: Shape | None = None
    output_shape: Shape | None = None
    dtype: str | None = None
    memory_format: str | None = None
    stride: Shape | None = None
    padding: Shape | str | None = None
    dilation: Shape | None = None
    groups: int | None = None
    transposed: bool | None = None
    output_padding: Shape | None = None
    output_mask: tuple[bool, ...] | None = None
    forward_flops: int | None = None


def convolution_problem(calls: Sequence[tuple[str, Signature | None]]) -> Problem:
    """Read a convolution from the nested operators that stand for it.

    Args:
        calls: (name, arguments) from the outermost in. A parameter is taken from the outermost that has it, except
            for data type and memory format: those the library sees, after casts and copies.
    """
    levels = [_convolution(name, signature or _NOTHING) for name, signature in calls]
    merged = {field.name: _first(getattr(level, field.name) for level in levels) for field in fields(Problem)}
    merged["dtype"] = _first(level.dtype for level in reversed(levels))
    # A library may see a 1-d convolution as a 2-d one: only tensors of as many dimensions say the input's format.
    alike = [level for level in reversed(levels) if len(level.input_shape or ()) == len(merged["input_shape"] or ())]
    merged["memory_format"] = _first(level.memory_format for level in alike) or UNKNOWN
    if merged["output_shape"] is None and not merged["transposed"]:
        merged["output_shape"] = _output_shape(merged)
    return Problem(**{**merged, "forward_flops": _convolution_flops(merged)})


def with_outputs_of_gradients(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Complete convolutions whose stride was not recorded, as before PyTorch 1.13, from their backward passes.

    A backward operator's first argument is the gradient of the output, and so of its size. Where all problems with the
    same input and weight that know their output have the same one, the others are taken to have it, too.
    """
    known: dict[tuple[Shape | None, Shape | None], set[tuple[Shape, int | None]]] = {}
    for problem in problems:
        if problem.output_shape is not None:
            outputs = known.setdefault((problem.input_shape, problem.weight_shape), set())
            outputs.add((problem.output_shape, problem.forward_flops))
    completed = []
    for problem in problems:
        outputs = known.get((problem.input_shape, problem.weight_shape), set())
        if problem.output_shape is None and problem.input_shape is not None and len(outputs) == 1:
            ((output, flops),) = outputs
            completed.append(replace(problem, output_shape=output, forward_flops=flops))
        else:
            completed.append(problem)
    return tuple(completed)


def product_problem(calls: Sequence[tuple[str, Signature | None]]) -> Problem:
    """Read a matrix product from the nested operators that stand for it, given as in :func:`convolution_problem`."""
    levels = [_product(name, signature or _NOTHING) for name, signature in calls]
    outermost: Problem = _first(level for level in levels if level.input_shape) or Problem()
    return replace(outermost, dtype=_first(level.dtype for level in reversed(levels)))


def _product(name: str, signature: Signature) -> Problem:
    """Read what one operator's arguments say."""
    arguments = MATRIX_PRODUCTS.get(name)
    if arguments is None:
        return Problem()
    first, second = _shape(signature.dims, arguments.first), _shape(signature.dims, arguments.second)
    if not (first and second):
        return Problem()
    return Problem(
        input_shape=first,
        weight_shape=second,
        output_shape=_product_shape(arguments, first, second),
        dtype=_dtype(signature.types, arguments.first),
        forward_flops=_product_flops(arguments, first, second),
    )


def _convolution(name: str, signature: Signature) -> Problem:
    """Read what one operator's arguments say."""
    arguments = FORWARD_CONVOLUTIONS.get(name) or BACKWARD_CONVOLUTIONS.get(name)
    if arguments is None:
        return Problem()
    input_shape = _shape(signature.dims, arguments.input)
    weight_shape = _shape(signature.dims, arguments.weight)
    spatial = len(weight_shape or input_shape or ()) - 2
    return Problem(
        input_shape=input_shape,
        weight_shape=weight_shape,
        output_shape=_shape(signature.dims, arguments.output_gradient),
        dtype=_dtype(signature.types, _first([arguments.input, arguments.output_gradient])),
        memory_format=_memory_format(signature, arguments.input),
        stride=_numbers(_text(signature, arguments.stride), spatial),
        padding=_padding(_text(signature, arguments.padding), spatial),
        dilation=_numbers(_text(signature, arguments.dilation), spatial),
        groups=_groups(signature, arguments, input_shape, spatial),
        transposed=_flag(signature, arguments.transposed),
        output_padding=_numbers(_text(signature, arguments.output_padding), spatial),
        output_mask=_mask(_text(signature, arguments.output_mask)),
    )


def _first(values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _at(values: Sequence[T] | None, place: int | None) -> T | None:
    if values is None or place is None or not -len(values) <= place < len(values):
        return None
    return values[place]


def _shape(dims: tuple[Any, ...] | None, place: int | None) -> Shape | None:
    """Return a tensor's shape; scalars, lists of tensors and what is not there have none."""
    shape = _at(dims, place)
    is_shape = isinstance(shape, tuple) and shape and all(type(size) is int and size >= 0 for size in shape)
    return shape if is_shape else None


def _dtype(types: tuple[str, ...] | None, place: int | None) -> str | None:
    name = _at(types, place)
    return DTYPES.get(name, name) if name else None


def _text(signature: Signature, place: int | None) -> str | None:
    return _at(signature.concrete, place) or None


def _value(text: str | None) -> Any:
    """Read a recorded scalar argument; None if it is none that Python can read."""
    try:
        return None if text is None else ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _numbers(text: str | None, spatial: int) -> Shape | None:
    """Read a list of numbers, one for all spatial dimensions written out; an empty list says nothing."""
    value = _value(text)
    numbers = tuple(value) if isinstance(value, list) else (value,)
    if not numbers or not all(type(number) is int for number in numbers):
        return None
    return numbers * spatial if len(numbers) == 1 and spatial > 1 else numbers


def _padding(text: str | None, spatial: int) -> Shape | str | None:
    return text if text in ("same", "valid") else _numbers(text, spatial)


def _mask(text: str | None) -> tuple[bool, ...] | None:
    value = _value(text)
    flags = tuple(value) if isinstance(value, list) else ()
    return flags if len(flags) in (2, 3) and all(type(flag) is bool for flag in flags) else None


def _flag(signature: Signature, flag: int | bool) -> bool | None:
    if isinstance(flag, bool):
        return flag
    value = _value(_text(signature, flag))
    return value if isinstance(value, bool) else None


def _groups(
    signature: Signature, arguments: ConvolutionArguments, input_shape: Shape | None, spatial: int
) -> int | None:
    if arguments.depthwise:
        return _at(input_shape, -spatial - 1)
    value = _value(_text(signature, arguments.groups))
    return value if type(value) is int else None


def _memory_format(signature: Signature, place: int | None) -> str | None:
    """Name the memory format that a tensor's strides say; None without strides, ``unknown`` if they say none."""
    shape, strides = _shape(signature.dims, place), _shape(signature.strides, place)
    if shape is None or strides is None or len(shape) != len(strides) or len(shape) not in _FORMATS:
        return None
    contiguous, channels_last = _FORMATS[len(shape)]
    orders = ((contiguous, range(len(shape))), (channels_last, [0, *range(2, len(shape)), 1]))
    # A dimension of size 1 may have any stride. Only where that leaves both possible, its stride decides.
    for loose in (True, False):
        fitting = [name for name, order in orders if _dense(shape, strides, list(order), loose=loose)]
        if len(fitting) == 1:
            return fitting[0]
        if not fitting:
            return UNKNOWN
    return UNKNOWN


def _dense(shape: Shape, strides: Shape, order: list[int], *, loose: bool) -> bool:
    """Tell whether a tensor is dense with its dimensions in this order, outermost first."""
    expected = 1
    for dimension in reversed(order):
        if strides[dimension] != expected and not (loose and shape[dimension] == 1):
            return False
        expected *= max(shape[dimension], 1)
    return True


def _output_shape(merged: Mapping[str, Any]) -> Shape | None:
    """Compute the output's shape of a convolution that is not transposed, if all that it depends on is known."""
    input_shape, weight, stride = merged["input_shape"], merged["weight_shape"], merged["stride"]
    padding, dilation = merged["padding"], merged["dilation"]
    if not (input_shape and weight and stride and padding and dilation) or merged["transposed"] is None:
        return None
    spatial = len(weight) - 2
    if spatial < 1 or spatial >= len(input_shape):
        return None
    if padding == "same":
        return (*input_shape[: -spatial - 1], weight[0], *input_shape[-spatial:])
    if padding == "valid":
        padding = (0,) * spatial
    if not len(stride) == len(padding) == len(dilation) == spatial or min(stride) < 1:
        return None
    return convolution_output(input_shape, weight, stride=stride, padding=padding, dilation=dilation)


def _convolution_flops(merged: Mapping[str, Any]) -> int | None:
    weight = merged["weight_shape"]
    if weight is None or merged["transposed"] is None:
        return None
    if merged["transposed"]:
        return transposed_convolution_flops(weight, merged["input_shape"]) if merged["input_shape"] else None
    return convolution_flops(weight, merged["output_shape"]) if merged["output_shape"] else None


def _product_shape(arguments: ProductArguments, first: Shape, second: Shape) -> Shape:
    if arguments.is_linear:
        return (*first[:-1], *second[:-1])
    batches = first[:-2] if len(first) >= len(second) else second[:-2]
    return (*batches, *first[-2:-1], *(second[-1:] if len(second) > 1 else ()))


def _product_flops(arguments: ProductArguments, first: Shape, second: Shape) -> int:
    if arguments.is_linear and len(second) > 1:
        return linear_flops(second, _product_shape(arguments, first, second))
    return matrix_product_flops(first, second)
