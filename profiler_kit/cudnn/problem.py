"""One convolution as cuDNN is asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from profiler_kit.errors import ProfilerKitError

Operation = Literal["fprop", "dgrad", "wgrad"]
Shape = tuple[int, ...]

OPERATIONS: Final[tuple[Operation, ...]] = ("fprop", "dgrad", "wgrad")
"""cuDNN's names: the output, the gradient of the input, the gradient of the weight."""

ITEM_BYTES: Final[Mapping[str, int]] = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
"""Data types that convolutions are predicted for, by PyTorch's name, and their sizes."""

NCHW: Final = "NCHW"
NHWC: Final = "NHWC"

_ALWAYS_NCHW: Final = "float64"


class ConvProblemError(ProfilerKitError):
    """A convolution can't exist as described."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvProblem:
    """One pass of one convolution. Spatial dimensions are 2 or 3.

    Attributes:
        operation: ``fprop``, ``dgrad`` (gradient of the input) or ``wgrad`` (gradient of the weight).
        input_shape: (N, C, spatial…) of the forward pass's input, or of its gradient.
        weight_shape: (K, C / groups, spatial…).
        input_strides: Strides in elements.
        weight_strides: Strides in elements.
        output_strides: Strides in elements.
        dtype: Data type of all three tensors: a key of :data:`ITEM_BYTES`.
        stride: Along each spatial dimension; so are the next two.
        padding: Zeros on each side.
        dilation: Dilation.
        groups: Groups.
        allow_tf32: Whether float32 may be computed in TF32 (``torch.backends.cudnn.allow_tf32``).
        deterministic: Whether plans with varying results are refused (``torch.backends.cudnn.deterministic``).
    """

    operation: Operation
    input_shape: Shape
    weight_shape: Shape
    input_strides: Shape
    weight_strides: Shape
    output_strides: Shape
    dtype: str
    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int = 1
    allow_tf32: bool = True
    deterministic: bool = False

    @property
    def output_shape(self) -> Shape:
        """(N, K, spatial…) of the forward pass's output."""
        return output_shape(self.input_shape, self.weight_shape, self.stride, self.padding, self.dilation)

    @property
    def memory_format(self) -> str:
        """``NHWC`` if the input has its channels innermost, else ``NCHW``; also for three spatial dimensions."""
        return NHWC if self.input_strides == strides_of(self.input_shape, NHWC) else NCHW

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel is convolved by itself, as PyTorch defines it."""
        channels = self.input_shape[1]
        return self.groups == channels > 1 and self.weight_shape[0] % channels == 0

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> ConvProblem:
        """Return the problem that :meth:`as_json` wrote."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return cls(**given)


