"""How large a block of memory may be so that the C library keeps it when it is freed."""

from __future__ import annotations

from typing import Final

SMALLEST_GIVEN_BACK_BYTES: Final = 32 << 20
"""glibc's highest limit on 64 bit, ``DEFAULT_MMAP_THRESHOLD_MAX`` (``mallopt(3)``): a block that large is always mapped
anew and given back when it is freed, so that each call gets pages that the system must clear; smaller ones are kept
once the dynamic limit has come up to them."""
