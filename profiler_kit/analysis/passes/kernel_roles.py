"""What each piece of work is for in the convolution or matrix product that launched it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.backward_split import ACCUMULATE, BGRAD
from profiler_kit.analysis.passes.casts import inside_casts
from profiler_kit.analysis.work.activity import nearest_rows
from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES, OPERATOR, PRIMITIVE
from profiler_kit.analysis.work.operator_arguments import BACKWARD_CONVOLUTIONS, FORWARD_CONVOLUTIONS, MATRIX_PRODUCTS
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, self_or_ancestor

Objects = NDArray[np.object_]
Flags = NDArray[np.bool_]

MAIN: Final = "main"
HELPER: Final = "helper"
LAYOUT_TRANSFORM: Final = "layout_transform"
MEMSET: Final = "memset"
BIAS: Final = "bias"
CAST: Final = "cast"
COPY: Final = "copy"

_WORK_ITSELF: Final = frozenset({"convolution", "gemm", "gemv", "fft", "attention", "unknown", "other"})
"""Operations of kernels that may be the work of a convolution or matrix product itself; ``fft`` and the rest that a
name does not tell are so unless the name gives them the role of a helper."""

_ROLE_OF_OPERATORS: Final = {
    BIAS: frozenset({"aten::add_", "aten::add"}),
    LAYOUT_TRANSFORM: frozenset({"aten::contiguous"}),
}
"""What operators inside a convolution or matrix product are for, besides casts (:mod:`.casts`)."""

_COPIES: Final = "aten::copy_"
"""The operator that moves the data of a tensor into another one."""

IDENTITY_COLUMNS: Final = ("library", "operation", "algorithm", "tensor_cores", "role")


def identities(names: pd.Series) -> pd.DataFrame:
    """Return what the names of kernels tell, `IDENTITY_COLUMNS` by name, each name read once."""
    distinct = names.unique().tolist()
    rows = [identify(name).to_dict() for name in distinct]
    return pd.DataFrame(rows, columns=list(IDENTITY_COLUMNS), index=pd.Index(distinct, dtype=object), dtype=object)


def roles(trace: Trace, pieces: pd.DataFrame, told: pd.DataFrame) -> Objects:
    """Tell the role of each piece of work.

    A kernel's name decides, unless the operator that launched it says more: bias is added by ``aten::add_``, memory
    formats are changed by ``aten::contiguous``, data types by ``aten::to`` or a copy between two types.

    Args:
        trace: The trace.
        pieces: Work of convolutions and matrix products: ``name``, ``kind``, ``op``, ``pass``, ``part`` (number of the
            call and pass that it belongs to).
        told: :func:`identities` of the names of its kernels.

    Returns:
        `MAIN`, `HELPER`, ``reduce``, `LAYOUT_TRANSFORM`, `MEMSET`, `BIAS`, `CAST` or `COPY` for each row.
    """
    kind = pieces["kind"].to_numpy(dtype=object)
    if (kind == OPERATOR).any():
        return _roles_on_the_host(trace, pieces, told)
    named = pieces["name"].map(told["role"]).to_numpy(dtype=object)
    itself = pieces["name"].isin(told.index[told["operation"].isin(_WORK_ITSELF)]).to_numpy()
    found = np.where((named == MAIN) & ~itself, HELPER, named).astype(object)
    may_add = (pieces["pass"] != ACCUMULATE).to_numpy(dtype=bool)
    for role, flags in _insides(trace).items():
        inside = flags[pieces["op"].to_numpy()]
        found[(kind == "kernel") & ~itself & (found != LAYOUT_TRANSFORM) & inside & (may_add | (role != BIAS))] = role
    found[(pieces["pass"] == BGRAD).to_numpy() & (named == MAIN)] = MAIN
    without_main = ~pd.Series(found == MAIN).groupby(pieces["part"].to_numpy()).transform("any").to_numpy(dtype=bool)
    found[without_main & (named == MAIN) & (found == HELPER)] = MAIN
    found[kind == "memset"] = MEMSET
    found[kind == "memcpy"] = COPY
    return found


def layout_transforms(trace: Trace, activity: pd.DataFrame) -> Flags:
    """Tell which work changes a tensor's memory format, whatever it is part of.

    These are the kernels of libraries whose names say so, oneDNN's reorders among them, and what copies inside
    ``aten::contiguous``: the kernels that it launches, and on the host ``aten::copy_`` itself (not what allocates the
    memory). Whatever sums or counts layout transforms asks here.

    Args:
        trace: The trace.
        activity: ``name``, ``kind`` and ``op`` as :func:`profiler_kit.analysis.work.activity.device_activity` or
            :func:`profiler_kit.analysis.work.activity.work` returns them.
    """
    names = activity["name"]
    told = identities(names[activity["kind"].isin(NAMED_BY_LIBRARIES)])
    named = told_by_name(names, set(told.index[told["role"] == LAYOUT_TRANSFORM]).__contains__)
    op = row_numbers(activity["op"])
    inside = _inside(trace, _ROLE_OF_OPERATORS[LAYOUT_TRANSFORM])
    asked = (op != NONE) & inside[op] if len(inside) else op != NONE
    copies = (activity["kind"] == "kernel") | ((activity["kind"] == OPERATOR) & (names == _COPIES))
    return np.asarray(named | (copies.to_numpy(dtype=bool) & asked), dtype=bool)


def _insides(trace: Trace) -> dict[str, Flags]:
    """Tell which operators are, or lie inside, one with a role of its own."""
    casts = inside_casts(trace)
    return {role: _inside(trace, operators) for role, operators in _ROLE_OF_OPERATORS.items()} | {CAST: casts}


def _inside(trace: Trace, operators: frozenset[str]) -> Flags:
    """Tell which operators are, or lie inside, one of these."""
    return self_or_ancestor(told_by_name(trace.ops["name"], operators.__contains__), row_numbers(trace.ops["parent"]))


def _roles_on_the_host(trace: Trace, pieces: pd.DataFrame, told: pd.DataFrame) -> Objects:
    """Tell the role of the CPU libraries' kernels by their names, and of the rest by the operator.

    Where a kernel of a library does an operator's work, what the operator takes besides only helps.
    """
    found = _roles_of_operators(trace, pieces)
    primitive = (pieces["kind"] == PRIMITIVE).to_numpy()
    itself = pieces["name"].isin(told.index[told["operation"].isin(_WORK_ITSELF)]).to_numpy()
    role = pieces["name"].map(told["role"]).to_numpy(dtype=object)
    found[primitive] = np.where((role == MAIN) & ~itself, HELPER, role)[primitive]
    op = pieces["op"].to_numpy()
    served = np.isin(op, op[primitive & (found == MAIN)])
    found[~primitive & served & (found == MAIN)] = HELPER
    return found


def _roles_of_operators(trace: Trace, pieces: pd.DataFrame) -> Objects:
    """Tell the role of operators' own host time: the innermost convolution or matrix product does the work."""
    op = pieces["op"].to_numpy()
    parents = row_numbers(trace.ops["parent"])
    known = trace.ops["name"].isin([*FORWARD_CONVOLUTIONS, *BACKWARD_CONVOLUTIONS, *MATRIX_PRODUCTS]).to_numpy()
    above = parents[np.flatnonzero(known)]
    nearest = nearest_rows(known, parents)
    outer = np.zeros(len(known), dtype=bool)
    outer[nearest[above[above != NONE]]] = True
    found = np.where((known & ~outer)[op], MAIN, HELPER).astype(object)
    may_add = (pieces["pass"] != ACCUMULATE).to_numpy(dtype=bool)
    for role, inside in _insides(trace).items():
        found[(may_add | (role != BIAS)) & (found == HELPER) & inside[op]] = role
    return found