def conv_problem(
    operation: Operation,
    input_shape: Shape,
    weight_shape: Shape,
    *,
    memory_format: str = NCHW,
    dtype: str = "float32",
    stride: Shape | int = 1,
    padding: Shape | int = 0,
    dilation: Shape | int = 1,
    groups: int = 1,
    allow_tf32: bool = True,
    deterministic: bool = False,
) -> ConvProblem:
    """Describe one pass of a convolution as PyTorch asks for it: all tensors dense, in one memory format.

    PyTorch gives the output, and gradients, the memory format of the input and the weight, but makes all tensors of
    float64 NCHW (``cudnn_conv_suggest_memory_format`` in aten/src/ATen/native/ConvUtils.h); a 1-d convolution is a 2-d
    one of height 1 (aten/src/ATen/native/Convolution.cpp, ``view4d``).

    Args:
        operation: ``fprop``, ``dgrad`` or ``wgrad``.
        input_shape: (N, C, spatial…).
        weight_shape: (K, C / groups, spatial…).
        memory_format: ``NCHW`` or ``NHWC``, of the model's tensors.
        dtype: A key of :data:`ITEM_BYTES`.
        stride: One number for all spatial dimensions, or one for each; so are the next two.
        padding: Zeros on each side.
        dilation: Dilation.
        groups: Groups.
        allow_tf32: Whether float32 may be computed in TF32.
        deterministic: Whether plans with varying results are refused.

    Raises:
        ConvProblemError: Shapes and parameters don't make a convolution, or the type is none of those predicted for.
    """
    spatial = len(input_shape) - 2
    parameters = [_each(value, spatial) for value in (stride, padding, dilation)]
    if spatial == 1:
        input_shape = (*input_shape[:2], 1, *input_shape[2:])
        weight_shape = (*weight_shape[:2], 1, *weight_shape[2:])
        parameters = [(neutral, *value) for neutral, value in zip((1, 0, 1), parameters, strict=True)]
    strides, paddings, dilations = parameters
    _check(input_shape, weight_shape, (strides, paddings, dilations), groups, dtype)
    output = output_shape(input_shape, weight_shape, strides, paddings, dilations)
    if min(output) < 1:
        raise ConvProblemError(f"a convolution of {input_shape} with {weight_shape} has no output: {output}")
    if dtype == _ALWAYS_NCHW:
        memory_format = NCHW
    return ConvProblem(
        operation=operation,
        input_shape=input_shape,
        weight_shape=weight_shape,
        input_strides=strides_of(input_shape, memory_format),
        weight_strides=strides_of(weight_shape, memory_format),
        output_strides=strides_of(output, memory_format),
        dtype=dtype,
        stride=strides,
        padding=paddings,
        dilation=dilations,
        groups=groups,
        allow_tf32=allow_tf32,
        deterministic=deterministic,
    )


def output_shape(input_shape: Shape, weight_shape: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    """Return (N, K, spatial…) by the formula of ``torch.nn.Conv2d``'s documentation."""
    spatial = (
        (size + 2 * pad - apart * (kernel - 1) - 1) // step + 1
        for size, kernel, step, pad, apart in zip(
            input_shape[2:], weight_shape[2:], stride, padding, dilation, strict=True
        )
    )
    return (input_shape[0], weight_shape[0], *spatial)


def strides_of(shape: Shape, memory_format: str) -> Shape:
    """Return the strides, in elements, of a dense tensor in NCHW or NHWC order (NCDHW, NDHWC)."""
    last_first = range(len(shape) - 1, -1, -1) if memory_format == NCHW else (1, *range(len(shape) - 1, 1, -1), 0)
    strides, step = [0] * len(shape), 1
    for dimension in last_first:
        strides[dimension] = step
        step *= shape[dimension]
    return tuple(strides)


def _each(value: Shape | int, spatial: int) -> Shape:
    if isinstance(value, int):
        return (value,) * spatial
    return tuple(value) * spatial if len(value) == 1 else tuple(value)


def _check(input_shape: Shape, weight_shape: Shape, parameters: tuple[Shape, ...], groups: int, dtype: str) -> None:
    spatial = len(input_shape) - 2
    what = f"a convolution of {input_shape} with {weight_shape}"
    if spatial not in (2, 3) or len(weight_shape) != len(input_shape):
        raise ConvProblemError(f"{what}: both need a batch, channels, and the same one to three spatial dimensions")
    if any(len(value) != spatial for value in parameters):
        raise ConvProblemError(f"{what}: stride, padding and dilation need one number for each spatial dimension")
    if groups < 1 or input_shape[1] != weight_shape[1] * groups or weight_shape[0] % groups:
        raise ConvProblemError(f"{what} in {groups} groups: channels don't match")
    if dtype not in ITEM_BYTES:
        raise ConvProblemError(f"{what}: {dtype} isn't one of {', '.join(ITEM_BYTES)}")
    strides, _, dilations = parameters
    if min(*input_shape, *weight_shape, *strides, *dilations) < 1:
        raise ConvProblemError(f"{what}: sizes, strides and dilations have to be positive")
