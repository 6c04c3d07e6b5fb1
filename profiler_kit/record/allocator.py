"""The C library's allocator: whether memory that a call frees is there for the next call.

glibc gives large blocks back to the system when they are freed, so that the next call gets pages that the system must
clear and map first, a page fault each. A convolution's output of 8 MB costs 2,000 of them, which may take longer than
the convolution. How large "large" is depends on the past: freeing a block raises the limit to its size, up to
:data:`profiler_kit.kept_memory.SMALLEST_GIVEN_BACK_BYTES` (``mallopt(3)``, ``M_MMAP_THRESHOLD``: "dynamic mmap
threshold"). So the same call may take one time in a fresh process and another in one that has run for a while.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

import torch

from profiler_kit.kept_memory import SMALLEST_GIVEN_BACK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

_HIGHEST_LIMIT_BYTES: Final = SMALLEST_GIVEN_BACK_BYTES - (1 << 20)
"""Just below glibc's highest limit, as freeing a larger block raises none."""

_TIMES: Final = 3
"""A block that is cut from memory that was freed before raises no limit, and frees that memory; the next one does."""


def keep_freed_memory() -> None:
    """Bring the allocator into the state of a process that has run for a while, by allocating and freeing a block.

    From then on memory below that limit is kept when it is freed; larger blocks never are. Nothing is set that the
    program itself would not come to; other allocators ignore it.

    That memory is kept does not say that it serves again. glibc looks for a little more than a tensor takes, to align
    it, so a freed block does not fit a tensor of its own size while something small lies right behind it, as happens in
    some processes. What a call's memory costs is told by `page_faults`, not by having called this.
    """
    for _ in range(_TIMES):
        block = torch.empty(_HIGHEST_LIMIT_BYTES, dtype=torch.uint8, device="cpu")
        del block


def give_back_memory() -> Callable[[], object] | None:
    """Return what gives all free memory back to the system, so that the next call gets fresh pages; None without it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # musl, macOS and Windows have none
        return None
    return lambda: trim(0)


def page_faults() -> int | None:
    """Return how many pages this process was given so far; None where the system does not say."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows does not have it
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
