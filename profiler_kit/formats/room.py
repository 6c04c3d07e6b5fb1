"""Memory for columns, in blocks so large that the system backs them with large pages."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_BLOCK_BYTES: Final = 16 << 20
_PAGE_BYTES: Final = 2 << 20
_ALIGNED: Final = 64


class Room:
    """Hands out arrays that share blocks of memory, and live as long as any of a block does.

    The first touch of memory costs a µs or more for each page, of 4 KiB as a rule. NumPy asks the system for pages of
    2 MiB, but only for arrays of 4 MiB and more, which columns seldom are.
    """

    def __init__(self) -> None:
        self._block = np.empty(0, dtype=np.uint8)
        self._at = 0

    def empty(self, length: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array whose values are not set."""
        size = length * np.dtype(dtype).itemsize
        if size > _BLOCK_BYTES:
            return np.empty(length, dtype)
        if self._at + size > len(self._block):
            self._block = np.empty(_BLOCK_BYTES + _PAGE_BYTES, dtype=np.uint8)
            self._at = -self._block.__array_interface__["data"][0] % _PAGE_BYTES
        values = self._block[self._at : self._at + size].view(dtype)
        self._at += size + -size % _ALIGNED
        return values

    def copy(self, values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return a copy of values, as a type that holds them."""
        copied = self.empty(len(values), dtype)
        copied[:] = values
        return copied
