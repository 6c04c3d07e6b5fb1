"""Each change of a layer: what it does to the layer, that the output is right, and where it is impossible."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from profiler_kit.errors import ExperimentError  # noqa: E402
from profiler_kit.experiments.convolution_variants import equal_dense  # noqa: E402
from profiler_kit.experiments.other_algorithms import by_fft, by_winograd  # noqa: E402
from profiler_kit.experiments.subject import (  # noqa: E402
    NotPossibleHereError,
    Subject,
    Variant,
    make_subject,
    relative_error,
    run_once,
)
from profiler_kit.experiments.variants import builders  # noqa: E402

on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="what is impossible differs where there is a GPU")


def subject(layer: nn.Module, *shape: int) -> Subject:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return make_subject(layer, torch.randn(shape))


def outcome(of: Subject, name: str) -> tuple[Variant, Any]:
    variant = builders()[name](of)
    with variant.setting():
        return variant, run_once(variant.call)


CONVOLUTIONS = [
    nn.Conv2d(3, 10, 3, padding=1),
    nn.Conv2d(3, 10, (3, 5), stride=(2, 1), padding=(0, 2), dilation=(1, 2), bias=False),
]


@pytest.mark.parametrize("conv", CONVOLUTIONS, ids=["plain", "strided and dilated"])
@pytest.mark.parametrize(
    "name",
    ["channels_last", "bf16", "autocast", "channels to 4", "channels to 8", "batch 1", "batch 8", "no bias",
     "im2col GEMM", "im2col + GEMM", "equal dense"],
)  # fmt: skip
def test_changed_convolutions_compute_the_same(conv: nn.Conv2d, name: str) -> None:
    of = subject(conv, 2, 3, 11, 9)
    if name == "no bias" and conv.bias is None:
        with pytest.raises(NotPossibleHereError, match="has no bias"):
            builders()[name](of)
        return
    variant, output = outcome(of, name)
    assert variant.name == name
    assert relative_error(variant.arrange(output), variant.expected) <= variant.tolerance
    if name.startswith("batch"):
        assert (variant.samples, len(output)) == (int(name.split()[1]),) * 2
    else:
        assert variant.samples == 2


@pytest.mark.parametrize("name", ["bf16", "autocast", "channels to 4", "channels to 8", "batch 8", "no bias"])
def test_changed_dense_layers_compute_the_same(name: str) -> None:
    variant, output = outcome(subject(nn.Linear(13, 7), 3, 13), name)
    assert relative_error(variant.arrange(output), variant.expected) <= variant.tolerance


def test_autocast_casts_in_every_call() -> None:
    """Input, weight and bias, each time: a cache would leave the casts of weights out of the time."""
    variant = builders()["autocast"](subject(nn.Linear(13, 7), 3, 13))
    with variant.setting(), torch.no_grad():
        variant.call()
        with torch.profiler.profile() as profiler:
            assert variant.call().dtype == torch.bfloat16
            variant.call()
    casts = sum(event.count for event in profiler.key_averages() if event.key == "aten::_to_copy")
    assert casts == 2 * 3
    with pytest.raises(NotPossibleHereError, match="float32 only"):
        builders()["autocast"](make_subject(nn.Linear(13, 7).double(), torch.ones(3, 13).double()))


@pytest.mark.parametrize(("conv", "shape"), [(nn.Conv1d(3, 5, 3), (2, 3, 9)), (nn.Conv3d(3, 5, 2), (1, 3, 4, 5, 6))])
def test_padded_channels_in_other_dimensions(conv: nn.Module, shape: tuple[int, ...]) -> None:
    variant, output = outcome(subject(conv, *shape), "channels to 8")
    assert output.shape[1] == 8
    assert relative_error(variant.arrange(output), variant.expected) <= variant.tolerance


def test_references_are_the_layer_itself_in_double_precision() -> None:
    conv = nn.Conv2d(3, 4, 3)
    of = subject(conv, 1, 3, 6, 6)
    right = functional.conv2d(of.input.double(), conv.weight.double(), conv.bias.double())
    assert torch.equal(of.reference, right.detach())
    assert of.flops == 2 * 4 * 4 * 4 * 27


def test_the_matrix_product_has_the_flops_and_no_more_memory_layout_work() -> None:
    variant, output = outcome(subject(CONVOLUTIONS[0], 2, 3, 11, 9), "im2col GEMM")
    assert output.shape == (2 * 11 * 9, 10)
    assert "198 × 27 times 27 × 10" in variant.change


def test_the_equal_dense_layer_has_the_flops_of_the_convolution() -> None:
    of = subject(nn.Conv2d(3, 64, 3, padding=1), 1, 3, 32, 32)
    dense, flat = equal_dense(of)
    assert (dense.in_features, dense.out_features) == (3072, 576)
    assert of.flops == 2 * 3072 * 576
    assert torch.equal(flat, of.input.reshape(1, -1))


@on_cpu
@pytest.mark.parametrize(
    ("layer", "shape", "name", "reason"),
    [
        (nn.Conv2d(3, 4, 3), (1, 3, 6, 6), "TF32 on", "runs on the CPU"),
        (nn.Conv2d(3, 4, 3), (1, 3, 6, 6), "cudnn.benchmark", "runs on the CPU"),
        (nn.Conv2d(3, 4, 3), (1, 3, 6, 6), "batch 1", "that is the layer as given"),
        (nn.Conv2d(8, 16, 3), (1, 8, 6, 6), "channels to 8", "multiples of 8 already"),
        (nn.Conv2d(4, 4, 3, groups=4), (1, 4, 6, 6), "channels to 8", "without groups"),
        (nn.Conv2d(4, 4, 3, groups=4), (1, 4, 6, 6), "im2col GEMM", "without groups"),
        (nn.Conv2d(3, 4, 3, padding="same"), (1, 3, 6, 6), "im2col GEMM", "padding by numbers"),
        (nn.Conv2d(3, 4, 3), (3, 6, 6), "channels to 8", "no batch dimension"),
        (nn.Linear(4, 4), (4,), "batch 8", "no batch dimension"),
        (nn.Linear(4, 4), (2, 4), "channels_last", "2 dimensions"),
        (nn.Linear(4, 4), (2, 4), "equal dense", "only for convolutions"),
        (nn.Linear(4, 4, bias=False), (2, 4), "no bias", "has no bias"),
        (nn.ReLU(), (2, 4), "no bias", "only for dense layers and convolutions"),
        (nn.ReLU(), (2, 1, 4, 4), "channels_last", "channels_last already"),
        (nn.Flatten(0), (2, 4), "batch 8", "first dimension is not the batch"),
    ],
)
def test_what_makes_no_sense_says_why(layer: nn.Module, shape: tuple[int, ...], name: str, reason: str) -> None:
    with pytest.raises(NotPossibleHereError, match=reason):
        builders()[name](subject(layer, *shape))


@on_cpu
def test_threads_are_set_and_put_back() -> None:
    before = torch.get_num_threads()
    other = next(name for name in builders() if "thread" in name and not name.startswith(f"{before} "))
    variant = builders()[other](subject(nn.Linear(4, 4), 2, 4))
    with variant.setting():
        assert torch.get_num_threads() == int(other.split()[0])
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("layer", "shape", "told"),
    [
        (nn.Conv2d(3, 4, 3), (1, 5, 6, 6), r"Conv2d does not run on input \(1, 5, 6, 6\): RuntimeError"),
        (nn.LSTM(4, 4), (1, 2, 4), "LSTM returns tuple"),
    ],
)
def test_layers_that_cannot_be_measured_are_refused(layer: nn.Module, shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(ExperimentError, match=told):
        subject(layer, *shape)


@pytest.mark.parametrize(
    ("batch", "channels", "filters", "kernel", "size"), [(1, 3, 4, 3, 8), (2, 5, 3, 7, 9), (1, 2, 2, 9, 6)]
)
def test_convolution_by_fft_is_torchs(batch: int, channels: int, filters: int, kernel: int, size: int) -> None:
    images = torch.randn(batch, channels, size, size + 1, dtype=torch.float64)
    weight = torch.randn(filters, channels, kernel, kernel, dtype=torch.float64)
    expected = functional.conv2d(images, weight, padding=kernel // 2)
    torch.testing.assert_close(by_fft(images, weight).whole(), expected)


@pytest.mark.parametrize(("batch", "channels", "filters", "size"), [(1, 3, 4, 8), (3, 5, 2, 6)])
def test_convolution_by_winograd_is_torchs(batch: int, channels: int, filters: int, size: int) -> None:
    images = torch.randn(batch, channels, size, size + 2, dtype=torch.float64)
    weight = torch.randn(filters, channels, 3, 3, dtype=torch.float64)
    algorithm = by_winograd(images, weight)
    torch.testing.assert_close(algorithm.whole(), functional.conv2d(images, weight, padding=1))
    # 16 products for the 4 outputs of a tile: 4/9 of the 36 of the direct way.
    assert algorithm.products().shape == (16, batch * (size // 2) * ((size + 2) // 2), filters)
