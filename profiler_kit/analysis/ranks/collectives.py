"""Communication kernels of one trace: which collective, how many bytes, when."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_time_classes import is_communication
from profiler_kit.analysis.problems.problem_shapes import DTYPES
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows, parent_rows

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]

RANGE_PREFIX: Final = "nccl:"
"""PyTorch puts a range of this name around the launch of every collective, with the tensor as its input."""

_COLLECTIVES: Final = (
    ("all_reduce", re.compile(r"all_?reduce", re.IGNORECASE)),
    ("all_gather", re.compile(r"all_?gather", re.IGNORECASE)),
    ("reduce_scatter", re.compile(r"reduce_?scatter", re.IGNORECASE)),
    ("all_to_all", re.compile(r"all_?to_?all", re.IGNORECASE)),
    ("broadcast", re.compile(r"broadcast", re.IGNORECASE)),
    ("send_recv", re.compile(r"send|recv", re.IGNORECASE)),
    ("reduce", re.compile(r"reduce", re.IGNORECASE)),
)
"""Collective → how the names of kernels and ranges spell it; the first that fits counts."""

UNKNOWN: Final = "unknown"

_BYTES_OF_TYPE: Final = {
    "float64": 8, "int64": 8, "complex64": 8, "complex128": 16, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2,
    "int8": 1, "uint8": 1, "bool": 1, "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1,
}  # fmt: skip

_TORCH_TYPES: Final = {
    "double": "float64", "float": "float32", "half": "float16", "bfloat16": "bfloat16", "long": "int64", "int": "int32",
    "char": "int8", "byte": "uint8", "bool": "bool", "complexfloat": "complex64", "complexdouble": "complex128",
    "float8_e4m3fn": "float8_e4m3fn", "float8_e5m2": "float8_e5m2",
}  # fmt: skip
"""Types as kernels' arguments give them (``c10::toString``), in lower case → PyTorch's names."""

_NAMED_TYPES: Final = {
    "f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16", "i8": "int8", "i32": "int32",
}  # fmt: skip
"""Types as kernel identities write them → PyTorch's names."""


def collective_kernels(trace: Trace) -> pd.DataFrame:
    """List the communication kernels of a trace in order of their starts.

    Returns:
        One row per kernel: ``kernel`` (row of ``trace.kernels``), ``collective`` (all_reduce, all_gather, …;
        ``unknown`` if nothing tells), ``dtype``, ``device``, ``stream``, ``start_ns``, ``end_ns`` (both on the trace's
        clock), ``launch_ns`` (``<NA>`` if the launch is not in the trace), ``step`` (number of the profiler step that
        it was launched in, ``<NA>`` if none), ``input_bytes`` (of the tensor given to the call by this rank; ``<NA>``
        where neither the kernel says it nor shapes were recorded), ``group`` (ranks of its process group as written,
        empty if the trace does not say), ``group_size`` (``<NA>`` likewise).
    """
    kernels = trace.kernels
    rows = np.flatnonzero(is_communication(kernels["name"]))
    taken = kernels.iloc[rows]
    ranges, asked = _ranges(trace, taken)
    names = taken["name"].astype(object).to_numpy()
    launch = row_numbers(taken["launch"])
    launch_ns = pd.Series(pd.NA, index=range(len(rows)), dtype="Int64")
    launch_ns[launch != NONE] = trace.launches["start_ns"].to_numpy()[launch[launch != NONE]]
    start = taken["start_ns"].to_numpy()
    dtype, input_bytes = _tensors(trace, ranges, asked)
    own_type, own_bytes = _own_arguments(taken)
    dtype = np.where(own_type == UNKNOWN, dtype, own_type)
    told = {name: identify(name).input_dtype for name in pd.unique(pd.Series(names, dtype=object))}
    from_name = np.array([_NAMED_TYPES.get(str(told[name]), UNKNOWN) for name in names], dtype=object)
    return pd.DataFrame(
        {
            "kernel": rows,
            "collective": _collectives(taken, ranges, asked),
            "dtype": np.where(dtype == UNKNOWN, from_name, dtype),
            "device": taken["device"].to_numpy(np.int64, na_value=NONE),
            "stream": taken["stream"].to_numpy(np.int64, na_value=NONE),
            "start_ns": start,
            "end_ns": start + taken["duration_ns"].to_numpy(),
            "launch_ns": launch_ns,
            "step": _steps(trace, launch_ns),
            "input_bytes": own_bytes.fillna(input_bytes),
            "group": taken["group_ranks"].astype(object).fillna("").to_numpy(),
            "group_size": taken["group_size"].array,
        }
    )


def bus_factor(collective: str, ranks: int) -> float | None:
    """Return bus bandwidth / algorithm bandwidth of a collective, None if it is not known.

    The factors are those of NVIDIA's nccl-tests (doc/PERFORMANCE.md, "Bus bandwidth"): they turn size / time into the
    rate that a link has to carry, which does not depend on the number of ranks.
    """
    if ranks < 2:
        return None
    shares = {
        "all_reduce": 2 * (ranks - 1) / ranks,
        "all_gather": (ranks - 1) / ranks,
        "reduce_scatter": (ranks - 1) / ranks,
        "all_to_all": (ranks - 1) / ranks,
        "broadcast": 1.0,
        "reduce": 1.0,
        "send_recv": 1.0,
    }
    return shares.get(collective)


