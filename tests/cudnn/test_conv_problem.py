from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from profiler_kit.cudnn.problem import ConvProblem, ConvProblemError, conv_problem, strides_of
from profiler_kit.cudnn.tensor_copies import NO_COPIES, tensor_copies

FORMATS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


@settings(deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 9)] * 2, *[st.integers(1, 20)] * 2),
    kernel=st.tuples(*[st.integers(1, 4)] * 2),
    filters=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    depthwise=st.booleans(),
    memory_format=st.sampled_from(sorted(FORMATS)),
)
def test_shapes_and_strides_are_torchs(
    sizes: tuple[int, int, int, int],
    kernel: tuple[int, int],
    filters: int,
    stride: int,
    padding: int,
    dilation: int,
    depthwise: bool,
    memory_format: str,
) -> None:
    channels = sizes[1]
    groups = channels if depthwise else 1
    layer = torch.nn.Conv2d(channels, filters * groups, kernel, stride, padding, dilation, groups, device="meta")
    x = torch.empty(sizes, device="meta").to(memory_format=FORMATS[memory_format])
    try:
        y = layer.to(memory_format=FORMATS[memory_format])(x)
    except RuntimeError:
        assume(False)
    problem = conv_problem(
        "fprop",
        sizes,
        tuple(layer.weight.shape),
        memory_format=memory_format,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    assert problem.output_shape == tuple(y.shape)
    dense = torch.empty(sizes, device="meta").to(memory_format=FORMATS[memory_format])
    if min(sizes) > 1:
        assert problem.input_strides == tuple(dense.stride())
    assert ConvProblem.of_json(problem.as_json()) == problem


def test_a_1d_convolution_is_a_2d_one_of_height_1() -> None:
    problem = conv_problem("fprop", (2, 8, 100), (16, 8, 5), stride=2, padding=(2,))
    assert (problem.input_shape, problem.weight_shape) == ((2, 8, 1, 100), (16, 8, 1, 5))
    assert (problem.stride, problem.padding, problem.output_shape) == ((1, 2), (0, 2), (2, 16, 1, 50))


def test_3d_strides() -> None:
    assert strides_of((2, 3, 4, 5, 6), "NCHW") == (360, 120, 30, 6, 1)
    x = torch.empty(2, 3, 4, 5, 6).to(memory_format=torch.channels_last_3d)
    assert strides_of((2, 3, 4, 5, 6), "NHWC") == x.stride()


def test_float64_is_asked_for_in_nchw_as_pytorch_does() -> None:
    # cudnn_conv_suggest_memory_format (aten/src/ATen/native/ConvUtils.h) is Contiguous where a tensor is kDouble.
    formats = {
        dtype: conv_problem("fprop", (2, 3, 8, 8), (4, 3, 3, 3), dtype=dtype, memory_format="NHWC").memory_format
        for dtype in ("float64", "float32", "bfloat16")
    }
    assert formats == {"float64": "NCHW", "float32": "NHWC", "bfloat16": "NHWC"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (((1, 3, 8, 8), (4, 2, 3, 3), {}), "channels"),
        (((1, 3, 8, 8), (4, 3, 9, 9), {}), "no output"),
        (((1, 3), (4, 3), {}), "spatial"),
        (((1, 3, 8, 8), (4, 3, 3), {}), "spatial"),
        (((1, 3, 8, 8), (4, 3, 3, 3), {"dtype": "int8"}), "int8"),
        (((0, 3, 8, 8), (4, 3, 3, 3), {}), "positive"),
        (((1, 3, 8, 8), (4, 3, 3, 3), {"stride": 0}), "positive"),
        (((1, 4, 8, 8), (3, 2, 3, 3), {"groups": 2}), "groups"),
        (((1, 3, 8, 8), (4, 3, 3, 3), {"padding": (1, 1, 1)}), "dimension"),
    ],
)
def test_what_is_no_convolution_is_refused(arguments: tuple, reason: str) -> None:
    shape, weight, others = arguments
    with pytest.raises(ConvProblemError, match=reason):
        conv_problem("fprop", shape, weight, **others)


VIT = conv_problem("fprop", (4, 3, 224, 224), (768, 3, 16, 16), stride=16, dtype="bfloat16")
RESNET = conv_problem("fprop", (32, 64, 56, 56), (64, 64, 3, 3), padding=1, dtype="float16")
IN = OUT = 32 * 64 * 56 * 56 * 2
WEIGHT = 64 * 64 * 9 * 2


def test_padded_copies_are_recognised_by_size() -> None:
    copies = tensor_copies(VIT, 6_357_008)
    assert copies is not None
    assert (copies.tensors, copies.channels_padded_to) == (("input", "weight"), 8)
    assert copies.total_bytes == (4 * 224 * 224 * 8 + 768 * 16 * 16 * 8) * 2 == 6_357_008 - 16


def test_doubled_copies_are_recognised() -> None:
    # What cuDNN 9.28 asks for on an H100 with an engine that uses no tensor cores.
    copies = tensor_copies(VIT, 7_176_208)
    assert copies is not None
    assert (copies.tensors, copies.doubled) == (("input", "weight", "output"), True)
    tensors = 4 * 3 * 224 * 224 + 768 * 3 * 16 * 16 + 4 * 768 * 14 * 14
    assert copies.total_bytes == 4 * tensors == 7_176_208 - 16


@pytest.mark.parametrize(
    ("workspace", "tensors"),
    [
        (IN + WEIGHT, ("input", "weight")),
        (IN + WEIGHT + OUT + 16, ("input", "weight", "output")),
        (IN + OUT + 131, ("input", "output")),
        (IN, ("input",)),
    ],
)
def test_copies_without_padding(workspace: int, tensors: tuple[str, ...]) -> None:
    copies = tensor_copies(RESNET, workspace)
    assert copies is not None
    assert copies.tensors == tensors
    assert copies.channels_padded_to is None


def test_a_workspace_that_no_copies_explain_stays_unexplained() -> None:
    assert tensor_copies(RESNET, IN + 1_000_000) is None
    assert tensor_copies(RESNET, 5_000_000) is None


def test_a_small_workspace_holds_no_tensor() -> None:
    assert tensor_copies(RESNET, 0) == NO_COPIES
    assert tensor_copies(RESNET, 131) == NO_COPIES
    assert tensor_copies(RESNET, 2304) == NO_COPIES
