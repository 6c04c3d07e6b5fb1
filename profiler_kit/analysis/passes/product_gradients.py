"""Which gradient a matrix product inside an autograd node computes."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.backward_split import DGRAD, UNDECIDED, WGRAD
from profiler_kit.analysis.passes.leaf_factors import leaf_shapes
from profiler_kit.analysis.problems.problem_calls import PRODUCT, ProblemCalls
from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]
Shape = tuple[int, ...]

WITH_WEIGHT: Final = frozenset({"aten::linear", "aten::addmm", "aten::_addmm_activation"})
"""Products whose second factor is a weight. That of other products may as well be data, as in attention."""

_NODE_WITH_WEIGHT: Final = r"AddmmBackward\d*$"
"""The node of such a product, for traces that do not link nodes to the operators that made them."""

BY_SHAPE: Final = "shapes of the product and of the output's gradient"
BY_POSITION: Final = "first or second product of the node"
BY_LEAF: Final = "shape of the leaf whose gradient was accumulated next"


def product_gradients(trace: Trace, calls: ProblemCalls, node_of_op: Rows, made_by: Rows) -> tuple[Objects, Objects]:
    """Tell which gradient each matrix product inside an autograd node computes.

    With Y = X·W for a layer, the node computes dX = dY·Wᵀ (dgrad), then dW = Xᵀ·dY or its transpose dYᵀ·X (wgrad)
    (``mm_mat1_backward``, ``mm_mat2_backward`` in ``torch/csrc/autograd/FunctionsManual.cpp``; their order is that of
    the generated ``AddmmBackward0::apply``).

    Args:
        trace: The trace.
        calls: The calls.
        node_of_op: Nearest autograd node of every operator.
        made_by: What :func:`profiler_kit.analysis.work.forward_ops.forward_ops` returned.

    Returns:
        For each call the gradient, `UNDECIDED` where it cannot be told or is none, and the evidence.
    """
    table = calls.table
    gradient = np.full(len(table), UNDECIDED, dtype=object)
    evidence = np.full(len(table), "autograd node", dtype=object)
    node = node_of_op[table["op"].to_numpy()]
    inside = np.flatnonzero((node != NONE) & (table["kind"] == PRODUCT).to_numpy())
    weighted = _has_weight(trace, calls, node[inside], made_by)
    others = inside[~weighted]
    told = _of_leaf_factors(trace, calls, others, node[others])
    gradient[others[told != UNDECIDED]], evidence[others[told != UNDECIDED]] = told[told != UNDECIDED], BY_LEAF
    inside = inside[weighted]
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


def _of_leaf_factors(trace: Trace, calls: ProblemCalls, rows: Rows, node: Rows) -> Objects:
    """Decide for products of which the operator does not say that the second factor is a weight.

    It is taken for one if it is a leaf. Then the product with the output's gradient as its second factor, whose result
    has the leaf's shape, is the weight's gradient; one with it as its first factor is the input's.
    """
    gradient = np.full(len(rows), UNDECIDED, dtype=object)
    if not len(rows):
        return gradient
    leaves = leaf_shapes(trace, node)
    known = np.flatnonzero([leaf is not None for leaf in leaves])
    problem = calls.table["problem"].to_numpy()[rows]
    signature = row_numbers(trace.ops["signature"])[node]
    dims = trace.signatures["input_dims"]
    decided: dict[tuple[int, int, tuple[int, ...]], str] = {}
    keys = [(int(problem[row]), int(signature[row]), leaves[row]) for row in known]
    for key in set(keys):
        given = dims.iloc[key[1]] if key[1] != NONE else None
        output = given[0] if given else None
        first, second = calls.problems[key[0]].input_shape, calls.problems[key[0]].weight_shape
        decided[key] = _of_leaf_factor(first, second, output, key[2]) if output and first and second else UNDECIDED
    gradient[known] = [decided[key] for key in keys]
    return gradient


def _of_leaf_factor(first: Shape, second: Shape, output: Shape, leaf: Shape) -> str:
    """Decide from the product's factors and the shapes of the output's gradient and of the leaf."""
    if min(len(leaf), len(output)) < 2 or (first == output and second == output):
        return UNDECIDED
    result, turned = (*first[:-1], second[-1]), _turned(leaf)
    if second == output:
        # The other leaf that this could be is the first factor, X, which is here transposed.
        return WGRAD if result == leaf and first != turned else UNDECIDED
    if first == output:
        # With Y = X·W, dX = dY·Wᵀ.
        return DGRAD if second == turned and result != leaf else UNDECIDED
    # dWᵀ = dYᵀ·X, where W is a transposed leaf.
    return WGRAD if first == _turned(output) and result == turned and second != leaf else UNDECIDED


def _turned(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])


def _has_weight(trace: Trace, calls: ProblemCalls, node: Rows, made_by: Rows) -> NDArray[np.bool_]:
    """Tell whether the product that made each node has a weight as its second factor."""
    operator = calls.table["operator"].isin(WITH_WEIGHT).to_numpy()
    maker = made_by[node]
    call = np.where(maker != NONE, calls.call_of_op[maker], NONE) if len(node) else maker
    linked = (call != NONE) & operator[call]
    unlinked = (maker == NONE) & matching(trace.ops["name"], _NODE_WITH_WEIGHT)[node]
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
