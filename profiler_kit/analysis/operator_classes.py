"""What an operator is, told from its name: the one home of the operator names that analyses look for."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CONVOLUTION_OPERATORS: Final = frozenset(
    {
        "aten::conv1d",
        "aten::conv2d",
        "aten::conv3d",
        "aten::conv_transpose1d",
        "aten::conv_transpose2d",
        "aten::conv_transpose3d",
        "aten::convolution",
        "aten::convolution_overrideable",
        "aten::_convolution",
        "aten::_convolution_mode",
        "aten::_conv_depthwise2d",
        "aten::conv_depthwise3d",
        "aten::_slow_conv2d_forward",
        "aten::slow_conv3d_forward",
        "aten::slow_conv_dilated2d",
        "aten::slow_conv_dilated3d",
        "aten::slow_conv_transpose2d",
        "aten::slow_conv_transpose3d",
        "aten::thnn_conv2d",
        "aten::cudnn_convolution",
        "aten::cudnn_convolution_relu",
        "aten::cudnn_convolution_add_relu",
        "aten::cudnn_convolution_transpose",
        "aten::miopen_convolution",
        "aten::miopen_convolution_relu",
        "aten::miopen_convolution_transpose",
        "aten::miopen_depthwise_convolution",
        "aten::mkldnn_convolution",
    }
)
"""Forward convolutions at every level of ATen; they nest (conv2d → convolution → _convolution → cudnn_convolution)."""

MATRIX_PRODUCT_OPERATORS: Final = frozenset(
    {
        "aten::linear",
        "aten::mkldnn_linear",
        "aten::addmm",
        "aten::_addmm_activation",
        "aten::mm",
        "aten::matmul",
        "aten::bmm",
        "aten::baddbmm",
        "aten::addbmm",
        "aten::addmv",
        "aten::mv",
        "aten::_scaled_mm",
    }
)
"""Dense matrix products, forward or backward; linear and matmul nest the others."""


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
    return _flags(names, lower.str.contains("convolution", regex=False) & lower.str.contains("backward", regex=False))


def is_matrix_product(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators are dense matrix products, shape (n,)."""
    return _flags(names, names.cat.categories.isin(list(MATRIX_PRODUCT_OPERATORS)))
