"""Changes of a tensor's data type inside the call of a convolution or matrix product, as autocast makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.problems.problem_shapes import DTYPES, Problem
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, self_or_ancestor

Flags = NDArray[np.bool_]

INPUT: Final = "input"
WEIGHT: Final = "weight"
OTHER: Final = "bias or another tensor"

_ASK: Final = ("aten::to", "aten::_to_copy")
_COPY: Final = "aten::copy_"


@dataclass(frozen=True)
class Cast:
    """What a call casts from one data type to another.

    Attributes:
        tensor: `INPUT`, `WEIGHT` (of a matrix product: its first and second factor) or `OTHER`.
        dtype: Type that it is cast to, as PyTorch calls it; None if it was not recorded.
        times: Casts in one call, on average.
        us: µs of one call in the copies themselves, on average.
    """

    tensor: str
    dtype: str | None
    times: float
    us: float


def inside_casts(trace: Trace) -> Flags:
    """Tell which operators change a data type, or lie inside one that does.

    A copy between tensors of two types does, and what asked for it. Without recorded types, ``aten::to`` is taken to.
    """
    names, parents = trace.ops["name"], row_numbers(trace.ops["parent"])
    copies = (names == _COPY).to_numpy(dtype=bool)
    asks = names.isin(_ASK).to_numpy(dtype=bool)
    signature = row_numbers(trace.ops["signature"])
    # Whether the types of a copy's two tensors differ: None if that was not recorded.
    told = np.array([*map(_differs, trace.signatures["input_types"]), None], dtype=object)
    differs = told[np.where(signature == NONE, len(told) - 1, signature)]
    moves = np.zeros(len(names), dtype=bool)
    above = parents[copies & (differs == False)]  # noqa: E712 - an array of True, False and None
    while (above := above[above != NONE]).size:
        moves[above] = True
        above = parents[above]
    changes: Flags = (copies & (differs == True)) | (asks & ~moves)  # noqa: E712
    return self_or_ancestor(changes, parents)


def _differs(types: Any) -> bool | None:
    if not isinstance(types, tuple) or len(types) < 2 or not types[0] or not types[1]:
        return None
    return bool(types[0] != types[1])


def casts_of(trace: Trace, pieces: pd.DataFrame, problem: Problem, calls: int) -> tuple[Cast, ...]:
    """Return what is cast in a call, most time first.

    Args:
        trace: The trace.
        pieces: The work of all calls that is for casts: ``op``, ``duration_ns``.
        problem: What the calls compute.
        calls: Number of calls.
    """
    op = pieces["op"].to_numpy(np.int64)
    is_copy = (trace.ops["name"] == _COPY).to_numpy(dtype=bool)[op]
    signature = row_numbers(trace.ops["signature"])[op]
    known = pieces.assign(signature=signature)[is_copy & (signature != NONE)]
    sums = known.groupby("signature").agg(times=("op", "nunique"), ns=("duration_ns", "sum"))
    found: dict[tuple[str, str | None], list[float]] = {}
    for row, times, ns in zip(sums.index.tolist(), sums["times"].tolist(), sums["ns"].tolist(), strict=True):
        cells = trace.signatures.iloc[row]
        key = _tensor(cells["input_dims"], problem), DTYPES.get(str((cells["input_types"] or (None,))[0]))
        spent = found.setdefault(key, [0.0, 0.0])
        spent[0] += times / calls
        spent[1] += ns / calls / 1000
    casts = [Cast(tensor, dtype, times, us) for (tensor, dtype), (times, us) in found.items()]
    return tuple(sorted(casts, key=lambda cast: -cast.us))


def _tensor(dims: Any, problem: Problem) -> str:
    shape = tuple(dims[0]) if dims and isinstance(dims[0], tuple) else ()
    # A product's second factor may be recorded as the transpose of the weight that was cast.
    if problem.weight_shape and shape in (problem.weight_shape, problem.weight_shape[::-1]):
        return WEIGHT
    return INPUT if problem.input_shape and shape == problem.input_shape else OTHER
