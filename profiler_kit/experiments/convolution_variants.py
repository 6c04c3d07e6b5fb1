"""Changes to a convolution or dense layer itself: padded channels, no bias, and the products that do the same work."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from math import prod
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional
from torch.utils import mkldnn

from profiler_kit.analysis.measured.experiment import EQUAL_DENSE, IM2COL_GEMM, LIBRARY_LAYOUT, SMALLEST_IN_LAYOUT
from profiler_kit.experiments.subject import (
    NotPossibleHereError,
    Subject,
    Variant,
    as_given,
    batch_of,
    reference_output,
)

_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

LARGEST_WEIGHT_BYTES: Final = 1 << 28
"""Most memory that the weight of a dense layer, or the columns of im2col, may take."""


def padded_channels(subject: Subject, *, multiple: int) -> Variant:
    """Return the layer with input and output channels filled up with zeros; the output is cut back for comparison."""
    layer = subject.layer
    if isinstance(layer, nn.Linear):
        inputs, outputs, dim = layer.in_features, layer.out_features, -1
    elif isinstance(layer, _CONVOLUTIONS) and layer.groups == 1:
        inputs, outputs, dim = layer.in_channels, layer.out_channels, 1
        if subject.input.dim() != layer.weight.dim():
            raise NotPossibleHereError("the input has no batch dimension")
    else:
        raise NotPossibleHereError("only for dense layers and convolutions without groups")
    more_in, more_out = -inputs % multiple, -outputs % multiple
    if not (more_in or more_out):
        raise NotPossibleHereError(f"{inputs} → {outputs} channels are multiples of {multiple} already")
    wide = copy.deepcopy(layer)
    weight = layer.weight.detach()
    filling = [0, 0] * (weight.dim() - 2) + [0, more_in, 0, more_out]
    wide.weight = nn.Parameter(functional.pad(weight, filling))
    if layer.bias is not None:
        wide.bias = nn.Parameter(functional.pad(layer.bias.detach(), [0, more_out]))
    channels = ("in_features", "out_features") if dim == -1 else ("in_channels", "out_channels")
    for name, size in zip(channels, (inputs + more_in, outputs + more_out), strict=True):
        setattr(wide, name, size)
    behind = [0, 0] * (subject.input.dim() - 2 if dim == 1 else 0)
    own_input = functional.pad(subject.input, [*behind, 0, more_in])
    return replace(
        as_given(subject),
        name=f"channels to {multiple}",
        change=f"{inputs} → {outputs} channels filled up with zeros to {inputs + more_in} → {outputs + more_out}",
        call=lambda: wide(own_input),
        arrange=lambda output: output.narrow(dim, 0, outputs),
    )


def without_bias(subject: Subject) -> Variant:
    """Return the layer without its bias; the right output is the reference less the bias."""
    layer = subject.layer
    if not isinstance(layer, (nn.Linear, *_CONVOLUTIONS)):
        raise NotPossibleHereError("only for dense layers and convolutions")
    if layer.bias is None:
        raise NotPossibleHereError("the layer has no bias")
    bare = copy.deepcopy(layer)
    bare.bias = None
    return replace(
        as_given(subject),
        name="no bias",
        change="no bias is added",
        call=lambda: bare(subject.input),
        expected=reference_output(bare, subject.input),
    )


def matrix_product(subject: Subject) -> Variant:
    """Return the one matrix product that a convolution is, with its windows laid out as rows beforehand (im2col)."""
    conv = _plain_conv2d(subject)
    rows = _windows(conv, subject.input).transpose(1, 2).reshape(-1, conv.weight[0].numel()).contiguous()
    weight = conv.weight.detach().flatten(1)
    bias = None if conv.bias is None else conv.bias.detach()
    shape = f"{len(rows)} × {weight.shape[1]} times {weight.shape[1]} × {weight.shape[0]}"
    return replace(
        as_given(subject),
        name=IM2COL_GEMM,
        change=f"the same products as one matrix product, {shape}, windows laid out beforehand",
        call=lambda: functional.linear(rows, weight, bias),
        arrange=lambda output: _as_image(output, subject.reference),
    )


def unfold_and_multiply(subject: Subject) -> Variant:
    """Return the same with the laying out in the time."""
    conv = _plain_conv2d(subject)
    weight = conv.weight.detach().flatten(1)
    bias = None if conv.bias is None else conv.bias.detach()

    def call() -> Any:
        return functional.linear(_windows(conv, subject.input).transpose(1, 2), weight, bias)

    return replace(
        as_given(subject),
        name="im2col + GEMM",
        change="windows laid out by unfold, then one matrix product",
        call=call,
        arrange=lambda output: _as_image(output.flatten(0, 1), subject.reference),
    )


def in_library_layout(subject: Subject) -> Variant:
    """Return the convolution on tensors that stay in oneDNN's own layout, weights laid out beforehand."""
    layer, given = subject.layer, subject.input
    if subject.on_gpu or not torch.backends.mkldnn.is_available():
        raise NotPossibleHereError("oneDNN is a library for CPUs" if subject.on_gpu else "PyTorch is without oneDNN")
    if not isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) or given.dim() != layer.weight.dim():
        raise NotPossibleHereError("only for convolutions, on a batch")
    if given.dtype != torch.float32 or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise NotPossibleHereError("only for float32, with padding by numbers and zeros")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # from PyTorch 2.14 on, about its own use of TorchScript
        laid_out = mkldnn.to_mkldnn(nn.Sequential(copy.deepcopy(layer)).eval())[0]
    own_input = given.to_mkldnn()
    return replace(
        as_given(subject),
        name=LIBRARY_LAYOUT,
        change="input, weights and output in oneDNN's own layout, so that outputs are not reordered",
        call=lambda: laid_out(own_input),
        arrange=lambda output: output.to_dense(),
        countable=False,
    )


