"""Hardware counters of NVIDIA GPUs, asked for through torch.profiler's experimental configuration.

Kineto runs CUPTI's range profiler then: every kernel is replayed until all counters are read, so that counts are exact
and times mean nothing. Source: ``_ExperimentalConfig`` in PyTorch's ``torch/csrc/profiler/orchestration/observer.h``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from profiler_kit.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOP_COUNTERS = tuple(
    f"smsp__sass_thread_inst_executed_op_{precision}{operation}_pred_on.sum"
    for precision in "dfh"
    for operation in ("add", "mul", "fma")
)
"""Executed additions, multiplications and multiply-adds of threads, outside tensor cores, by precision."""


def counter_configuration(counters: Sequence[str], options: dict[str, Any]) -> Any:
    """Return the profiler configuration that reads hardware counters of every kernel.

    Args:
        counters: Names of counters as CUPTI knows them, e.g. those of `FLOP_COUNTERS`.
        options: The other options of ``torch.profiler.profile``.

    Raises:
        RecordingError: The names are no list of names, the options contradict them, or this machine has no GPU of
            NVIDIA whose counters could be read.
    """
    if isinstance(counters, str) or not all(isinstance(name, str) and name for name in counters):
        raise RecordingError(
            "counters must be a list of names of hardware counters, e.g. profiler_kit.record.FLOP_COUNTERS"
        )
    if "experimental_config" in options:
        raise RecordingError("counters and experimental_config exclude each other; name the counters in one of them")
    if torch.version.hip or not torch.cuda.is_available():
        raise RecordingError(
            "hardware counters can only be read on a machine with a GPU of NVIDIA and a CUDA build of PyTorch; record "
            "without counters=, or there"
        )
    return torch._C._profiler._ExperimentalConfig(
        profiler_metrics=list(counters),
        profiler_measure_per_kernel=True,
    )
