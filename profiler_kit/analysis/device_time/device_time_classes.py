"""What every piece of GPU activity does with its time: compute, communicate, copy or fill memory.

A kernel communicates if its name is one of a collective library's (NCCL, RCCL, custom all-reduces; see
:mod:`profiler_kit.kernels.collectives`). Every other kernel computes: an elementwise kernel that only copies occupies
the multiprocessors like any other. Copies and memsets are those of the driver, which run beside kernels.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import coded, told_by_name
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace

COMPUTE: Final = "compute"
COMMUNICATION: Final = "communication"
COPY: Final = "copy"
MEMSET: Final = "memset"

CLASSES: Final = (COMPUTE, COMMUNICATION, COPY, MEMSET)
"""All classes; the place of a class is its code in :func:`classified_activity`."""

UNKNOWN_DEVICE: Final = -1
"""Device number in arrays where the trace gives none; tables show ``<NA>``."""

_TAKEN: Final = ("device", "stream", "launch", "op")


def is_communication(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which kernels communicate between devices, each name looked at once.

    Args:
        names: Kernel names, a column of categories, shape (n,).
    """
    return told_by_name(names, lambda name: identify(name).operation == COMMUNICATION)


def classified_activity(trace: Trace) -> pd.DataFrame:
    """Return every kernel, copy and memset with its class, ordered by start.

    Returns:
        One row per piece: ``name`` (category), ``class`` (category with the values of `CLASSES`), ``device`` (int64,
        `UNKNOWN_DEVICE` where the trace gives none), ``stream`` (Int64), ``start_ns``, ``end_ns``, ``duration_ns``,
        ``launch`` (row of ``trace.launches`` or ``<NA>``), ``op`` (row of ``trace.ops`` or ``<NA>``), ``table``
        (``kernels`` or ``copies``), ``row`` (in that table).
    """
    kernels, copies = trace.kernels, trace.copies
    of_kernel = np.where(is_communication(kernels["name"]), 1, 0)
    of_copy = np.where((copies["kind"] == MEMSET).to_numpy(), 3, 2)
    parts = {name: pd.concat([kernels[name], copies[name]], ignore_index=True) for name in _TAKEN}
    start = np.concatenate([kernels["start_ns"].to_numpy(), copies["start_ns"].to_numpy()])
    duration = np.concatenate([kernels["duration_ns"].to_numpy(), copies["duration_ns"].to_numpy()])
    names = np.concatenate([kernels["name"].cat.codes.to_numpy(), copies["name"].cat.codes.to_numpy()])
    table = pd.DataFrame(
        {
            "name": coded(names, kernels["name"]),
            "class": coded(np.concatenate([of_kernel, of_copy]), CLASSES),
            "device": parts["device"].to_numpy(dtype=np.int64, na_value=UNKNOWN_DEVICE),
            "stream": parts["stream"],
            "start_ns": start,
            "end_ns": start + duration,
            "duration_ns": duration,
            "launch": parts["launch"],
            "op": parts["op"],
            "table": coded(np.repeat([0, 1], [len(kernels), len(copies)]), ("kernels", "copies")),
            "row": np.concatenate([np.arange(len(kernels)), np.arange(len(copies))]),
        }
    )
    return table.iloc[np.argsort(start, kind="stable")].reset_index(drop=True)
