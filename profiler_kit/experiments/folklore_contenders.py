"""What is timed for the claims: the layers of the usual comparison, and others that differ from them in one respect."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn
from torch.nn import functional

from profiler_kit.experiments.interleaved import Contender
from profiler_kit.experiments.other_algorithms import by_fft, by_winograd
from profiler_kit.experiments.subject import (
    attribute,
    first_line,
    reference_output,
    relative_error,
    run_once,
    threads,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PRODUCTS: Final = " products"
"""End of the name of the products alone of an algorithm, without its transforms."""

BATCHES: Final = (1, 32)

_IMAGE: Final = 32
"""Height and width of the images of the usual comparison."""


@dataclass(frozen=True)
class Candidate:
    """Something to be timed.

    Attributes:
        contender: What is timed.
        what: What it is, in words.
        flops: Useful FLOPs of a call.
        samples: Samples in a call.
        error: Largest error of its output, relative to the largest value of the right one; None without a right one.
    """

    contender: Contender
    what: str
    flops: int
    samples: int
    error: float | None


class Bench:
    """Collects candidates; those that do not run here are listed with the reason.

    Attributes:
        device: ``cpu`` or ``cuda``.
        candidates: By name, in the order of adding.
        not_possible: (what, reason) pairs.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.candidates: dict[str, Candidate] = {}
        self.not_possible: list[tuple[str, str]] = []

    def add(
        self,
        name: str,
        what: str,
        call: Callable[[], Any],
        *,
        flops: int,
        samples: int = 1,
        expected: Any = None,
        setting: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Run something once, compare its output, and keep it."""
        try:
            with setting():
                output = run_once(call)
            error = None if expected is None else relative_error(output, expected)
        except Exception as problem:  # a setting or an operator that this machine does not have
            self.not_possible.append((what, first_line(problem)))
            return
        self.candidates[name] = Candidate(Contender(name, call, setting), what, flops, samples, error)


def gather(device: str) -> Bench:
    """Make everything that the claims need.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    bench = Bench(device)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for batch in BATCHES:
            _usual_layers(bench, batch)
            _without_windows(bench, batch)
            _small_output(bench, batch)
            _choices(bench, batch)
        _wide_convolution(bench)
        _algorithms(bench)
        _nnpack(bench)
    return bench


def _random(bench: Bench, *shape: int) -> Any:
    return torch.randn(shape).to(bench.device)


def _conv(bench: Bench, channels: int, filters: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(channels, filters, kernel, padding=kernel // 2).to(bench.device)


def _flops(batch: int, channels: int, filters: int, kernel: int, size: int = _IMAGE) -> int:
    return 2 * batch * filters * size**2 * channels * kernel**2


def _usual_layers(bench: Bench, batch: int) -> None:
    """Add the three layers of the usual comparison, and for the convolutions their matrix product."""
    dense, vector = nn.Linear(1024, 512).to(bench.device), _random(bench, batch, 1024)
    bench.add(
        f"dense b{batch}",
        f"Linear(1024→512), batch {batch}",
        lambda: dense(vector),
        flops=2 * batch * 1024 * 512,
        samples=batch,
    )
    values = 3 * _IMAGE**2
    same, flat = nn.Linear(values, 576).to(bench.device), _random(bench, batch, values)
    bench.add(
        f"dense like k3 b{batch}",
        f"Linear(3072→576), batch {batch}: input size and FLOPs of k3",
        lambda: same(flat),
        flops=2 * batch * values * 576,
        samples=batch,
    )
    images = _random(bench, batch, 3, _IMAGE, _IMAGE)
    for kernel in (3, 7):
        _conv_and_product(bench, f"k{kernel} b{batch}", _conv(bench, 3, 64, kernel), images)


def _conv_and_product(bench: Bench, name: str, conv: nn.Conv2d, images: Any) -> None:
    """Add a convolution, and the one matrix product over its windows, laid out beforehand."""
    batch, kernel = images.shape[0], conv.kernel_size[0]
    flops = _flops(batch, conv.in_channels, conv.out_channels, kernel)
    what = f"Conv2d({conv.in_channels}→{conv.out_channels}, k{kernel}), batch {batch}"
    bench.add(name, what, lambda: conv(images), flops=flops, samples=batch)
    rows = functional.unfold(images, kernel, padding=kernel // 2).transpose(1, 2).flatten(0, 1).contiguous()
    weight, bias = conv.weight.flatten(1), conv.bias
    right = conv(images).permute(0, 2, 3, 1).flatten(0, 2).cpu().double()
    bench.add(
        f"{name} as GEMM",
        f"matrix product of {what}, {len(rows)}×{weight.shape[1]} times {weight.shape[1]}×{weight.shape[0]}",
        lambda: functional.linear(rows, weight, bias),
        flops=flops,
        samples=batch,
        expected=right,
    )


def _without_windows(bench: Bench, batch: int) -> None:
    """Add 1×1 convolutions, whose access is that of a matrix, with the FLOPs of k3 and k7."""
    for kernel in (3, 7):
        channels = 3 * kernel**2
        conv, images = _conv(bench, channels, 64, 1), _random(bench, batch, channels, _IMAGE, _IMAGE)
        bench.add(
            f"1×1 like k{kernel} b{batch}",
            f"Conv2d({channels}→64, k1), batch {batch}: FLOPs of k{kernel}, no windows",
            partial(conv, images),
            flops=_flops(batch, channels, 64, 1),
            samples=batch,
        )


def _small_output(bench: Bench, batch: int) -> None:
    """Add a 3×3 convolution of equal FLOPs and equally many input values with a sixteenth of the output."""
    conv, images = _conv(bench, 48, 64, 3), _random(bench, batch, 48, 8, 8)
    bench.add(
        f"k3 small output b{batch}",
        f"Conv2d(48→64, k3) on 8×8, batch {batch}: input values and FLOPs of k3, 1/16 of the output",
        lambda: conv(images),
        flops=_flops(batch, 48, 64, 3, 8),
        samples=batch,
    )


def _wide_convolution(bench: Bench) -> None:
    """Add a convolution from the middle of a network, where nothing is small."""
    _conv_and_product(bench, "wide k3 b1", _conv(bench, 64, 64, 3), _random(bench, 1, 64, _IMAGE, _IMAGE))


def _algorithms(bench: Bench) -> None:
    """Add FFT and Winograd against the usual convolution of equal work, without bias."""
    for name, channels, kernel in (("small k3", 3, 3), ("small k7", 3, 7), ("wide k3", 64, 3), ("small k31", 3, 31)):
        images, weight = _random(bench, 1, channels, _IMAGE, _IMAGE), _random(bench, 64, channels, kernel, kernel)
        flops, padding = _flops(1, channels, 64, kernel), kernel // 2
        right = functional.conv2d(images.cpu().double(), weight.cpu().double(), padding=padding)
        shape = f"({channels}→64, k{kernel})"

        def usual(images: Any = images, weight: Any = weight, padding: int = padding) -> Any:
            return functional.conv2d(images, weight, padding=padding)

        bench.add(f"{name} usual", f"convolution {shape}, no bias", usual, flops=flops, expected=right)
        ways = {"FFT": by_fft(images, weight)}
        if kernel == 3:
            ways["Winograd"] = by_winograd(images, weight)
        for way, algorithm in ways.items():
            what = f"{way} of {shape}"
            bench.add(f"{name} {way}", what, algorithm.whole, flops=flops, expected=right)
            bench.add(f"{name} {way}{PRODUCTS}", f"{what}, its products alone", algorithm.products, flops=flops)


def _nnpack(bench: Bench) -> None:
    """Add a library's own Winograd and FFT: without oneDNN, PyTorch takes NNPACK for batches of 16 and more.

    For images of 32×32, NNPACK chooses Winograd's F(6×6, 3×3) for 3×3 filters and FFT on tiles of 16×16 for 7×7 ones
    (its src/convolution-output.c: 8×8 tiles unless four times their number of 16×16 ones is less).
    """
    if bench.device != "cpu":
        return
    for kernel, way in ((3, "Winograd"), (7, "FFT")):
        conv, images = _conv(bench, 3, 64, kernel), _random(bench, 32, 3, _IMAGE, _IMAGE)
        what = f"NNPACK's {way} of (3→64, k{kernel}), batch 32"
        bench.add(
            f"k{kernel} NNPACK b32",
            what,
            partial(conv, images),
            flops=_flops(32, 3, 64, kernel),
            samples=32,
            expected=reference_output(conv, images),
            setting=_without_library(bench.device),
        )


def _choices(bench: Bench, batch: int) -> None:
    """Add the same layer under other choices of library, layout, precision and hardware."""
    conv, images = _conv(bench, 3, 64, 7), _random(bench, batch, 3, _IMAGE, _IMAGE)
    right, flops = reference_output(conv, images), _flops(batch, 3, 64, 7)

    def add(name: str, how: str, call: Callable[[], Any], **options: Any) -> None:
        what = f"Conv2d(3→64, k7), batch {batch}, {how}"
        bench.add(f"k7 {name} b{batch}", what, call, flops=flops, samples=batch, expected=right, **options)

    add("as it is", "as it is", partial(conv, images))
    library = "cuDNN" if bench.device == "cuda" else "oneDNN"
    add("other library", f"without {library}", partial(conv, images), setting=_without_library(bench.device))
    turned = copy.deepcopy(conv).to(memory_format=torch.channels_last)
    add("other layout", "channels_last", partial(turned, images.contiguous(memory_format=torch.channels_last)))
    if bench.device == "cpu":
        number = 1 if torch.get_num_threads() > 1 else 2
        how = f"{number} thread{'s'[: number != 1]} instead of {torch.get_num_threads()}"
        add("other threads", how, partial(conv, images), setting=partial(threads, number))
    if batch == BATCHES[0] or bench.device == "cuda":
        # A CPU without instructions for it takes so long that a larger batch would take most of the time.
        half = copy.deepcopy(conv).to(torch.bfloat16)
        add("other precision", "in bfloat16", partial(half, images.bfloat16()))


def _without_library(device: str) -> Callable[[], AbstractContextManager[object]]:
    backends = torch.backends
    return lambda: attribute(backends.cudnn if device == "cuda" else backends.mkldnn, "enabled", False)
