"""Convolutions against the dense layers that match them in one respect, over sizes: who is faster, and why.

A convolution with stride 1, odd filters of k×k and padding k // 2 keeps the size of its input. A dense layer on the
same batch can match it in several respects, each exactly:

| equal | dense layer | because |
|---|---|---|
| input size | C·H·W → K | the same values in, an output for each filter |
| FLOPs | C·H·W → K·k² | 2·N·(C·H·W)·(K·k²) = 2·(N·K·H·W)·(C·k²) |
| parameters | C·k² → K | the same weight matrix and bias, applied once instead of at every place |
| output size | C·H·W → K·H·W | the same values in and out |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, log
from typing import Final

from profiler_kit.analysis.ledger.roofs import bandwidth_for
from profiler_kit.analysis.measured.timing_statistics import MedianInterval
from profiler_kit.analysis.problems.flops import convolution_flops, forward_bytes, linear_flops

MATCHES: Final = ("input size", "FLOPs", "parameters", "output size")
"""Respects in which a dense layer can match a convolution."""

ARITHMETIC: Final = "arithmetic"
MEMORY: Final = "memory"
DISPATCH: Final = "dispatch"
"""What a call cannot be faster than."""

_ITEMSIZE: Final = 4


@dataclass(frozen=True)
class ConvolutionShape:
    """A convolution with stride 1 that keeps the size of its input; float32, with bias.

    Attributes:
        batch: Images.
        channels: Channels of the input.
        filters: Channels of the output.
        kernel: Height and width of a filter, odd.
        size: Height and width of an image.
    """

    batch: int
    channels: int
    filters: int
    kernel: int
    size: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        return (self.batch, self.channels, self.size, self.size)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(K, C, R, S)."""
        return (self.filters, self.channels, self.kernel, self.kernel)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(N, K, P, Q)."""
        return (self.batch, self.filters, self.size, self.size)

    @property
    def flops(self) -> int:
        """FLOPs of a forward call."""
        return convolution_flops(self.weight_shape, self.output_shape)

    def matching_dense(self, match: str) -> DenseShape:
        """Return the dense layer that is equal in one of `MATCHES`.

        Raises:
            KeyError: If `match` is none of them.
        """
        values, taps = self.channels * self.size**2, self.kernel**2
        features = {
            "input size": (values, self.filters),
            "FLOPs": (values, self.filters * taps),
            "parameters": (self.channels * taps, self.filters),
            "output size": (values, self.filters * self.size**2),
        }[match]
        return DenseShape(self.batch, *features)

    def __str__(self) -> str:
        return f"Conv2d({self.channels}→{self.filters}, k{self.kernel}) on {self.size}×{self.size}"


@dataclass(frozen=True)
class DenseShape:
    """A dense layer; float32, with bias.

    Attributes:
        batch: Samples.
        inputs: Values of a sample.
        outputs: Outputs of a sample.
    """

    batch: int
    inputs: int
    outputs: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(N, in)."""
        return (self.batch, self.inputs)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(out, in)."""
        return (self.outputs, self.inputs)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(N, out)."""
        return (self.batch, self.outputs)

    @property
    def flops(self) -> int:
        """FLOPs of a forward call."""
        return linear_flops(self.weight_shape, self.output_shape)

    def __str__(self) -> str:
        return f"Linear({self.inputs}→{self.outputs})"


