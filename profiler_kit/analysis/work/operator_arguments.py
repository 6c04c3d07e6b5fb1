"""Where convolution and matrix-product operators keep their arguments: the one home of their names and positions.

Positions count all arguments from 0, as the shapes and scalar arguments in a trace do. Source: the operators' schemas
in PyTorch's ``aten/src/ATen/native/native_functions.yaml`` and, for those that are gone, that file in release 1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class ConvolutionArguments:
    """Positions of a convolution's arguments; None where the operator has none of this kind.

    Attributes:
        input: The input of the forward pass, on backward operators too.
        weight: The weight.
        stride: Stride.
        padding: Padding, numbers or ``same`` or ``valid``.
        dilation: Dilation.
        groups: Groups.
        output_padding: Output padding.
        transposed: Position of the flag, or the flag itself where the operator's name says it.
        depthwise: True if there is one group for each channel of the input, and no argument says so.
        output_gradient: The gradient of the output, on backward operators.
        output_mask: Which of the gradients of input, weight and bias are asked for; -1 is the last argument.
    """

    input: int | None = 0
    weight: int | None = 1
    stride: int | None = None
    padding: int | None = None
    dilation: int | None = None
    groups: int | None = None
    output_padding: int | None = None
    transposed: int | bool = False
    depthwise: bool = False
    output_gradient: int | None = None
    output_mask: int | None = None


@dataclass(frozen=True, slots=True)
class ProductArguments:
    """Positions of a matrix product's arguments.

    Attributes:
        first: The first factor; of a linear layer the input.
        second: The second factor; of a linear layer the weight.
        is_linear: True if the second factor is a weight as (out, in), so that its transpose is multiplied.
    """

    first: int = 0
    second: int = 1
    is_linear: bool = False


def _convolution(
    padding: int | None,
    stride: int | None,
    dilation: int | None,
    groups: int | None,
    output_padding: int | None = None,
    *,
    transposed: int | bool = False,
    depthwise: bool = False,
) -> ConvolutionArguments:
    return ConvolutionArguments(
        padding=padding,
        stride=stride,
        dilation=dilation,
        groups=groups,
        output_padding=output_padding,
        transposed=transposed,
        depthwise=depthwise,
    )


_CONV = _convolution(4, 3, 5, 6)
_CONV_TRANSPOSE = _convolution(4, 3, 7, 6, 5, transposed=True)
_CONVOLUTION = _convolution(4, 3, 5, 8, 7, transposed=6)
_LIBRARY = _convolution(3, 4, 5, 6)
_LIBRARY_TRANSPOSE = _convolution(3, 5, 6, 7, 4, transposed=True)

FORWARD_CONVOLUTIONS: Final[Mapping[str, ConvolutionArguments]] = {
    "aten::conv1d": _CONV,
    "aten::conv2d": _CONV,
    "aten::conv3d": _CONV,
    "aten::_convolution_mode": _CONV,
    "aten::conv_transpose1d": _CONV_TRANSPOSE,
    "aten::conv_transpose2d": _CONV_TRANSPOSE,
    "aten::conv_transpose3d": _CONV_TRANSPOSE,
    "aten::convolution": _CONVOLUTION,
    "aten::convolution_overrideable": _CONVOLUTION,
    "aten::_convolution": _CONVOLUTION,
    "aten::_conv_depthwise2d": _convolution(5, 4, 6, None, depthwise=True),
    "aten::conv_depthwise3d": _convolution(5, 4, 6, None, depthwise=True),
    "aten::thnn_conv2d": _convolution(5, 4, None, None),
    "aten::_slow_conv2d_forward": _convolution(5, 4, None, None),
    "aten::slow_conv3d_forward": _convolution(5, 4, None, None),
    "aten::slow_conv_dilated2d": _convolution(5, 4, 6, None),
    "aten::slow_conv_dilated3d": _convolution(5, 4, 6, None),
    "aten::slow_conv_transpose2d": _convolution(5, 4, 7, None, 6, transposed=True),
    "aten::slow_conv_transpose3d": _convolution(5, 4, 7, None, 6, transposed=True),
    "aten::cudnn_convolution": _convolution(2, 3, 4, 5),
    "aten::cudnn_convolution_transpose": _convolution(2, 4, 5, 6, 3, transposed=True),
    "aten::cudnn_convolution_relu": _CONV,
    "aten::cudnn_convolution_add_relu": _convolution(6, 5, 7, 8),
    "aten::miopen_convolution": _LIBRARY,
    "aten::miopen_depthwise_convolution": _LIBRARY,
    "aten::miopen_convolution_transpose": _LIBRARY_TRANSPOSE,
    "aten::miopen_convolution_relu": _CONV,
    "aten::miopen_convolution_add_relu": _convolution(6, 5, 7, 8),
    "aten::mkldnn_convolution": _LIBRARY,
    "mkldnn::_convolution_pointwise": _LIBRARY,
}
"""Forward convolutions at every level of ATen; they nest (conv2d → convolution → _convolution → cudnn_convolution)."""


def _backward(
    input_: int | None,
    output_gradient: int,
    weight: int | None,
    first: int,
    *,
    transposed: bool = False,
    output_mask: int | None = None,
) -> ConvolutionArguments:
    """A library's backward: padding at `first`, output padding if transposed, then stride, dilation, groups."""
    stride = first + 1 + transposed
    return ConvolutionArguments(
        input=input_,
        weight=weight,
        padding=first,
        stride=stride,
        dilation=stride + 1,
        groups=stride + 2,
        output_padding=first + 1 if transposed else None,
        transposed=transposed,
        output_gradient=output_gradient,
        output_mask=output_mask,
    )


