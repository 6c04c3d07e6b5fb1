"""The distinct convolutions of a trace as cuDNN can be asked about them, with the layers that do them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.analysis.selection.selection import Selection
from profiler_kit.cudnn.problem import ITEM_BYTES, NCHW, NHWC, ConvProblem, ConvProblemError, Operation, conv_problem

Shape = tuple[int, ...]

FORWARD: Final = "forward"
PASSES: Final = (FORWARD, "dgrad", "wgrad")
"""Passes of a convolution as the ledger names them."""

_OPERATIONS: Final[Mapping[bool, Mapping[str, Operation]]] = {
    False: {FORWARD: "fprop", "dgrad": "dgrad", "wgrad": "wgrad"},
    # A transposed convolution's forward pass is what the other's gradient of the input is, and the other way round.
    True: {FORWARD: "dgrad", "dgrad": "fprop", "wgrad": "wgrad"},
}

_CHANNELS_LAST: Final = frozenset({"NHWC", "NLC", "NDHWC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerConvolution:
    """One distinct convolution.

    Attributes:
        layers: Names of the layers that do it, in order of first call; may be empty.
        calls: Calls of its forward pass in the trace (of its backward pass where the trace has no other).
        facts: The ledger's row: ``operator``, ``input_shape``, ``weight_shape``, ``stride``, …
        dtype: Data type in the trace.
        memory_format: ``NCHW`` or ``NHWC`` in the trace; ``NCHW`` where the strides were not recorded.
        input_shape: Input of the convolution that cuDNN computes: of a transposed one, the forward pass's output.
        weight_shape: Weight.
        stride: Stride.
        padding: Padding.
        dilation: Dilation.
        groups: Groups.
        transposed: Whether it is a transposed convolution.
    """

    layers: tuple[str, ...]
    calls: int
    facts: Mapping[str, Any]
    dtype: str
    memory_format: str
    input_shape: Shape
    weight_shape: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int
    transposed: bool

    def problem(
        self, which: str, *, dtype: str, memory_format: str, allow_tf32: bool, deterministic: bool
    ) -> ConvProblem:
        """Describe one pass of it for cuDNN.

        Args:
            which: One of :data:`PASSES`.
            dtype: Data type to ask for.
            memory_format: ``NCHW`` or ``NHWC``.
            allow_tf32: Whether float32 may be computed in TF32.
            deterministic: Whether plans with varying results are refused.

        Raises:
            ConvProblemError: There is no such convolution.
        """
        return conv_problem(
            _OPERATIONS[self.transposed][which],
            self.input_shape,
            self.weight_shape,
            memory_format=memory_format,
            dtype=dtype,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            allow_tf32=allow_tf32,
            deterministic=deterministic,
        )


@dataclass(frozen=True)
class LayerConvolutions:
    """The convolutions of a trace that cuDNN can be asked about.

    Attributes:
        convolutions: Distinct ones.
        left_out: Rows of the ledger that stand for none, with the reason, in words.
        layer_source: Where layers come from, in words.
    """

    convolutions: tuple[LayerConvolution, ...]
    left_out: tuple[str, ...]
    layer_source: str


def layer_convolutions(ledger: Selection, first_calls: Mapping[str, int] | None = None) -> LayerConvolutions:
    """Collect the distinct convolutions of a ledger of convolutions.

    Rows of forward and backward passes of one convolution are taken together.

    Args:
        ledger: What :func:`profiler_kit.analysis.selection.selection.selection` returned for ``conv``.
        first_calls: Times of the layers' first calls, to have the convolutions in that order; by default they are in
            the order of the ledger.
    """
    found: dict[tuple[Any, ...], LayerConvolution] = {}
    reasons: dict[str, int] = {}
    rows = sorted(ledger.table.to_dict("records"), key=lambda row: row["pass"] != FORWARD)
    for row in rows:
        if row["pass"] not in PASSES:
            continue  # what adds gradients up or computes a bias's is no pass of its own
        try:
            one = convolution_of_row(row)
        except ConvProblemError as error:
            reasons[str(error)] = reasons.get(str(error), 0) + 1
            continue
        found.setdefault(_key(one), one)
    left_out = tuple(f"{why} ({count} row{'s'[: count != 1]})" for why, count in reasons.items())
    convolutions = list(found.values())
    if first_calls is not None:
        last = max(first_calls.values(), default=0) + 1
        convolutions.sort(key=lambda one: min((first_calls.get(name, last) for name in one.layers), default=last))
    return LayerConvolutions(tuple(convolutions), left_out, ledger.layer_source)


def convolution_of_row(row: Mapping[Any, Any]) -> LayerConvolution:
    """Read one row of the ledger.

    Raises:
        ConvProblemError: It stands for no convolution that can be asked about; the message says why.
    """
    if row["pass"] not in PASSES:
        raise ConvProblemError(f"{row['pass']}: no pass of a convolution")
    one = _convolution(row)
    # The strictest check there is: whether cuDNN could be asked.
    one.problem(FORWARD, dtype=one.dtype, memory_format=NCHW, allow_tf32=True, deterministic=False)
    return one


def _key(one: LayerConvolution) -> tuple[Any, ...]:
    shapes = (one.input_shape, one.weight_shape, one.stride, one.padding, one.dilation)
    return (*shapes, one.groups, one.transposed, one.dtype)


def _missing(value: Any) -> bool:
    """Tell whether a cell is empty; pandas makes NaN of None where it can, and NaN differs from itself."""
    return value is None or bool(value != value)


def _convolution(row: Mapping[Any, Any]) -> LayerConvolution:
    needed = ("input_shape", "weight_shape", "stride", "padding", "dilation", "groups", "transposed")
    if any(_missing(row[name]) for name in needed):
        raise ConvProblemError(f"{row['operator']}: shapes or parameters were not recorded")
    if row["dtype"] not in ITEM_BYTES:
        name = "unknown" if _missing(row["dtype"]) else row["dtype"]
        raise ConvProblemError(f"{row['operator']}: data type {name} isn't predicted for")
    weight, dilation, stride = row["weight_shape"], row["dilation"], row["stride"]
    shape = row["input_shape"]
    if len(shape) == len(weight) - 1:
        shape = (1, *shape)  # an input without a batch
    padding, grown = _padding(row["padding"], weight, dilation)
    shape = (*shape[:2], *(size + more for size, more in zip(shape[2:], grown, strict=True)))
    if row["transposed"]:
        shape = _transposed_output(shape, row, padding)
    return LayerConvolution(
        layers=tuple(row["layers"]),
        calls=int(row["calls"]),
        facts={str(name): value for name, value in row.items()},
        dtype=row["dtype"],
        memory_format=NHWC if row["memory_format"] in _CHANNELS_LAST else NCHW,
        input_shape=shape,
        weight_shape=weight,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=row["groups"],
        transposed=row["transposed"],
    )


def _padding(padding: Shape | str, weight: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    """Return padding in numbers, and by how much PyTorch pads the input itself before.

    For ``same`` with an odd total it adds the odd row or column to the input (``_convolution_same`` in
    aten/src/ATen/native/Convolution.cpp).
    """
    none = (0,) * (len(weight) - 2)
    if padding == "valid":
        return none, none
    if padding == "same":
        totals = [apart * (kernel - 1) for apart, kernel in zip(dilation, weight[2:], strict=True)]
        return tuple(total // 2 for total in totals), tuple(total % 2 for total in totals)
    if isinstance(padding, str):
        raise ConvProblemError(f"padding {padding!r} isn't known")
    return padding, none


def _transposed_output(shape: Shape, row: Mapping[Any, Any], padding: Shape) -> Shape:
    """Return the output's shape of a transposed convolution (the formula of ``torch.nn.ConvTranspose2d``)."""
    weight = row["weight_shape"]
    extra = (0,) * len(padding) if _missing(row["output_padding"]) else row["output_padding"]
    spatial = (
        (size - 1) * step - 2 * pad + apart * (kernel - 1) + more + 1
        for size, step, pad, apart, kernel, more in zip(
            shape[2:], row["stride"], padding, row["dilation"], weight[2:], extra, strict=True
        )
    )
    return (shape[0], weight[1] * row["groups"], *spatial)
