"""How PyTorch chooses among cuDNN's plans, mirrored from aten/src/ATen/native/cudnn/Conv_v8.cpp.

The rules are those of the copies of that file that were read, not checked release by release.

Without ``torch.backends.cudnn.benchmark`` it takes the first plan of the heuristics' list (mode INSTANT, or mode B with
``TORCH_CUDNN_USE_HEURISTIC_MODE_B``) that its filter keeps, that finalizes, and whose workspace can be allocated; if
there is none, the first such of the fallback list. With benchmark it times up to ``benchmark_limit`` of them, and the
prediction can then only name the candidates. Its short list of known-bad plans (errata) isn't mirrored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from profiler_kit.cudnn.problem import NCHW, ConvProblem

NONDETERMINISTIC: Final = "determinism asked for, and its results vary (NONDETERMINISTIC)"
DOWN_CONVERTS: Final = "TF32 off, and it lowers the precision of its inputs (DOWN_CONVERT_INPUTS)"
TENSOR_CORES: Final = "TF32 off, and it uses tensor cores (TENSOR_CORE)"


def removed_by(notes: Mapping[str, bool | None], problem: ConvProblem) -> str | None:
    """Name the rule of PyTorch's ``filterEngineConfigs`` that removes a plan with these notes, if one does."""
    if problem.deterministic and notes.get("NONDETERMINISTIC"):
        return NONDETERMINISTIC
    if problem.dtype == "float32" and not problem.allow_tf32:
        if notes.get("DOWN_CONVERT_INPUTS"):
            return DOWN_CONVERTS
        if notes.get("TENSOR_CORE"):
            return TENSOR_CORES
    return None


def asks_cudnn(problem: ConvProblem) -> bool | None:
    """Return whether PyTorch gives this convolution to cuDNN; ``None`` where that hangs on a table not mirrored here.

    Depthwise convolutions in NCHW go to PyTorch's own kernels, except some in 16 bits, by a table of workloads
    (``use_cudnn_depthwise`` in aten/src/ATen/native/Convolution.cpp).
    """
    if not (problem.is_depthwise and problem.memory_format == NCHW):
        return True
    return None if problem.dtype in ("float16", "bfloat16") else False
