"""The colour classes of a timeline: what kind of work a slice is."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.idle_causes import CAUSES
from profiler_kit.analysis.passes.kernel_roles import layout_transforms
from profiler_kit.analysis.work.activity import device_activity
from profiler_kit.analysis.work.operator_classes import is_matrix_product
from profiler_kit.analysis.work.totals import inside_convolutions
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, self_or_ancestor

CLASSES: Final[dict[str, str]] = {
    "conv": "Convolution, forward",
    "conv_backward": "Convolution, backward",
    "matmul": "Matrix product",
    "attention": "Attention",
    "collective": "Collective communication",
    "layout_transform": "Layout transform",
    "copy": "Memory copy",
    "memset": "Memset",
    "other": "Other kernel",
    "operator": "Operator",
    "launch": "Call of the runtime",
    "sync": "Waiting call",
    "annotation": "Range of the user",
    "step": "Step",
    "layer": "Layer",
    "python": "Python function",
    "cpu_kernel": "Kernel of oneDNN or MKL",
    **{f"idle_{cause.replace(' ', '_')}": f"Idle: {cause}" for cause in CAUSES},
}
"""Class → what a legend says of it. The place of a class is its code."""

CODES: Final = {name: place for place, name in enumerate(CLASSES)}

_OF_OPERATION: Final = {
    "convolution": "conv",
    "gemm": "matmul",
    "gemv": "matmul",
    "attention": "attention",
    "communication": "collective",
    "layout_transform": "layout_transform",
}
"""What a kernel's name tells → its class, where the operator around it does not."""

Codes = NDArray[np.uint8]


def operator_classes(trace: Trace) -> Codes:
    """Return the class of every operator: its own, or that of the convolution or product that it is part of."""
    forward, backward = inside_convolutions(trace)
    product = self_or_ancestor(is_matrix_product(trace.ops["name"]), row_numbers(trace.ops["parent"]))
    codes = [CODES[name] for name in ("conv_backward", "conv", "matmul")]
    return np.select([backward, forward, product], codes, default=CODES["operator"]).astype(np.uint8)


def activity_classes(trace: Trace, of_op: Codes) -> tuple[Codes, Codes]:
    """Return the classes of kernels, and of copies and memsets.

    A kernel that changes a layout is that; the rest are what the operator around them is; where that is nothing in
    particular, what their names tell.

    Args:
        trace: The trace.
        of_op: :func:`operator_classes`.
    """
    kernels, count = trace.kernels, len(trace.kernels)
    op = row_numbers(kernels["op"])
    found = np.full(count, CODES["operator"], dtype=np.uint8)
    found[op != NONE] = of_op[op[op != NONE]]
    unknown = found == CODES["operator"]
    found[unknown] = _by_name(kernels["name"])[unknown]
    found[layout_transforms(trace, device_activity(trace))[:count]] = CODES["layout_transform"]
    memset = (trace.copies["kind"] == "memset").to_numpy(dtype=bool)
    return found, np.where(memset, CODES["memset"], CODES["copy"]).astype(np.uint8)


def idle_classes(causes: pd.Series) -> Codes:
    """Return the class of every piece of idle time by its cause."""
    return np.asarray(causes.cat.codes.to_numpy() + CODES[f"idle_{CAUSES[0].replace(' ', '_')}"], dtype=np.uint8)


def launch_classes(trace: Trace) -> Codes:
    """Return the class of every call of the runtime: those that wait stand out."""
    waits = trace.launches["name"].cat.categories.str.contains("Synchronize", regex=False)
    flags = np.append(np.asarray(waits, dtype=bool), False)[trace.launches["name"].cat.codes.to_numpy()]
    return np.where(flags, CODES["sync"], CODES["launch"]).astype(np.uint8)


def _by_name(names: pd.Series) -> Codes:
    """Return the class that kernels' names tell, each name read once."""
    codes = names.cat.codes.to_numpy()
    told = np.full(len(names.cat.categories) + 1, CODES["other"], dtype=np.uint8)
    for code in np.unique(codes[codes >= 0]):
        operation = identify(str(names.cat.categories[code])).operation
        told[code] = CODES[_OF_OPERATION.get(operation, "other")]
    return np.asarray(told[codes], dtype=np.uint8)
