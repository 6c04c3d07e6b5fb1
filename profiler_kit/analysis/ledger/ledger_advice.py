"""What to try against a factor, and what the ledger expects of it.

Every expectation is computed from the ledger's own figures: a time that would go, or a model that would change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from profiler_kit.analysis.ledger import ledger_factors as ledger
from profiler_kit.analysis.ledger.gemm_tiles import fill
from profiler_kit.analysis.ledger.ledger_factors import Factor
from profiler_kit.analysis.ledger.ledger_words import time_text
from profiler_kit.analysis.ledger.problem_sides import Side
from profiler_kit.analysis.ledger.roofs import COMPUTE_UNITS
from profiler_kit.analysis.ledger.side_components import channel_padding, main_us, partly_empty_steps
from profiler_kit.analysis.passes.casts import WEIGHT
from profiler_kit.analysis.passes.kernel_roles import BIAS, CAST, LAYOUT_TRANSFORM, MAIN, MEMSET
from profiler_kit.analysis.problems.problem_shapes import ITEMSIZES
from profiler_kit.analysis.work.host_work import reorders_weights
from profiler_kit.kept_memory import SMALLEST_GIVEN_BACK_BYTES

CHANNELS_LAST: Final = "channels_last"
BATCH: Final = "batch"
PAD_CHANNELS: Final = "pad_channels"
IM2COL_GEMM: Final = "im2col_gemm"
LOW_PRECISION: Final = "bf16"
CUDNN_BENCHMARK: Final = "cudnn_benchmark"
BIAS_OFF: Final = "bias_off"
COMPILE: Final = "torch_compile"
LIBRARY_LAYOUT: Final = "onednn_layout"

_MOST_TIMES_THE_BATCH: Final = 32

_ALIKE: Final = 2.0
"""A dense layer with no more than so many times the work, or no less, does it at about the same rate."""


@dataclass(frozen=True)
class Advice:
    """What to try.

    Attributes:
        text: The advice and its expectation, to be read after "try".
        change: One of the constants of this module; None where no variant of a layer tries it.
        us: Time of a call that is expected, in µs; None where nothing is.
        batch: The batch size to try, of a larger batch.
        at_best: Whether that time is a bound.
    """

    text: str
    change: str | None
    us: float | None
    batch: int | None = None
    at_best: bool = False


def _expect(slow: Side, us: float, *, at_best: bool = False) -> str:
    saved = 1 - us / slow.device_us
    if at_best:
        return f"{time_text(us)} a call at best instead of {time_text(slow.device_us)} (−{saved:.0%} at most)"
    return f"{time_text(us)} a call expected instead of {time_text(slow.device_us)} (−{saved:.0%})"


def _without(slow: Side, part: str, change: str | None, advice: str, *, at_best: bool = True) -> Advice | None:
    """Advise something after which a part of the call's time is not needed; another kernel may be chosen with it."""
    if not slow.parts_us[part]:
        return None
    us = slow.device_us - slow.parts_us[part]
    kept = "with the main kernels as they are, " if at_best else ""
    return Advice(f"{advice}: {kept}{_expect(slow, us, at_best=at_best)}.", change, us, at_best=at_best)


