"""The single changes under which any layer is measured: layout, precision, batch, threads, compilation, settings."""

from __future__ import annotations

import contextlib
import copy
import os
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import torch

from profiler_kit.analysis.measured.experiment import EQUAL_DENSE, FRESH_MEMORY, IM2COL_GEMM, LIBRARY_LAYOUT
from profiler_kit.experiments import convolution_variants
from profiler_kit.experiments.layer_spec import LARGEST_BYTES
from profiler_kit.experiments.subject import (
    TF32_TOLERANCE,
    TOLERANCES,
    NotPossibleHereError,
    Subject,
    Variant,
    as_given,
    attribute,
    batch_of,
    threads,
)
from profiler_kit.record.allocator import give_back_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCHES: Final = (1, 8, 32, 128)

_CHANNELS_LAST: Final = {4: torch.channels_last, 5: torch.channels_last_3d}


def builders(batches: Sequence[int] = BATCHES) -> dict[str, Callable[[Subject], Variant]]:
    """Return what makes each variant, by its name, in the order of reporting.

    Each takes the subject and raises :class:`NotPossibleHereError` where the change makes no sense.

    Args:
        batches: Batch sizes to try.
    """
    cores = os.cpu_count() or 1
    counts = sorted({1, max(cores // 2, 1), cores})
    return {
        "channels_last": _channels_last,
        "bf16": partial(_other_type, name="bf16", dtype=torch.bfloat16),
        "fp16": partial(_other_type, name="fp16", dtype=torch.float16),
        "autocast": _autocast,
        "TF32 on": partial(_tf32, name="TF32 on", allowed=True),
        "TF32 off": partial(_tf32, name="TF32 off", allowed=False),
        "cudnn.benchmark": _cudnn_benchmark,
        **{f"channels to {n}": partial(convolution_variants.padded_channels, multiple=n) for n in (4, 8)},
        **{f"batch {n}": partial(_other_batch, batch=n) for n in batches},
        "no bias": convolution_variants.without_bias,
        "compiled": _compiled,
        LIBRARY_LAYOUT: convolution_variants.in_library_layout,
        FRESH_MEMORY: _fresh_memory,
        **{_threads_name(n): partial(_other_threads, number=n) for n in counts},
        IM2COL_GEMM: convolution_variants.matrix_product,
        "im2col + GEMM": convolution_variants.unfold_and_multiply,
        EQUAL_DENSE: convolution_variants.dense_of_equal_flops,
    }


def _threads_name(number: int) -> str:
    return f"{number} thread{'s'[: number != 1]}"


def _channels_last(subject: Subject) -> Variant:
    given = subject.input
    layout = _CHANNELS_LAST.get(given.dim())
    if layout is None:
        raise NotPossibleHereError(f"the input has {given.dim()} dimensions; channels_last is for 4 or 5")
    if given.is_contiguous(memory_format=layout):
        raise NotPossibleHereError("the input is channels_last already, or has one channel or one pixel only")
    layer = copy.deepcopy(subject.layer).to(memory_format=layout)
    own_input = given.contiguous(memory_format=layout)
    return replace(
        as_given(subject), name="channels_last", change="input and weights in NHWC", call=lambda: layer(own_input)
    )


def _other_type(subject: Subject, *, name: str, dtype: Any) -> Variant:
    if subject.input.dtype == dtype:
        raise NotPossibleHereError("that is the layer as given")
    layer, own_input = copy.deepcopy(subject.layer).to(dtype), subject.input.to(dtype)
    return replace(
        as_given(subject),
        name=name,
        change=f"input and weights in {str(dtype).removeprefix('torch.')}",
        call=lambda: layer(own_input),
        tolerance=max(TOLERANCES[dtype], subject.tolerance),
    )


def _autocast(subject: Subject) -> Variant:
    if subject.input.dtype != torch.float32:
        raise NotPossibleHereError("autocast lowers float32 only")
    kind = subject.input.device.type
    dtype = torch.get_autocast_dtype(kind)
    return replace(
        as_given(subject),
        name="autocast",
        change=f"torch.autocast to {str(dtype).removeprefix('torch.')}, which casts input and weights in every call",
        setting=lambda: torch.autocast(kind, dtype, cache_enabled=False),
        tolerance=max(TOLERANCES[dtype], subject.tolerance),
    )


def _tf32(subject: Subject, *, name: str, allowed: bool) -> Variant:
    if not subject.on_gpu:
        raise NotPossibleHereError("TF32 is a format of NVIDIA's tensor cores, and this runs on the CPU")
    if subject.input.dtype != torch.float32:
        raise NotPossibleHereError("TF32 stands in for float32 only")
    if torch.cuda.get_device_capability(subject.input.device)[0] < 8:
        raise NotPossibleHereError("this GPU has no TF32 (it came with compute capability 8.0)")

    @contextlib.contextmanager
    def setting() -> Iterator[None]:
        backends = torch.backends
        with (
            attribute(backends.cuda.matmul, "allow_tf32", allowed),
            attribute(backends.cudnn, "allow_tf32", allowed),
        ):
            yield

    tolerance = TF32_TOLERANCE if allowed else TOLERANCES[torch.float32]
    change = f"TF32 {'allowed' if allowed else 'forbidden'} for matrix products and convolutions"
    return replace(as_given(subject), name=name, change=change, setting=setting, tolerance=tolerance)


def _cudnn_benchmark(subject: Subject) -> Variant:
    if not subject.on_gpu:
        raise NotPossibleHereError("cuDNN runs on NVIDIA GPUs, and this runs on the CPU")
    cudnn = torch.backends.cudnn
    if cudnn.benchmark:
        raise NotPossibleHereError("that is the layer as given: cudnn.benchmark is on already")
    return replace(
        as_given(subject),
        name="cudnn.benchmark",
        change="cuDNN tries its plans and keeps the fastest",
        setting=lambda: attribute(cudnn, "benchmark", True),
    )


def _other_batch(subject: Subject, *, batch: int) -> Variant:
    given = subject.input
    if given.dim() < 2:
        raise NotPossibleHereError("the input has no batch dimension")
    if batch_of(given) == batch:
        raise NotPossibleHereError("that is the layer as given")
    if subject.reference is None or subject.reference.dim() < 1 or subject.reference.shape[0] != given.shape[0]:
        raise NotPossibleHereError("the output's first dimension is not the batch")
    growth = batch / batch_of(given)
    largest = max(given.numel(), subject.reference.numel()) * given.element_size() * growth
    if largest > LARGEST_BYTES:
        raise NotPossibleHereError(f"input or output would take {largest / 1e9:,.1f} GB")
    own_input = _resized(given, batch)
    return replace(
        as_given(subject),
        name=f"batch {batch}",
        change=f"{batch} sample{'s'[: batch != 1]} in a call; compared by the time of one sample",
        call=lambda: subject.layer(own_input),
        expected=_resized(subject.reference, batch),
        samples=batch,
    )


def _resized(tensor: Any, batch: int) -> Any:
    """Return a tensor of that many samples, repeating those that there are."""
    rows = torch.arange(batch, device=tensor.device) % tensor.shape[0]
    return tensor[rows].contiguous()


def _compiled(subject: Subject) -> Variant:
    layer = copy.deepcopy(subject.layer)

    def run(values: Any) -> Any:
        return layer(values)

    # torch.compile gives up on a piece of code that it has compiled a few times; each experiment brings its own.
    fresh = FunctionType(run.__code__.replace(), globals(), "run", None, run.__closure__)
    compiled = torch.compile(fresh)
    return replace(
        as_given(subject),
        name="compiled",
        change="torch.compile with its default settings",
        call=lambda: compiled(subject.input),
        countable=False,
    )


def _fresh_memory(subject: Subject) -> Variant:
    if subject.on_gpu:
        raise NotPossibleHereError("PyTorch keeps a GPU's memory itself")
    give_back = give_back_memory()
    if give_back is None:
        raise NotPossibleHereError("this C library cannot be asked to give memory back")
    return replace(
        as_given(subject),
        name=FRESH_MEMORY,
        change="freed memory goes back to the system before each call, which must clear new pages for the output",
        before=give_back,
    )


def _other_threads(subject: Subject, *, number: int) -> Variant:
    if subject.on_gpu:
        raise NotPossibleHereError("the work runs on the GPU, not on the CPU's threads")
    if number == torch.get_num_threads():
        raise NotPossibleHereError("that is the layer as given")
    return replace(
        as_given(subject),
        name=_threads_name(number),
        change=f"{number} thread{'s'[: number != 1]} of the CPU instead of {torch.get_num_threads()}",
        setting=lambda: threads(number),
    )
