"""What the time of a trace without GPU activity is made of: kernels of the CPU's libraries, and operators.

oneDNN and MKL run inside operators. Each of their kernels takes its time from the operator that it is known to lie in,
so that the sum stays what the operators took, to the nanosecond. The libraries' clock and the profiler's are not read
together; should kernels seem to take longer than their operator, the last of them are shortened to what it has left.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

PRIMITIVE: Final = "primitive"
"""Kind of a kernel of oneDNN or MKL."""

OPERATOR: Final = "operator"
"""Kind of an operator's own host time, without the operators and the kernels inside it."""

NAMED_BY_LIBRARIES: Final = ("kernel", PRIMITIVE)
"""Kinds of work whose names come from a kernel library, of the GPU or of the CPU."""

FOR_NEXT: Final = "next"
FOR_PREVIOUS: Final = "previous"

_REORDERED: Final = re.compile(r"^reorder,.*\bsrc:[^: ]*:[^: ]*:[^: ]*:(\w+):.*\bdst:[^: ]*:[^: ]*:[^: ]*:(\w+):")
"""Layout tags of both sides; a tensor is role:type:properties:kind:tag:…, see oneDNN's verbose mode."""

_ASKED_FOR_ANY: Final = re.compile(r"(?<=[, ])(\w+:\w+:)a(?=\w*:\w*:)")
"""The property ``a`` of a tensor, role:type:properties:kind:tag:…: its layout was left to the library."""


def host_self_ns(trace: Trace) -> NDArray[np.int64]:
    """Return each operator's host time without that of the operators directly inside it, ns by row of ``trace.ops``."""
    duration = trace.ops["duration_ns"].to_numpy()
    parent = row_numbers(trace.ops["parent"])
    inside = np.zeros(len(duration), dtype=np.int64)
    np.add.at(inside, parent[parent != NONE], duration[parent != NONE])
    return np.asarray(duration - inside, dtype=np.int64)


def primitive_names(kernels: pd.DataFrame) -> pd.Series:
    """Name kernels of the CPU's libraries so that :func:`profiler_kit.kernels.identify` reads all that is known.

    Args:
        kernels: Rows with ``name``, ``library``, ``primitive``, ``propagation`` and ``layouts`` as in the trace's
            `cpu_kernels`.

    Returns:
        ``convolution,jit:avx2,forward_training,src:f32::blocked:abcd::f0 …`` for oneDNN, as in its own lines but for
        what :func:`as_it_ran` leaves out; the function, e.g. ``SGEMM``, for MKL.
    """
    keys = [kernels[key].astype(object) for key in ("primitive", "name", "propagation", "layouts")]
    # Calls repeat the same few descriptions: join each once.
    codes, described = pd.factorize(pd.MultiIndex.from_arrays([kernels["library"].astype(object), *keys]))
    names = [
        as_it_ran(",".join(str(text) for text in words if isinstance(text, str)))
        if library == "oneDNN"
        else str(words[1])
        for library, *words in described
    ]
    return pd.Series(np.array(names, dtype=object)[codes], index=kernels.index, dtype=object)


def as_it_ran(name: str) -> str:
    """Leave out of a oneDNN name how its caller asked for a layout.

    A kernel is what its primitive, implementation, propagation, and the types and layouts of its tensors say. Whether
    the caller named a layout or left it to the library (``f32:a:blocked`` against ``f32::blocked``) does not change
    what runs once the layout is the same. Other properties (padding, offsets), strides and flags do.
    """
    return _ASKED_FOR_ANY.sub(r"\1", name)


def host_work(trace: Trace) -> pd.DataFrame:
    """Return every operator's own host time, with that of the libraries' kernels inside it taken out.

    Returns:
        One row per operator and then per kernel whose operator is known: ``name``, ``kind`` (`OPERATOR` or
        `PRIMITIVE`), ``op`` (row of ``trace.ops``), ``launch_ns`` and ``start_ns`` (when it started),
        ``duration_ns``. The durations sum up to the host time of all operators.
    """
    ops, kernels = trace.ops, trace.cpu_kernels[trace.cpu_kernels["op"].notna()]
    own = host_self_ns(trace)
    op, duration = row_numbers(kernels["op"]), _within(kernels, own)
    np.subtract.at(own, op, duration)
    columns = {
        "name": np.concatenate([ops["name"].to_numpy(dtype=object), primitive_names(kernels).to_numpy(dtype=object)]),
        "kind": np.repeat(np.array([OPERATOR, PRIMITIVE], dtype=object), [len(ops), len(kernels)]),
        "op": np.concatenate([np.arange(len(ops)), op]),
        "start_ns": np.concatenate([ops["start_ns"].to_numpy(), kernels["start_ns"].to_numpy()]),
        "duration_ns": np.concatenate([own, duration]),
    }
    table = pd.DataFrame(columns)
    return table.assign(launch_ns=table["start_ns"].astype("Int64"))


def serves(names: pd.Series) -> NDArray[np.object_]:
    """Tell which neighbour a reorder serves.

    oneDNN's fast kernels want blocked layouts, whose tags carry a block size (``aBcd8b``). A reorder that makes one
    prepares the input of what comes next; a reorder that undoes one hands on the output of what came before.

    Args:
        names: Names as :func:`primitive_names` writes them.

    Returns:
        `FOR_NEXT`, `FOR_PREVIOUS`, or None where the name does not tell.
    """
    distinct = {name: _serves(name) for name in names.unique()}
    return np.array([distinct[name] for name in names], dtype=object)


def _serves(name: str) -> str | None:
    tags = _REORDERED.match(name)
    if tags is None:
        return None
    from_blocked, to_blocked = (any(char.isdigit() for char in tag) for tag in tags.groups())
    if from_blocked == to_blocked:
        return None
    return FOR_NEXT if to_blocked else FOR_PREVIOUS


def reorders_weights(name: str) -> bool:
    """Tell whether a reorder is one of weights: its layout is blocked along the first dimension (``Acdb16a``).

    That is the number of filters. The first dimension of inputs and outputs is the batch, along which convolutions
    block nothing.
    """
    tags = _REORDERED.match(name)
    return tags is not None and any("A" in tag for tag in tags.groups())


def _within(kernels: pd.DataFrame, own_ns: Rows) -> Rows:
    """Return the kernels' durations, cut so that those of each operator together take no longer than it has."""
    op = kernels["op"].to_numpy(np.int64)
    until = kernels["duration_ns"].groupby(op).cumsum().to_numpy(np.int64)
    before = until - kernels["duration_ns"].to_numpy()
    available = np.maximum(own_ns[op], 0)
    return np.asarray(np.minimum(until, available) - np.minimum(before, available), dtype=np.int64)
