"""Which gradient a matrix product inside an autograd node computes."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.backward_split import DGRAD, UNDECIDED, WGRAD
from profiler_kit.analysis.problem_calls import PRODUCT, ProblemCalls
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]

WITH_WEIGHT: Final = frozenset({"aten::linear", "aten::addmm", "aten::_addmm_activation"})
"""Products whose second factor is a weight. That of other products may as well be data, as in attention."""

_NODE_WITH_WEIGHT: Final = r"AddmmBackward\d*$"
"""The node of such a product, for traces that do not link nodes to the operators that made them."""

BY_SHAPE: Final = "shapes of the product and of the output's gradient"
BY_POSITION: Final = "first or second product of the node"


def product_gradients(trace: Trace, calls: ProblemCalls, node_of_op: Rows, made_by: Rows) -> tuple[Objects, Objects]:
    """Tell which gradient each matrix product inside an autograd node computes.

    With Y = X·W for a layer, the node computes dX = dY·Wᵀ (dgrad), then dW = Xᵀ·dY or its transpose dYᵀ·X (wgrad)
    (``mm_mat1_backward``, ``mm_mat2_backward`` in ``torch/csrc/autograd/FunctionsManual.cpp``; their order is that of
    the generated ``AddmmBackward0::apply``).

    Args:
        trace: The trace.
        calls: The calls.
        node_of_op: Nearest autograd node of every operator.
        made_by: What :func:`profiler_kit.analysis.forward_ops.forward_ops` returned.

    Returns:
        For each call the gradient, `UNDECIDED` where it cannot be told or is none, and the evidence.
    """
    table = calls.table
    gradient = np.full(len(table), UNDECIDED, dtype=object)
    evidence = np.full(len(table), "autograd node", dtype=object)
    node = node_of_op[table["op"].to_numpy()]
    inside = np.flatnonzero((node != NONE) & (table["kind"] == PRODUCT).to_numpy())
    inside = inside[_has_weight(trace, calls, node[inside], made_by)]
    if not inside.size:
        return gradient, evidence
    rows = pd.DataFrame(
        {
            "problem": table["problem"].to_numpy()[inside],
            "signature": row_numbers(trace.ops["signature"])[node[inside]],
        }
    )
    groups = rows.groupby(node[inside], sort=False)
    rows["position"] = groups.cumcount()
    rows["of"] = groups["problem"].transform("size")
    kinds = rows.groupby(["problem", "signature", "position", "of"], sort=False)
    distinct = rows.drop_duplicates()
    decided = [_decide(trace, calls, *key) for key in zip(*(distinct[name].tolist() for name in distinct), strict=True)]
    number = kinds.ngroup().to_numpy()
    gradient[inside] = np.array([what for what, _ in decided], dtype=object)[number]
    evidence[inside] = np.array([why for _, why in decided], dtype=object)[number]
    return gradient, evidence


def _has_weight(trace: Trace, calls: ProblemCalls, node: Rows, made_by: Rows) -> NDArray[np.bool_]:
    """Tell whether the product that made each node has a weight as its second factor."""
    operator = calls.table["operator"].isin(WITH_WEIGHT).to_numpy()
    maker = made_by[node]
    call = np.where(maker != NONE, calls.call_of_op[maker], NONE) if len(node) else maker
    linked = (call != NONE) & operator[call]
    names = trace.ops["name"].cat.categories.astype(str)
    by_name: NDArray[np.bool_] = np.asarray(names.str.contains(_NODE_WITH_WEIGHT), dtype=bool)
    unlinked = (maker == NONE) & by_name[trace.ops["name"].cat.codes.to_numpy()[node]]
    return np.asarray(linked | unlinked, dtype=bool)


def _decide(trace: Trace, calls: ProblemCalls, problem: int, signature: int, position: int, of: int) -> tuple[str, str]:
    """Decide by the shapes if they leave one possibility, else by the position if there are two products."""
    dims = trace.signatures["input_dims"].iloc[signature] if signature != NONE else None
    output = dims[0] if dims else None
    first, second = calls.problems[problem].input_shape, calls.problems[problem].weight_shape
    if output and first and second:
        for_input = first == output
        for_weight = second == output or first == output[::-1]
        if for_input != for_weight:
            return (DGRAD if for_input else WGRAD), BY_SHAPE
    if of == 2:
        return (DGRAD, WGRAD)[position], BY_POSITION
    return UNDECIDED, "autograd node"
