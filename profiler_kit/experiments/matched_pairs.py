"""The sweep of convolutions against the dense layers that match them, measured on this machine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from profiler_kit.analysis.ledger.roofs import rates_by_size
from profiler_kit.analysis.measured.matched_pairs import (
    MATCHES,
    ConvolutionShape,
    DenseShape,
    MatchedPairs,
    Peaks,
    SweptLayer,
    bounds,
    least_bytes,
    why,
)
from profiler_kit.analysis.measured.timing_statistics import median_interval, ratio_interval
from profiler_kit.devices import device_of_properties
from profiler_kit.errors import ExperimentError
from profiler_kit.experiments.interleaved import Contender, InterleavedTimes, time_interleaved
from profiler_kit.experiments.machine import describe_device, load_average
from profiler_kit.experiments.selected_kernels import selected_kernels
from profiler_kit.record.peaks import measure_cpu_peaks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LARGEST_WEIGHT_BYTES: Final = 1 << 28
"""Most memory that the weight of a dense layer may take."""

LARGEST_IMAGE_BYTES: Final = 1 << 30
"""Most memory that the input or output of a convolution may take."""

_CONVOLUTION: Final = "convolution"
_SMALLEST: Final[dict[str, ConvolutionShape | DenseShape]] = {
    "dense": DenseShape(1, 1, 1),
    _CONVOLUTION: ConvolutionShape(1, 1, 1, 1, 1),
}
"""Layers of one value: what is left of their time is the way to the kernel and back."""


def measure_matched_pairs(
    sizes: Sequence[int],
    *,
    batch: int = 1,
    channels: int = 3,
    filters: int = 64,
    kernel: int = 3,
    seconds: float = 15.0,
    progress: Callable[[float, str], object] | None = None,
) -> MatchedPairs:
    """Time convolutions of several image sizes and the dense layers that match each, in turn, forward.

    Args:
        sizes: Heights (and widths) of the images.
        batch: Samples in a call.
        channels: Channels of the images.
        filters: Filters of the convolution.
        kernel: Height and width of a filter, odd.
        seconds: Time for measuring.
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Raises:
        ExperimentError: If a number makes no sense, or a size is too large to measure.
        RecordingError: If another recording is running.
    """
    report = progress or (lambda _share, _text: None)
    shapes = [ConvolutionShape(batch, channels, filters, kernel, size) for size in dict.fromkeys(sizes)]
    _check(shapes)
    load, device = load_average(), "cuda" if torch.cuda.is_available() else "cpu"
    groups, left_out = _groups(shapes)
    report(0.0, "preparing")
    contenders = {key: _contender(key, shape, device) for key, shape in groups.items()}
    smallest = [_contender(("smallest", name), shape, device) for name, shape in _SMALLEST.items()]
    everything = [*contenders.values(), *smallest]
    with torch.no_grad():
        for one in everything:
            one.call()
    report(0.1, "recording which kernels run")
    kernels = selected_kernels(list(contenders.values()), on_gpu=device == "cuda")
    times = time_interleaved(
        everything,
        seconds=seconds,
        on_gpu=device == "cuda",
        progress=lambda share, text: report(0.2 + 0.8 * share, text),
    )
    median_ns = {name: median_interval(ns).median for name, ns in times.call_ns.items()}
    achieved = max(shape.flops / median_ns[contenders[key].name] * 1e9 for key, shape in groups.items())
    peaks = _peaks(device, min(median_ns[one.name] for one in smallest), achieved)
    swept = [_swept(key, shape, contenders, times, kernels, peaks) for key, shape in groups.items()]
    convolutions = {one.size: one for one in swept if one.match is None}
    layers = tuple(one if one.match is None else replace(one, why=why(convolutions[one.size], one)) for one in swept)
    report(1.0, "done")
    return MatchedPairs(
        batch=batch,
        peaks=peaks,
        layers=layers,
        left_out=left_out,
        rounds=times.rounds,
        seconds=times.seconds,
        preemptions=times.preemptions,
        device=describe_device(device == "cuda"),
        load=load,
    )


_Key = tuple[str, str]


def _check(shapes: Sequence[ConvolutionShape]) -> None:
    if not shapes:
        raise ExperimentError("there are no sizes to measure")
    for shape in shapes:
        if min(shape.batch, shape.channels, shape.filters, shape.kernel, shape.size) < 1:
            raise ExperimentError(f"{shape} at batch {shape.batch}: all numbers must be at least 1")
        if shape.kernel % 2 == 0:
            raise ExperimentError(f"a filter of {shape.kernel}×{shape.kernel} changes the size; give an odd one")
        largest = 4 * shape.batch * max(shape.channels, shape.filters) * shape.size**2
        if largest > LARGEST_IMAGE_BYTES or 4 * shape.channels * shape.filters * shape.kernel**2 > LARGEST_IMAGE_BYTES:
            raise ExperimentError(f"{shape} at batch {shape.batch} is too large to measure; give smaller numbers")


def _groups(
    shapes: Sequence[ConvolutionShape],
) -> tuple[dict[_Key, ConvolutionShape | DenseShape], tuple[tuple[str, str], ...]]:
    """Return the layers to measure by (size, match), each convolution before its dense layers, and the others."""
    chosen: dict[_Key, ConvolutionShape | DenseShape] = {}
    left_out = []
    for shape in shapes:
        chosen[str(shape.size), _CONVOLUTION] = shape
        for match in MATCHES:
            dense = shape.matching_dense(match)
            size = 4 * dense.inputs * dense.outputs
            if size <= LARGEST_WEIGHT_BYTES:
                chosen[str(shape.size), match] = dense
            else:
                left_out.append((f"{dense}, equal {match}", f"its weight would take {size / 1e6:,.0f} MB"))
    return chosen, tuple(left_out)


def _contender(key: _Key, shape: ConvolutionShape | DenseShape, device: str) -> Contender:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        input_ = torch.randn(shape.input_shape).to(device)
        layer: Any
        if isinstance(shape, ConvolutionShape):
            layer = nn.Conv2d(shape.channels, shape.filters, shape.kernel, padding=shape.kernel // 2)
        else:
            layer = nn.Linear(shape.inputs, shape.outputs)
    return Contender(" ".join(key), partial(layer.to(device), input_))


def _peaks(device: str, dispatch_ns: float, achieved_flops_per_s: float) -> Peaks:
    """Return the rates of this machine: measured for the CPU, by the data sheet for a GPU.

    A CPU's short measurement may be disturbed, so that a layer of the sweep is faster; its rate is the peak then.
    """
    if device == "cpu":
        measured = measure_cpu_peaks() or {}
        peak, moved = measured.get("fp32_flops_per_s", 0.0), measured.get("copy_bytes_per_s")
        source = f"measured here: {measured.get('method', 'it failed')}"
        if achieved_flops_per_s > peak:
            source = f"{source}; a layer of the sweep reached more FLOP/s, which is the peak then"
        cached = rates_by_size(measured.get("copy_bytes_per_s_by_size"))
        return Peaks(max(peak, achieved_flops_per_s), moved, dispatch_ns, source, cached)
    facts = torch.cuda.get_device_properties(torch.cuda.current_device())
    found = device_of_properties(
        {"name": facts.name, "numSms": facts.multi_processor_count, "totalGlobalMem": facts.total_memory}
    )
    if found is None:
        return Peaks(None, None, dispatch_ns, f"no rates are known of {facts.name}")
    unit = "tf32_tensor" if torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32 else "fp32"
    rate = found.peak_flops_per_s.get(unit)
    return Peaks(rate, found.memory_bandwidth_bytes_per_s, dispatch_ns, f"data sheet of {found.name}, {unit}")


def _swept(
    key: _Key,
    shape: ConvolutionShape | DenseShape,
    contenders: dict[_Key, Contender],
    times: InterleavedTimes,
    kernels: dict[str, tuple[str, ...]],
    peaks: Peaks,
) -> SweptLayer:
    size, match = key
    own = times.call_ns[contenders[key].name]
    convolution = times.call_ns[contenders[size, _CONVOLUTION].name]
    moved, weight = least_bytes(shape), shape.weight_shape
    return SweptLayer(
        size=int(size),
        match=None if match == _CONVOLUTION else match,
        layer=str(shape),
        flops=shape.flops,
        bytes=moved,
        parameters=prod(weight) + weight[0],
        call_ns=median_interval(own),
        ratio=None if match == _CONVOLUTION else ratio_interval(convolution, own),
        kernels=kernels[contenders[key].name],
        bounds_ns=bounds(shape.flops, moved, peaks),
    )
