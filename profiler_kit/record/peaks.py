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

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

MATRIX_SIZES = (256, 512, 1024)
"""Rows and columns of the matrices: many threads do best with the large ones, and on a busy machine only the small
ones are done before a thread loses its core."""

COPY_BYTES = 64 << 20
"""Size of the copied array, beyond most caches of the last level."""

CACHED_BYTES = tuple(1 << power for power in range(17, 26))
"""Bytes read and written together by smaller copies, 128 KiB to 32 MiB, which caches hold or do not."""

_SECONDS_EACH = 0.08
"""Time for each of the measurements, after its warm-up call."""

_SECONDS_EACH_CACHED = 0.02
"""The same for a smaller copy, which is much quicker."""

_FEWEST_CALLS = 2

_logger = logging.getLogger(__name__)


def measure_cpu_peaks() -> dict[str, Any] | None:
    """Measure the rate of fp32 and bf16 matrix products and of a copy in memory, with PyTorch's number of threads.

    Takes about 1.2 s the first time; the result is kept for the rest of the process as long as the number of threads
    is the same. It runs in a thread of its own, because autocast, grad mode, default device and torch's modes (such as
    ``FlopCounterMode``) are settings of a thread: the caller's are neither used nor touched. No random numbers are
    drawn.

    Returns:
        ``device`` ("cpu"), ``threads``, ``fp32_flops_per_s`` (2·n³ FLOP by the time of a product of n×n matrices),
        ``bf16_flops_per_s`` (the same in bfloat16, whether the CPU has instructions for it or not),
        ``copy_bytes_per_s`` (bytes read + bytes written, as STREAM counts them, by the fastest copy, of all
        threads or of one), ``copy_bytes_per_s_by_size`` ({bytes read + written: the same of so small a copy}, from
        caches as far as they hold it) and ``method``; None if it could not be measured.
    """
    measured = _measured(torch.get_num_threads())
    return None if measured is None else dict(measured)


@functools.lru_cache(maxsize=8)
def _measured(threads: int) -> dict[str, Any] | None:
    result: dict[str, Any] = {}
    stop, done = threading.Event(), threading.Event()

    def measure() -> None:
        try:
            _measure(threads, result, stop)
        finally:
            done.set()

    threading.Thread(target=measure, name="profiler_kit peaks", daemon=True).start()
    try:
        # Not Thread.join: once interrupted, that of Python 3.11 takes a running thread for one that has ended.
        done.wait()
    except BaseException:  # Ctrl-C: a thread that is still in PyTorch when the process ends takes it down with SIGABRT
        stop.set()
        done.wait()
        raise
    return result or None


class _StoppedError(Exception):
    """Nobody waits for the peaks any more."""


def _measure(threads: int, result: dict[str, Any], stop: threading.Event) -> None:
    def fastest_s(call: Callable[[], object], seconds: float = _SECONDS_EACH) -> float:
        return _fastest_s(call, seconds, stop)

    try:
        flops_per_s = max(2 * size**3 / fastest_s(_matrix_product(size)) for size in MATRIX_SIZES)
        bytes_per_s = _copy_bytes_per_s(2 * COPY_BYTES, fastest_s, _SECONDS_EACH)
        by_size = {str(size): _copy_bytes_per_s(size, fastest_s, _SECONDS_EACH_CACHED) for size in CACHED_BYTES}
        bf16_flops_per_s = _bf16_flops_per_s(fastest_s)
    except _StoppedError:
        return
    except (RuntimeError, MemoryError) as error:  # no memory for the arrays; the recording goes on without peaks
        _logger.debug("the CPU's peaks were not measured: %s", error)
        return
    result.update(
        device="cpu",
        threads=threads,
        fp32_flops_per_s=flops_per_s,
        bf16_flops_per_s=bf16_flops_per_s,
        copy_bytes_per_s=bytes_per_s,
        copy_bytes_per_s_by_size=by_size,
        method=(
            "fastest of several: torch.mm of n x n float32 and bfloat16 matrices, "
            f"n = {', '.join(map(str, MATRIX_SIZES))} (2 n^3 FLOP; of bfloat16 large ones only where it is quick); "
            f"copy of {COPY_BYTES >> 20} MiB (bytes read + bytes written), and of less by size, each by all threads "
            "and by one; before the recording"
        ),
    )


def _bf16_flops_per_s(fastest_s: Callable[[Callable[[], object]], float]) -> float:
    """Return the rate of the fastest product of bfloat16 matrices.

    A CPU without instructions for that type may be a hundred times slower: what would take too long is left out.
    """
    best = 0.0
    for size in MATRIX_SIZES:
        work = 2 * size**3
        if best and work / best > _SECONDS_EACH:
            break
        best = max(best, work / fastest_s(_matrix_product(size, torch.bfloat16)))
    return best


def _matrix_product(size: int, dtype: torch.dtype = torch.float32) -> Callable[[], object]:
    shape = (size, size)
    # Values whose products and sums stay normal numbers; denormal ones are slow on some processors.
    first, second = (torch.full(shape, 0.5, dtype=dtype, device="cpu") for _ in range(2))
    product = torch.empty(shape, dtype=dtype, device="cpu")
    return lambda: torch.mm(first, second, out=product)


def _copy_bytes_per_s(size: int, fastest_s: Callable[..., float], seconds: float) -> float:
    """Return the highest rate of a copy of so many bytes, read and written together, by all threads or by one.

    Where other processes keep cores busy, threads wait for the one of them that lost its core: a copy then takes as
    long as the system's time slice. One thread is spared that.
    """
    source = torch.full((size // 8,), 1.0, dtype=torch.float32, device="cpu")
    target = torch.empty_like(source)
    by_all = fastest_s(lambda: target.copy_(source), seconds)
    # NumPy copies in the thread that asks; torch.set_num_threads would change the process's other threads as well.
    one_source, one_target = source.numpy(), target.numpy()
    return size / min(by_all, fastest_s(lambda: np.copyto(one_target, one_source), seconds))


def _fastest_s(call: Callable[[], object], seconds: float, stop: threading.Event) -> float:
    """Return the shortest time of several calls, after one that touches the memory and starts the threads."""
    call()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < _FEWEST_CALLS or time.perf_counter() < until:
        if stop.is_set():
            raise _StoppedError
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