def dense_of_equal_flops(subject: Subject) -> Variant:
    """Return a dense layer on the same values, with as many outputs as make the FLOPs those of the convolution."""
    dense, flat = equal_dense(subject)
    made = f"Linear({dense.in_features}, {dense.out_features})"
    return replace(
        as_given(subject),
        name=EQUAL_DENSE,
        change=f"a dense layer of about equal FLOPs on the same values: {made}",
        call=lambda: dense(flat),
        expected=reference_output(dense, flat),
    )


def equal_dense(subject: Subject) -> tuple[nn.Linear, Any]:
    """Return that layer and its input.

    Raises:
        NotPossibleHereError: If the layer is no convolution, or the weight would be too large.
    """
    if not isinstance(subject.layer, _CONVOLUTIONS) or subject.flops is None:
        raise NotPossibleHereError("only for convolutions")
    given = subject.input
    batch = batch_of(given) if given.dim() == subject.layer.weight.dim() else 1
    features = given.numel() // batch
    outputs = max(1, round(subject.flops / (2 * batch * features)))
    size = prod((features, outputs, given.element_size()))
    if size > LARGEST_WEIGHT_BYTES:
        raise NotPossibleHereError(f"its weight, {outputs} × {features}, would take {size / 1e9:,.2f} GB")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dense = nn.Linear(features, outputs, bias=subject.layer.bias is not None, dtype=given.dtype)
    return dense.to(given.device), given.reshape(batch, features)


def smallest_like(subject: Subject, *, name: str, like: nn.Module) -> Variant:
    """Return a layer of one value of the same class, whose time is the way to the kernel and back."""
    if not isinstance(like, (nn.Linear, *_CONVOLUTIONS)):
        raise NotPossibleHereError("only for dense layers and convolutions")
    layer, one = _of_one_value(like, subject.input)
    made = type(like).__name__
    return Variant(
        name,
        f"{made} of one value: what is left of a call's time is the way to the kernel and back",
        lambda: layer(one),
        reference_output(layer, one),
        subject.tolerance,
        samples=1,
    )


def _of_one_value(like: nn.Module, given: Any) -> tuple[nn.Module, Any]:
    """Return a layer of one value of the same class, and its input, of the type and on the device of a tensor."""
    sizes = (1, 1) if isinstance(like, nn.Linear) else (1, 1, 1)
    one = torch.ones((1,) * like.weight.dim(), dtype=given.dtype, device=given.device)
    return type(like)(*sizes).to(given), one


def smallest_in_library_layout(subject: Subject) -> Variant:
    """Return a convolution of one value on tensors in oneDNN's own layout."""
    if not isinstance(subject.layer, _CONVOLUTIONS):
        raise NotPossibleHereError("only for convolutions")
    layer, one = _of_one_value(subject.layer, subject.input)
    laid_out = in_library_layout(replace(subject, layer=layer, input=one))
    return replace(
        laid_out,
        name=SMALLEST_IN_LAYOUT,
        change=f"{type(subject.layer).__name__} of one value in oneDNN's layout: the way to its kernel and back",
        expected=reference_output(layer, one),
        samples=1,
    )


def _plain_conv2d(subject: Subject) -> nn.Conv2d:
    layer = subject.layer
    if not isinstance(layer, nn.Conv2d) or layer.groups != 1 or subject.input.dim() != 4:
        raise NotPossibleHereError("only for two-dimensional convolutions without groups, on a batch")
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise NotPossibleHereError(
            f"only with padding by numbers and zeros, not {layer.padding!r} {layer.padding_mode}"
        )
    if subject.reference is None:
        raise NotPossibleHereError("the layer does not run in double precision, so its output cannot be checked")
    places = prod(subject.reference.shape[2:]) * subject.input.shape[0]
    size = places * layer.weight[0].numel() * subject.input.element_size()
    if size > LARGEST_WEIGHT_BYTES:
        raise NotPossibleHereError(f"the windows laid out would take {size / 1e9:,.2f} GB")
    return layer


def _windows(conv: nn.Conv2d, images: Any) -> Any:
    """Return the windows of the images, (N, C·R·S, P·Q)."""
    return functional.unfold(images, conv.kernel_size, dilation=conv.dilation, padding=conv.padding, stride=conv.stride)


def _as_image(rows: Any, like: Any) -> Any:
    """Bring outputs by place, (N·P·Q, K), into the form of a convolution's, (N, K, P, Q)."""
    batch, channels, height, width = like.shape
    return rows.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
