"""What the CPU can do at most, measured: the rate of a matrix product and of a copy.

Tables of peaks know GPUs; what a CPU reaches depends on its clock under load, its vector units, the number of threads
and its memory. So a recording on a CPU measures both ends of the roofline itself, and the trace carries them.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

MATRIX_SIZES = (512, 1024)
"""Rows and columns of the matrices: a few threads do best with the one, many threads with the other."""

COPY_BYTES = 64 << 20
"""Size of the copied array, beyond most caches of the last level."""

_SECONDS_EACH = 0.08
"""Time for each of the measurements, after its warm-up call."""

_FEWEST_CALLS = 2

_logger = logging.getLogger(__name__)


def measure_cpu_peaks() -> dict[str, Any] | None:
    """Measure the rate of an fp32 matrix product and of a copy in memory, with PyTorch's number of threads.

    Takes about 0.3 s the first time; the result is kept for the rest of the process as long as the number of threads
    is the same. It runs in a thread of its own, because autocast, grad mode, default device and torch's modes (such as
    ``FlopCounterMode``) are settings of a thread: the caller's are neither used nor touched. No random numbers are
    drawn.

    Returns:
        ``device`` ("cpu"), ``threads``, ``fp32_flops_per_s`` (2·n³ FLOP by the time of a product of n×n matrices),
        ``copy_bytes_per_s`` (bytes read + bytes written, as STREAM counts them, by the fastest copy) and ``method``;
        None if it could not be measured.
    """
    measured = _measured(torch.get_num_threads())
    return None if measured is None else dict(measured)


@functools.lru_cache(maxsize=8)
def _measured(threads: int) -> dict[str, Any] | None:
    result: dict[str, Any] = {}
    thread = threading.Thread(target=_measure, args=(threads, result), name="profiler_kit peaks", daemon=True)
    thread.start()
    thread.join()
    return result or None


def _measure(threads: int, result: dict[str, Any]) -> None:
    try:
        flops_per_s = max(2 * size**3 / _fastest_s(_matrix_product(size)) for size in MATRIX_SIZES)
        bytes_per_s = 2 * COPY_BYTES / _fastest_s(_copy())
    except (RuntimeError, MemoryError) as error:  # no memory for the arrays; the recording goes on without peaks
        _logger.debug("the CPU's peaks were not measured: %s", error)
        return
    result.update(
        device="cpu",
        threads=threads,
        fp32_flops_per_s=flops_per_s,
        copy_bytes_per_s=bytes_per_s,
        method=(
            f"fastest of several: torch.mm of n x n float32 matrices, n = {' or '.join(map(str, MATRIX_SIZES))} "
            f"(2 n^3 FLOP); copy of {COPY_BYTES >> 20} MiB (bytes read + bytes written); before the recording"
        ),
    )


def _matrix_product(size: int) -> Callable[[], object]:
    shape = (size, size)
    # Values whose products and sums stay normal numbers; denormal ones are slow on some processors.
    first, second = (torch.full(shape, 0.5, dtype=torch.float32, device="cpu") for _ in range(2))
    product = torch.empty(shape, dtype=torch.float32, device="cpu")
    return lambda: torch.mm(first, second, out=product)


def _copy() -> Callable[[], object]:
    source = torch.full((COPY_BYTES // 4,), 1.0, dtype=torch.float32, device="cpu")
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def _fastest_s(call: Callable[[], object]) -> float:
    """Return the shortest time of several calls, after one that touches the memory and starts the threads."""
    call()
    times: list[float] = []
    until = time.perf_counter() + _SECONDS_EACH
    while len(times) < _FEWEST_CALLS or time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
