"""The C library's allocator: memory that is kept costs no page faults, memory that was given back does."""

from __future__ import annotations

import platform

import pytest
import torch

from profiler_kit.record.allocator import give_back_memory, keep_freed_memory, page_faults

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")

MEGABYTES = 16


def faults_of_writing() -> int:
    """Allocate a tensor, write all of it, and count the pages that the system had to give."""
    before = page_faults() or 0
    torch.ones(MEGABYTES << 18)
    return (page_faults() or 0) - before


@glibc_only
def test_kept_memory_needs_no_new_pages_and_given_back_memory_does() -> None:
    keep_freed_memory()
    faults_of_writing()
    pages = (MEGABYTES << 20) // 4096
    assert min(faults_of_writing() for _ in range(3)) < pages // 10
    give_back = give_back_memory()
    assert give_back is not None
    give_back()
    # Huge pages, where the system gives them by itself, are 512 times as large.
    assert faults_of_writing() >= pages // 512