def _gradient_operators(prefix: str, *, transposed: bool = False) -> dict[str, ConvolutionArguments]:
    """A library's backward operators: of the whole, and of each gradient (up to release 1.9)."""
    # The input's gradient takes the size of the input first, that of a transposed convolution does not need it.
    of_input = _backward(None, 1 - transposed, 2 - transposed, 3 - transposed)
    of_weight = _backward(2, 1, None, 3)
    return {
        prefix: _backward(0, 1, 2, 3, transposed=transposed, output_mask=-1),
        f"{prefix}_input": replace(of_input, transposed=transposed),
        f"{prefix}_weight": replace(of_weight, transposed=transposed),
    }


BACKWARD_CONVOLUTIONS: Final[Mapping[str, ConvolutionArguments]] = {
    "aten::convolution_backward": ConvolutionArguments(1, 2, 4, 5, 6, 9, 8, 7, False, 0, 10),
    "aten::convolution_backward_overrideable": ConvolutionArguments(1, 2, 3, 4, 5, 8, 7, 6, False, 0, 9),
    "aten::_slow_conv2d_backward": ConvolutionArguments(1, 2, 4, 5, output_gradient=0, output_mask=-1),
    "aten::thnn_conv2d_backward": ConvolutionArguments(1, 2, 4, 5, output_gradient=0, output_mask=-1),
    "aten::mkldnn_convolution_backward": _backward(0, 1, 2, 3, output_mask=-1),
    **_gradient_operators("aten::cudnn_convolution_backward"),
    **_gradient_operators("aten::cudnn_convolution_transpose_backward", transposed=True),
    **_gradient_operators("aten::miopen_convolution_backward"),
    **_gradient_operators("aten::miopen_convolution_transpose_backward", transposed=True),
    **_gradient_operators("aten::miopen_depthwise_convolution_backward"),
}
"""Backward convolutions whose arguments are known."""

MATRIX_PRODUCTS: Final[Mapping[str, ProductArguments]] = {
    "aten::linear": ProductArguments(is_linear=True),
    "aten::mkldnn_linear": ProductArguments(is_linear=True),
    "mkldnn::_linear_pointwise": ProductArguments(is_linear=True),
    "mkl::_mkl_linear": ProductArguments(0, 2, is_linear=True),
    "aten::addmm": ProductArguments(1, 2),
    "aten::_addmm_activation": ProductArguments(1, 2),
    "aten::mm": ProductArguments(),
    "aten::matmul": ProductArguments(),
    "aten::bmm": ProductArguments(),
    "aten::baddbmm": ProductArguments(1, 2),
    "aten::addbmm": ProductArguments(1, 2),
    "aten::addmv": ProductArguments(1, 2),
    "aten::mv": ProductArguments(),
    "aten::_scaled_mm": ProductArguments(),
}
"""Dense matrix products, forward or backward; linear and matmul nest the others."""

_BIAS_OF_CONVOLUTION: Final[dict[str, int | None]] = {
    "aten::cudnn_convolution": None,
    "aten::cudnn_convolution_transpose": None,
    "aten::cudnn_convolution_add_relu": 4,
    "aten::miopen_convolution_add_relu": 4,
    # After the size of the filter.
    "aten::_conv_depthwise2d": 3,
    "aten::conv_depthwise3d": 3,
    "aten::thnn_conv2d": 3,
    "aten::_slow_conv2d_forward": 3,
    "aten::slow_conv3d_forward": 3,
    "aten::slow_conv_dilated2d": 3,
    "aten::slow_conv_dilated3d": 3,
    "aten::slow_conv_transpose2d": 3,
    "aten::slow_conv_transpose3d": 3,
}
"""Position of the bias in convolutions where it is not the argument after the weight; None where there is none."""

_BIAS_OF_PRODUCT: Final = {
    "aten::linear": 2,
    "aten::mkldnn_linear": 2,
    "mkldnn::_linear_pointwise": 2,
    "aten::addmm": 0,
    "aten::_addmm_activation": 0,
}


def bias_place(name: str) -> int | None:
    """Return the position of the bias of a forward convolution or matrix product; None where it has none.

    Args:
        name: The operator, e.g. ``aten::conv2d``.
    """
    return _BIAS_OF_CONVOLUTION.get(name, 2) if name in FORWARD_CONVOLUTIONS else _BIAS_OF_PRODUCT.get(name)
