"""What an operator is, told from its name."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.operator_arguments import FORWARD_CONVOLUTIONS, MATRIX_PRODUCTS

CONVOLUTION_OPERATORS: Final = frozenset(FORWARD_CONVOLUTIONS)
"""Forward convolutions at every level of ATen."""

MATRIX_PRODUCT_OPERATORS: Final = frozenset(MATRIX_PRODUCTS)
"""Dense matrix products, forward or backward."""

FUSED_KERNEL_PREFIX: Final = "triton_"
"""torch.compile names a fused kernel by all operators around it: such a name says nothing of what the kernel does."""


def _flags(names: pd.Series, categories: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spread a decision made once per name over the rows of a category column."""
    codes = names.cat.codes.to_numpy()
    return np.where(codes >= 0, categories[codes], False)


def is_forward_convolution(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are forward convolutions, shape (n,)."""
    return _flags(names, names.cat.categories.isin(list(CONVOLUTION_OPERATORS)))


def is_backward_convolution(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are the backward of a convolution, shape (n,).

    All generations name them with both words: ``aten::cudnn_convolution_backward_weight`` (2021),
    ``aten::convolution_backward``, ``ConvolutionBackward0``.
    """
    lower = names.cat.categories.str.lower()
    both = lower.str.contains("convolution", regex=False) & lower.str.contains("backward", regex=False)
    return _flags(names, both & ~lower.str.startswith(FUSED_KERNEL_PREFIX))


def is_matrix_product(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are dense matrix products, shape (n,)."""
    return _flags(names, names.cat.categories.isin(list(MATRIX_PRODUCT_OPERATORS)))
