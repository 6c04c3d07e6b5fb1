"""The C library's allocator: memory that is kept costs no page faults, memory that was given back does."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

pytest.importorskip("torch")

MEGABYTES = 16

# What a process's allocator does depends on all that it has done, so this asks a fresh one.
PROGRAM = f"""
import json, torch
from profiler_kit.record.allocator import give_back_memory, keep_freed_memory, page_faults

def faults_of_writing():
    before = page_faults()
    torch.ones({MEGABYTES} << 18)
    return page_faults() - before

keep_freed_memory()
faults_of_writing()
kept = min(faults_of_writing() for _ in range(5))
give_back_memory()()
print(json.dumps([kept, faults_of_writing()]))
"""


# Of ten processes, about three cannot use the freed memory again: see `keep_freed_memory`.
PROCESSES = 12


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
def test_kept_memory_needs_no_new_pages_and_given_back_memory_does() -> None:
    pages = (MEGABYTES << 20) // 4096
    for _ in range(PROCESSES):
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
        kept, given_back = json.loads(done.stdout)
        # Huge pages, where the system gives them by itself, are 512 times as large.
        assert given_back >= pages // 512
        if kept < pages // 10:
            return
    pytest.fail(f"{PROCESSES} processes needed new pages for memory that was to be kept")