@dataclass(frozen=True)
class Peaks:
    """What the machine can do at best, and what a call costs at least; None where it is not known.

    Attributes:
        flops_per_s: Rate of arithmetic.
        bytes_per_s: Rate of memory, reads and writes together.
        dispatch_ns: Time of a call of a layer with one value, measured.
        source: Where the rates come from.
        cached_bytes_per_s: Rate for less data by its size in bytes, as a cache may hold it.
    """

    flops_per_s: float | None
    bytes_per_s: float | None
    dispatch_ns: float | None
    source: str
    cached_bytes_per_s: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SweptLayer:
    """One layer of the sweep, measured.

    Attributes:
        size: Height and width of the images of its group.
        match: In what a dense layer equals the convolution of the group; None for the convolution.
        layer: The layer in words.
        flops: FLOPs of a call.
        bytes: Bytes that a call moves at least.
        parameters: Values of weight and bias.
        call_ns: Time of a call, measured.
        ratio: Time of the group's convolution over this layer's, by rounds; None for the convolution.
        kernels: What ran.
        bounds_ns: What a call cannot be faster than, by `ARITHMETIC`, `MEMORY` and `DISPATCH`, modelled.
        why: For a dense layer, what makes the difference, in words.
    """

    size: int
    match: str | None
    layer: str
    flops: int
    bytes: int
    parameters: int
    call_ns: MedianInterval
    ratio: MedianInterval | None
    kernels: tuple[str, ...]
    bounds_ns: Mapping[str, float]
    why: str = ""

    @property
    def bound(self) -> str | None:
        """Which bound is the highest; None if none is known.

        A bound that the measured time undercuts is none: small tensors come from a cache, not from memory.
        """
        standing = {name: ns for name, ns in self.bounds_ns.items() if ns <= self.call_ns.median}
        return max(standing or self.bounds_ns, key=lambda name: self.bounds_ns[name], default=None)

    @property
    def attainable_share(self) -> float | None:
        """The highest bound over the measured time: 1 is as fast as the model allows."""
        return None if self.bound is None else self.bounds_ns[self.bound] / self.call_ns.median

    @property
    def winner(self) -> str | None:
        """``convolution``, ``dense``, or ``undecided``; None for the convolution itself."""
        if self.ratio is None:
            return None
        if not isfinite(self.ratio.low):
            return "undecided"
        return "convolution" if self.ratio.high < 1 else "dense" if self.ratio.low > 1 else "undecided"


@dataclass(frozen=True)
class MatchedPairs:
    """A sweep over sizes.

    Attributes:
        batch: Samples in a call.
        peaks: What the machine can do at best.
        layers: Convolution and dense layers of every size, in this order.
        left_out: (layer, reason) of those that were not measured.
        rounds: Rounds measured.
        seconds: What measuring them took.
        preemptions: How often the process lost a core to another one meanwhile; None where that is not counted.
        device: Where it ran, in words.
        load: How busy the machine was before, in words.
    """

    batch: int
    peaks: Peaks
    layers: tuple[SweptLayer, ...]
    left_out: tuple[tuple[str, str], ...]
    rounds: int
    seconds: float
    preemptions: int | None
    device: str
    load: str


def least_bytes(shape: ConvolutionShape | DenseShape) -> int:
    """Return the bytes that a forward call moves at least: each tensor once."""
    return forward_bytes(
        shape.input_shape, shape.weight_shape, shape.output_shape, bias=shape.weight_shape[0], itemsize=_ITEMSIZE
    )


def bounds(flops: int, moved: int, peaks: Peaks) -> dict[str, float]:
    """Return the times that a call cannot be faster than, in ns, as far as the peaks are known.

    Args:
        flops: FLOPs of the call.
        moved: Bytes that it moves at least.
        peaks: What the machine can do.
    """
    found = {}
    if peaks.flops_per_s:
        found[ARITHMETIC] = flops / peaks.flops_per_s * 1e9
    if bandwidth := bandwidth_for(moved, peaks.bytes_per_s, peaks.cached_bytes_per_s):
        found[MEMORY] = moved / bandwidth * 1e9
    if peaks.dispatch_ns:
        found[DISPATCH] = peaks.dispatch_ns
    return found


def why(convolution: SweptLayer, dense: SweptLayer) -> str:
    """Say what makes the difference between the two: their bounds, or how near they come to them.

    The ratio of the times is the ratio of the bounds times the ratio of what is left; the larger of the two, as a
    factor, is named.
    """
    bound, other = convolution.bound, dense.bound
    share, other_share = convolution.attainable_share, dense.attainable_share
    if bound is None or other is None or not share or not other_share:
        return "not known: no rates to compare with"
    of_bounds = convolution.bounds_ns[bound] / dense.bounds_ns[other]
    if abs(log(of_bounds)) < abs(log(other_share / share)):
        return (
            f"efficiency: the convolution reaches {share:.0%} of what its {bound} allows, the dense {other_share:.0%}"
        )
    if bound != other:
        return f"bounds: the convolution waits for {bound}, the dense layer for {other}"
    if bound == ARITHMETIC:
        return f"work: the convolution has {convolution.flops / dense.flops:,.3g} × the FLOPs"
    if bound == MEMORY:
        return f"memory: the convolution moves {convolution.bytes / dense.bytes:,.3g} × the bytes"
    return "both are as short as a call can be"


def overview(layers: Sequence[SweptLayer]) -> dict[str, dict[str, list[int]]]:
    """Return for each match the sizes at which the convolution wins, the dense layer wins, or the noise decides."""
    found: dict[str, dict[str, list[int]]] = {}
    for one in layers:
        if one.match is not None and one.winner is not None:
            found.setdefault(one.match, {}).setdefault(one.winner, []).append(one.size)
    return found