def collective_bytes(collective: str, input_bytes: int, ranks: int) -> int:
    """Return a collective's size as nccl-tests count it: all that one rank gives or, of a gather, receives."""
    return input_bytes * ranks if collective == "all_gather" else input_bytes


def _ranges(trace: Trace, kernels: pd.DataFrame) -> tuple[pd.DataFrame, Rows]:
    """Return the ranges around collectives, and the one that each kernel was launched in (`NONE` if none)."""
    host = trace.annotations[trace.annotations["kind"] == "user_annotation"]
    named = [name for name in host["name"].cat.categories if name.startswith(RANGE_PREFIX)]
    ranges = host[host["name"].isin(named)]
    thread, start = ranges["thread"].to_numpy(np.int64), ranges["start_ns"].to_numpy()
    end = start + ranges["duration_ns"].to_numpy()
    launch = row_numbers(kernels["launch"])
    calls = trace.launches.iloc[launch[launch != NONE]]
    call_start = calls["start_ns"].to_numpy()
    asked = np.full(len(kernels), NONE, dtype=np.int64)
    asked[launch != NONE] = innermost_rows(
        thread,
        start,
        end,
        parent_rows(thread, end),
        calls["thread"].to_numpy(np.int64),
        call_start,
        call_start + calls["duration_ns"].to_numpy(),
    )
    return ranges, asked


def _own_arguments(kernels: pd.DataFrame) -> tuple[Objects, pd.Series]:
    """Return type and bytes as the kernels' own arguments tell them."""
    written = kernels["collective_dtype"].astype(object)
    types = {name: _TORCH_TYPES.get(str(name).lower(), UNKNOWN) for name in written.dropna().unique()}
    dtype = written.map(types).astype(object).fillna(UNKNOWN).to_numpy(dtype=object)
    size = pd.Series([_BYTES_OF_TYPE.get(one) for one in dtype], dtype="Int64")
    return dtype, size * kernels["collective_elements"].reset_index(drop=True)


def _collectives(kernels: pd.DataFrame, ranges: pd.DataFrame, asked: Rows) -> Objects:
    """Name the collective of each kernel: as its arguments or its range do, which know an all-to-all from its sends."""
    written = kernels["collective"].astype(object)
    names = kernels["name"].astype(object).where(written.isna(), written).to_numpy()
    of_kernel = {name: _collective(name) for name in pd.unique(pd.Series(names, dtype=object))}
    found = np.array([of_kernel[name] for name in names], dtype=object)
    of_range = ranges["name"].astype(object).to_numpy()
    known = (asked != NONE) & written.isna().to_numpy()
    by_range = {name: _collective(name.removeprefix(RANGE_PREFIX)) for name in set(of_range[asked[known]])}
    told = np.array([by_range[name] for name in of_range[asked[known]]], dtype=object)
    found[known] = np.where(told == UNKNOWN, found[known], told)
    return found


def _collective(name: str) -> str:
    return next((collective for collective, pattern in _COLLECTIVES if pattern.search(name)), UNKNOWN)


def _tensors(trace: Trace, ranges: pd.DataFrame, asked: Rows) -> tuple[Objects, pd.Series]:
    """Return type and bytes of the tensors that each kernel's call was given."""
    signature = row_numbers(ranges["signature"])
    used = [row for row in np.unique(signature).tolist() if row != NONE]
    read = {row: _tensor(trace.signatures["input_types"][row], trace.signatures["input_dims"][row]) for row in used}
    times = np.bincount(asked[asked != NONE], minlength=len(ranges))
    dtype = np.full(len(asked), UNKNOWN, dtype=object)
    size = pd.Series(pd.NA, index=range(len(asked)), dtype="Int64")
    known = np.flatnonzero(asked != NONE)
    told = [read.get(row, (UNKNOWN, None)) for row in signature[asked[known]].tolist()]
    dtype[known] = [one for one, _ in told]
    size[known] = pd.array([count for _, count in told], dtype="Int64")
    size[known[times[asked[known]] > 1]] = pd.NA
    return dtype, size


def _tensor(types: Any, dims: Any) -> tuple[str, int | None]:
    """Read type and bytes of a call's tensors from its signature."""
    if not types or not dims:
        return UNKNOWN, None
    names = [DTYPES.get(name, name) for name in types]
    sized = [(name, shape) for name, shape in zip(names, dims, strict=False) if name in _BYTES_OF_TYPE]
    if len(sized) < len(dims) or not all(isinstance(size, int) for _, shape in sized for size in shape):
        return names[0] if names[0] in _BYTES_OF_TYPE else UNKNOWN, None
    return names[0], sum(_BYTES_OF_TYPE[name] * math.prod(shape) for name, shape in sized)


def _steps(trace: Trace, launch_ns: pd.Series) -> pd.Series:
    """Return the number of the step in which each launch lies, ``<NA>`` if in none."""
    steps = step_ranges(trace).sort_values("start_ns", kind="stable")
    found = pd.Series(pd.NA, index=launch_ns.index, dtype="Int64")
    if not len(steps) or not len(launch_ns):
        return found
    start = steps["start_ns"].to_numpy()
    at = launch_ns.to_numpy(np.int64, na_value=int(start[0]) - 1)
    place = np.searchsorted(start, at, "right") - 1
    inside = (place >= 0) & (at < (start + steps["duration_ns"].to_numpy())[place])
    found[inside] = steps["step"].to_numpy()[place[inside]]
    return found