def _layout(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    if slow.of == "host time":
        return _library_layout(slow)
    if slow.problem.memory_format in ("NHWC", "NDHWC", "NLC"):
        return None
    advice = "model and input in torch.channels_last"
    if slow.roofs.processors == COMPUTE_UNITS:
        # Otherwise PyTorch turned tensors back for MIOpen before ROCm 7, see pytorch/pytorch#170947.
        advice += ", before ROCm 7 with PYTORCH_MIOPEN_SUGGEST_NHWC=1 in the environment"
    return _without(slow, LAYOUT_TRANSFORM, CHANNELS_LAST, advice)


def _library_layout(slow: Side) -> Advice | None:
    """Advise to leave tensors in oneDNN's layout: no reorder of them runs, and none is set up.

    What surrounds the kernels of a call is shared between them: each must be looked up or made, and needs memory. That
    is a model. Weights are reordered in any case, as PyTorch stores them.
    """
    reorders = [kernel for kernel in slow.kernels if kernel.role == LAYOUT_TRANSFORM]
    ours = [kernel for kernel in reorders if not reorders_weights(kernel.name)]
    primitives = sum(kernel.launches for kernel in slow.kernels if kernel.role in (LAYOUT_TRANSFORM, MAIN))
    if not ours or not primitives:
        return None
    share = 1 - _share_of_weights(slow)
    set_up = slow.parts_us["helper"] * sum(kernel.launches for kernel in ours) / primitives
    us = slow.device_us - slow.parts_us[LAYOUT_TRANSFORM] * share - set_up
    advice = "tensors left in oneDNN's own layout (torch.utils.mkldnn, or torch.compile with frozen weights)"
    return Advice(f"{advice}: {_expect(slow, us)}.", LIBRARY_LAYOUT, us)


def _share_of_weights(side: Side) -> float:
    """Return the share of the reorders' time that goes into weights."""
    reorders = [kernel for kernel in side.kernels if kernel.role == LAYOUT_TRANSFORM]
    weights = sum(kernel.us for kernel in reorders if reorders_weights(kernel.name))
    return weights / sum(kernel.us for kernel in reorders) if reorders else 0.0


def _casts(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    weight = next((cast for cast in slow.casts if cast.tensor == WEIGHT), None)
    if weight is None or weight.us < slow.parts_us[CAST] / 2:
        return _without(slow, CAST, None, "tensors that have the type already where they are made")
    dtype = weight.dtype or "the lower precision"
    often = "in every call" if weight.times > _ALWAYS else f"{weight.times:.2g} × a call"
    advice = f"a weight that is {dtype} already, as it is cast {often}: "
    advice += f"the model in {dtype}, or for inference one torch.autocast around all steps, which casts it once"
    return _without(slow, CAST, None, advice)


_ALWAYS: Final = 0.99
"""Casts of a call from which on it is every one."""


def _timed_algorithms(side: Side) -> str:
    """Return the setting that lets the convolution library time its algorithms; PyTorch has one for cuDNN and MIOpen.

    On ROCm it makes PyTorch ask MIOpen to search for a shape's algorithm, see pytorch/pytorch#145294.
    """
    if side.roofs.processors == COMPUTE_UNITS:
        return "torch.backends.cudnn.benchmark=True, which on ROCm times MIOpen's algorithms"
    return "cudnn.benchmark=True, which times other algorithms"


def _memsets(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    advice = f"{_timed_algorithms(slow)} and may find one that needs none"
    return _without(slow, MEMSET, CUDNN_BENCHMARK, advice)


def _helpers(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    if not slow.is_convolution:
        return None
    advice = f"{_timed_algorithms(slow)} and may find one without helper kernels"
    return _without(slow, "helper", CUDNN_BENCHMARK, advice)


def _dispatch(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    sizes, many = slow.problem.input_shape, _times_the_batch(slow)
    if not slow.parts_us["helper"] or not sizes or len(sizes) < 2 or many is None:
        return None
    # Weights are reordered once in a call, too, however many samples there are.
    once = slow.parts_us["helper"] + _share_of_weights(slow) * slow.parts_us[LAYOUT_TRANSFORM]
    batch = sizes[0] * many
    us = slow.device_us - once * (1 - 1 / many)
    if us > _WORTH_TELLING * slow.device_us:
        return None
    advice = f"a batch of {batch}, as what a call needs once is then shared by {many} × the samples"
    # Of one sample's call, all of it is needed once. Of a batch's, no single recording tells what grows with the batch.
    at_best = sizes[0] > 1
    if at_best:
        advice += ", of which some may grow with them"
    if many < _SHARED_BY:
        advice += (
            f" (with more, an output of {SMALLEST_GIVEN_BACK_BYTES >> 20} MiB and up gets new memory in each call)"
        )
    expected = _expect(slow, us, at_best=at_best)
    return Advice(f"{advice}: {expected}, for as many samples as now.", BATCH, us, batch, at_best)


_WORTH_TELLING: Final = 0.95
"""A change after which a call takes more than this share of its time is no advice: a larger batch moves that much."""

_SHARED_BY: Final = 8
"""So many times the samples leave little of what a call needs once."""


def _times_the_batch(slow: Side) -> int | None:
    """Return by how much to enlarge the batch without outputs getting new memory in each call, unless they do now."""
    output, itemsize = slow.problem.output_shape, ITEMSIZES.get(slow.problem.dtype or "")
    if slow.of != "host time" or output is None or itemsize is None:
        return _SHARED_BY
    now = prod(output) * itemsize
    if now >= SMALLEST_GIVEN_BACK_BYTES:
        return _SHARED_BY
    return next((many for many in (_SHARED_BY, 4, 2) if now * many < SMALLEST_GIVEN_BACK_BYTES), None)


def _bias(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    advice = "bias=False where a normalisation follows, or torch.compile, which fuses it"
    return _without(slow, BIAS, BIAS_OFF, advice, at_best=False)


def _channels(slow: Side, fast: Side, factor: Factor) -> Advice | None:
    padded = (channel_padding(slow).value or 1.0) * (partly_empty_steps(slow).value or 1.0)
    if padded <= 1:
        return None
    if _are_patches(slow):
        us = _as_linear(slow, fast, padded)
        advice = "a linear layer over the unfolded input, as its patches don't overlap, with K unpadded"
        return Advice(f"{advice}: {_expect(slow, us)}, and a copy of the input.", IM2COL_GEMM, us)
    if factor.name == ledger.STEP_FILLING:
        return None
    us = slow.device_us - main_us(slow) * (1 - 1 / padded)
    advice = "as many channels as the alignment asks for, with data in them (space-to-depth)"
    return Advice(f"{advice}: {_expect(slow, us)} for the same useful FLOPs.", PAD_CHANNELS, us)


def _as_linear(slow: Side, fast: Side, padded: float) -> float:
    """Return the time to expect of the linear layer that does the same as a convolution of patches.

    At the rate of the fast side, if that is a dense layer of about the same work; else without what the convolution
    needs for its layout and its padding.
    """
    if slow.flops and fast.flops and not fast.is_convolution and len(fast.problem.weight_shape or ()) == 2:
        work = slow.flops / fast.flops
        if 1 / _ALIKE < work < _ALIKE:
            return fast.device_us * work
    spared = slow.parts_us[LAYOUT_TRANSFORM] + slow.parts_us[MEMSET]
    return slow.device_us - spared - main_us(slow) * (1 - 1 / padded)


def _are_patches(side: Side) -> bool:
    """Tell whether a convolution cuts its input into patches, so that it is one matrix product of a reshaped input."""
    problem = side.problem
    weight, groups = problem.weight_shape or (), problem.groups
    plain = set(problem.dilation or (0,)) == {1} and groups == 1 and not problem.transposed
    return plain and problem.stride == weight[2:] and set(problem.padding or (1,)) == {0}


def _larger_batch(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    """Look for the smallest batch at which tiles and waves waste little."""
    main, sizes, sms = slow.main, slow.problem.input_shape, slow.roofs.sm_count
    if main is None or main.ctas is None or not sizes or not sms or slow.pass_ not in ("forward", "dgrad"):
        return None
    now = _waste(slow, 1)
    times = range(1, _MOST_TIMES_THE_BATCH + 1)
    least = min(_waste(slow, many) for many in times)
    many = next(many for many in times if _waste(slow, many) <= 1.05 * least)
    if many == 1:
        return None
    batch = sizes[0] * many
    us = slow.device_us - main_us(slow) * (1 - _waste(slow, many) / now)
    advice = f"a batch of {batch}"
    return Advice(f"{advice}: {_expect(slow, us)}, for as many samples as now.", BATCH, us, batch)


def _waste(side: Side, many: int) -> float:
    """Return time for a sample at so many times the batch, relative to full tiles on all SMs."""
    main, sms = side.main, side.roofs.sm_count
    assert main is not None and main.ctas is not None and sms is not None  # noqa: S101, PT018 - the caller looked
    laid, gemm = main.tiling, main.gemm
    if laid is None or gemm is None:
        return 1 / fill(main.ctas * many, main.ctas * many, sms)
    rows = ceil(gemm.m * many / laid.rows)
    tiles = laid.tiles // laid.tiles_m * rows
    return rows * laid.rows / (gemm.m * many) / fill(tiles, tiles, sms)


def _unit(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    unit = slow.main.unit if slow.main else None
    peaks = slow.roofs.peak_flops_per_s
    better = "bf16_tensor" if "bf16_tensor" in peaks else "fp16_tensor"
    if unit is None or unit not in peaks or better not in peaks or peaks[better] <= peaks[unit]:
        return None
    us = slow.device_us - main_us(slow) * (1 - peaks[unit] / peaks[better])
    advice = f"torch.autocast to {better.removesuffix('_tensor')}, which uses tensor cores"
    return Advice(f"{advice}: {_expect(slow, us, at_best=True)}.", LOW_PRECISION, us, at_best=True)


def _memory(slow: Side, _fast: Side, _factor: Factor) -> Advice | None:
    if slow.problem.dtype != "float32":
        return None
    us = slow.device_us - main_us(slow) / 2
    told = f"torch.autocast, which halves the bytes: {_expect(slow, us, at_best=True)}."
    return Advice(told, LOW_PRECISION, us, at_best=True)


def _rest(slow: Side, fast: Side, factor: Factor) -> Advice | None:
    if slow.flops is None or fast.flops is None:
        return None  # what is not explained may be more work
    us = slow.device_us - main_us(slow) * (1 - 1 / factor.value)
    change: str | None = CUDNN_BENCHMARK
    advice = _timed_algorithms(slow)
    if slow.of == "host time" or not slow.is_convolution:
        change, advice = None, "another implementation (library, layout or shapes)"
    saved = 1 - us / slow.device_us
    told = f"{advice}: one as efficient as the fast side's would take {time_text(us)} a call instead of "
    # How efficient another one is, nobody knows before: that time is neither expected nor a bound.
    return Advice(f"{told}{time_text(slow.device_us)} (−{saved:.0%}).", change, None)


ADVICE: Final[Mapping[str, Callable[[Side, Side, Factor], Advice | None]]] = {
    ledger.CHANNEL_PADDING: _channels,
    ledger.STEP_FILLING: _channels,
    ledger.TILE_QUANTIZATION: _larger_batch,
    ledger.ARITHMETIC_UNIT: _unit,
    ledger.FILL: _larger_batch,
    ledger.MEMORY_BOUND: _memory,
    ledger.MAIN_KERNEL_REST: _rest,
    ledger.LAYOUT_TRANSFORMS: _layout,
    ledger.CASTS: _casts,
    ledger.HELPER_KERNELS: _helpers,
    ledger.DISPATCH: _dispatch,
    ledger.MEMSETS: _memsets,
    ledger.BIAS_KERNELS: _bias,
}
