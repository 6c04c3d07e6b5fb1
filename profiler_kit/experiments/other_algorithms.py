"""Convolution by FFT and by Winograd's algorithm, in PyTorch's own operators.

No library offers to choose them from PyTorch, so they are built here: each whole, and its products alone, which no
implementation can do without. Filters are transformed beforehand, as for inference. Stride 1, "same" padding, odd
square filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Algorithm:
    """A convolution computed in another way.

    Attributes:
        whole: Computes the output, (N, K, H, W).
        products: Only the products in the transformed domain.
    """

    whole: Callable[[], Any]
    products: Callable[[], Any]


def by_fft(images: Any, weight: Any) -> Algorithm:
    """Convolve by the convolution theorem: a complex matrix product over channels at every frequency.

    Args:
        images: (N, C, H, W).
        weight: (K, C, R, R).
    """
    kernel = weight.shape[-1]
    height, width = images.shape[-2:]
    padded = (height + kernel - 1, width + kernel - 1)
    half = kernel // 2
    # Cross-correlation, which a convolution layer computes, is convolution with the conjugate spectrum.
    spectrum = torch.fft.rfft2(weight, s=padded).conj().permute(2, 3, 1, 0).contiguous()

    def transformed() -> Any:
        shifted = functional.pad(images, (half, kernel - 1 - half, half, kernel - 1 - half))
        return torch.fft.rfft2(shifted, s=padded).permute(2, 3, 0, 1).contiguous()

    def whole() -> Any:
        product = transformed() @ spectrum
        return torch.fft.irfft2(product.permute(2, 3, 0, 1), s=padded)[..., :height, :width]

    ready = transformed()
    return Algorithm(whole, lambda: ready @ spectrum)


def by_winograd(images: Any, weight: Any) -> Algorithm:
    """Convolve 3×3 filters by Winograd's F(2×2, 3×3): 16 products for 4 outputs instead of 36.

    Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks* (2015), section 4.1: Y = Aᵀ[(G g Gᵀ) ⊙
    (Bᵀ d B)]A for tiles d of 4×4 that overlap by 2.

    Args:
        images: (N, C, H, W) with even H and W.
        weight: (K, C, 3, 3).
    """
    batch, channels, height, width = images.shape
    filters = weight.shape[0]
    options = {"dtype": images.dtype, "device": images.device}
    b_t = torch.tensor([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], **options)
    g = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], **options)
    a_t = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1]], **options)
    transformed_filters = (g @ weight @ g.T).permute(2, 3, 1, 0).reshape(16, channels, filters).contiguous()

    def transformed() -> Any:
        tiles = functional.pad(images, (1, 1, 1, 1)).unfold(2, 4, 2).unfold(3, 4, 2)
        values = b_t @ tiles @ b_t.T
        return values.permute(4, 5, 0, 2, 3, 1).reshape(16, -1, channels).contiguous()

    def whole() -> Any:
        product = torch.bmm(transformed(), transformed_filters)
        tiles = product.reshape(4, 4, batch, height // 2, width // 2, filters).permute(2, 5, 3, 4, 0, 1)
        output = a_t @ tiles @ a_t.T
        return output.permute(0, 1, 2, 4, 3, 5).reshape(batch, filters, height, width)

    ready = transformed()
    return Algorithm(whole, lambda: torch.bmm(ready, transformed_filters))
