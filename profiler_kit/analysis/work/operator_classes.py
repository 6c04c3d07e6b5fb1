"""What an operator is, told from its name."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.operator_arguments import FORWARD_CONVOLUTIONS, MATRIX_PRODUCTS
from profiler_kit.trace.health import STEP_PREFIX

CONVOLUTION_OPERATORS: Final = frozenset(FORWARD_CONVOLUTIONS)
"""Forward convolutions at every level of ATen."""

MATRIX_PRODUCT_OPERATORS: Final = frozenset(MATRIX_PRODUCTS)
"""Dense matrix products, forward or backward."""

FUSED_KERNEL_PREFIX: Final = "triton_"
"""torch.compile names a fused kernel by all operators around it: such a name says nothing of what the kernel does."""


def is_forward_convolution(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are forward convolutions, shape (n,)."""
    return told_by_name(names, CONVOLUTION_OPERATORS.__contains__)


def is_backward_convolution(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are the backward of a convolution, shape (n,).

    All generations name them with both words: ``aten::cudnn_convolution_backward_weight`` (2021),
    ``aten::convolution_backward``, ``ConvolutionBackward0``.
    """

    def tell(name: str) -> bool:
        name = name.lower()
        return "convolution" in name and "backward" in name and not name.startswith(FUSED_KERNEL_PREFIX)

    return told_by_name(names, tell)


def is_matrix_product(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are dense matrix products, shape (n,)."""
    return told_by_name(names, MATRIX_PRODUCT_OPERATORS.__contains__)


def is_step(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are profiler steps, as traces of 2021 write them, shape (n,)."""
    return told_by_name(names, lambda name: name.startswith(STEP_PREFIX))
