"""How PyTorch chooses among cuDNN's plans, and which convolutions it gives to cuDNN at all.

Mirrored from two files of PyTorch, each read at several points of its history:

- ``aten/src/ATen/native/cudnn/Conv_v8.cpp``. At pytorch/pytorch 06ca69ca (between 2.0 and 2.2), in ROCm's copy of a
  2.x release (40756461), and on a main of 2026 (cyyever/pytorch 0d188885), the filter is the same: determinism drops
  NONDETERMINISTIC, every type drops DOWN_CONVERT_INPUTS, float32 without TF32 drops TENSOR_CORE. (Drafts of before it
  was released dropped DOWN_CONVERT_INPUTS for float32 alone.) Without ``torch.backends.cudnn.benchmark`` the first
  plan of the heuristics' list (mode INSTANT, or mode B with ``TORCH_CUDNN_USE_HEURISTIC_MODE_B``) is taken that the
  filter keeps, that finalizes, that no erratum names, and whose workspace can be allocated; there is no other limit.
  If there is none, the first such of the fallback list. (The newest main asks for one plan first and for the rest only
  if that fails: the same choice.) With benchmark, up to ``benchmark_limit`` (10) plans of both lists are timed, and a
  prediction can only name the candidates.
- ``aten/src/ATen/native/Convolution.cpp``, ``ConvParams::use_cudnn`` and ``use_cudnn_depthwise``, at cyyever/pytorch
  021c4c1a (2026) and in older copies. One copy in between gives 3-d convolutions of 16-bit types in NCHW to PyTorch's
  own kernels with cuDNN 9.8 to 9.14; older ones do so with dilated convolutions in NCHW where determinism is asked for.
  Neither is mirrored.

PyTorch up to 1.13 uses cuDNN's legacy API unless told otherwise; nothing here speaks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from profiler_kit.cudnn.problem import NCHW, ConvProblem, Operation

NONDETERMINISTIC: Final = "determinism asked for, and its results vary (NONDETERMINISTIC)"
DOWN_CONVERTS: Final = "it lowers the precision of its inputs (DOWN_CONVERT_INPUTS)"
TENSOR_CORES: Final = "TF32 off, and it uses tensor cores (TENSOR_CORE)"
EARLY_BFLOAT16: Final = "bfloat16 on a GPU before compute capability 8.0"
DEPTHWISE: Final = "depthwise in NCHW"
ERRATUM: Final = "PyTorch's list of faulty plans names it (erratum {})"

_BFLOAT16_SINCE: Final = 800
"""Compute capability, times a hundred, from which on PyTorch gives bfloat16 to cuDNN."""

_LARGEST_INT32: Final = 2**31 - 1


def removed_by(notes: Mapping[str, bool | None], problem: ConvProblem) -> str | None:
    """Name the rule of PyTorch's ``filterEngineConfigs`` that removes a plan with these notes, if one does."""
    if problem.deterministic and notes.get("NONDETERMINISTIC"):
        return NONDETERMINISTIC
    if notes.get("DOWN_CONVERT_INPUTS"):
        return DOWN_CONVERTS
    if problem.dtype == "float32" and not problem.allow_tf32 and notes.get("TENSOR_CORE"):
        return TENSOR_CORES
    return None


@dataclass(frozen=True, slots=True)
class _Erratum:
    """A plan that PyTorch doesn't take because it is faulty.

    Attributes:
        rule: Its name in PyTorch's source.
        operation: What it computes.
        engine: Its engine.
        since: First version of cuDNN that has it.
        until: First that hasn't.
        spatial: Spatial dimensions that it is about; ``None`` for any.
        capability: Compute capability, times a hundred, that it is about; ``None`` for any.
    """

    rule: str
    operation: Operation
    engine: int
    since: int
    until: int = 1_000_000
    spatial: int | None = None
    capability: int | None = None


_ERRATA: Final = (
    _Erratum("188288", "fprop", 5, 92301, 92400),
    _Erratum("sm120_conv_fwd_engine_58", "fprop", 58, 92300, capability=1200),
    _Erratum("sm120_conv_bwd_data_engine_63", "dgrad", 63, 92300, capability=1200),
    _Erratum("sm120_conv_bwd_filter_engine_63", "wgrad", 63, 92300, capability=1200),
    _Erratum("163539", "fprop", 23, 90800, 91500, spatial=3),
    _Erratum("ConvBwdData", "dgrad", 23, 8000, spatial=3),
)
"""``plan_errata_exception`` of cyyever/pytorch 0d188885; older releases have fewer. Those for compute capability 12.0
hold for PyTorch built with cuBLAS before 13.6.1."""


def erratum(engine: int, problem: ConvProblem, cudnn_version: int, capability: int) -> str | None:
    """Name the erratum that keeps PyTorch from taking a plan, if one does.

    Args:
        engine: The plan's engine.
        problem: What it computes.
        cudnn_version: cuDNN's version number.
        capability: The device's compute capability, times a hundred.
    """
    for one in _ERRATA:
        if (
            (one.operation, one.engine) == (problem.operation, engine)
            and one.since <= cudnn_version < one.until
            and one.spatial in (None, len(problem.stride))
            and one.capability in (None, capability)
        ):
            return ERRATUM.format(one.rule)
    return None


def own_kernel(problem: ConvProblem, capability: int, *, transposed: bool = False) -> str | None:
    """Say why PyTorch computes a convolution with a kernel of its own; ``None`` if it gives it to cuDNN.

    Args:
        problem: One pass of it.
        capability: The device's compute capability, times a hundred.
        transposed: Whether it is a transposed convolution, of which none counts as depthwise.
    """
    if problem.dtype == "bfloat16" and capability < _BFLOAT16_SINCE:
        return EARLY_BFLOAT16
    if transposed or not problem.is_depthwise or problem.memory_format != NCHW:
        return None
    if prod(problem.input_shape) > _LARGEST_INT32 or (problem.dtype == "float16" and _fast_depthwise(problem)):
        return None
    return DEPTHWISE


def _fast_depthwise(problem: ConvProblem) -> bool:
    """Tell whether PyTorch finds cuDNN faster than itself at a depthwise convolution in NCHW and float16.

    ``use_cudnn_depthwise`` and ``check_cudnn_depthwise_workload_with_filter``.
    """
    if len(problem.stride) != _PLANE or set(problem.dilation) != {1}:
        return False
    batch, channels, height, width = problem.input_shape
    stride = problem.stride[1]
    if channels < 32 or (problem.stride[0] != stride and height != 1):
        return False
    if height == 1 and stride == 1:
        return True
    kernel_height, kernel = problem.weight_shape[2:]
    if kernel_height != kernel or kernel not in (1, 3, 5) or width < 7 or stride not in (1, 2):
        return False
    if stride == 1:
        return True
    if batch == 1:
        return kernel > 1 or width <= 28
    if kernel == 1:
        return batch <= 16 and channels >= 128 and width <= 7
    return channels >= 512 or (channels >= 256 and width >= 28)


_PLANE: Final = 2
