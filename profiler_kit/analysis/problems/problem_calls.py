"""Calls of convolutions and matrix products: which operators are one call, and what it computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.problems.problem_shapes import (
    Problem,
    Signature,
    convolution_problem,
    product_problem,
    with_outputs_of_gradients,
)
from profiler_kit.analysis.work.activity import outermost_rows
from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.operator_arguments import BACKWARD_CONVOLUTIONS, FORWARD_CONVOLUTIONS, MATRIX_PRODUCTS
from profiler_kit.analysis.work.operator_classes import (
    is_backward_convolution,
    is_forward_convolution,
    is_matrix_product,
)
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

CONVOLUTION: Final = "convolution"
CONVOLUTION_BACKWARD: Final = "convolution backward"
PRODUCT: Final = "matrix product"
KINDS: Final = (CONVOLUTION, CONVOLUTION_BACKWARD, PRODUCT)


_LEVELS: Final = 8
"""Operators of a call that are looked at, from the outermost in; ATen nests five."""


@dataclass(frozen=True)
class ProblemCalls:
    """Calls of convolutions and matrix products: the outermost such operators, with all that they contain.

    Attributes:
        table: One row per call, in order of the operators: ``op`` (row of ``trace.ops``: the outermost operator),
            ``operator`` (its name; of an autograd node the operator that it calls), ``kind`` (one of `KINDS`),
            ``problem`` (index in `problems`).
        problems: The distinct problems.
        call_of_op: Row of `table` that each row of ``trace.ops`` is part of, `NONE` if none.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...]
    call_of_op: Rows


def problem_calls(trace: Trace) -> ProblemCalls:
    """Find the calls of convolutions and matrix products."""
    ops = trace.ops
    kind = _kinds(ops["name"])
    root = outermost_rows(kind != NONE, row_numbers(ops["parent"]))
    roots = np.flatnonzero(root == np.arange(len(ops)))
    number = np.full(len(ops), NONE, dtype=np.int64)
    number[roots] = np.arange(len(roots))
    call_of_op = np.where(root != NONE, number[root] if len(ops) else root, NONE)
    of_kind = (root != NONE) & (kind == kind[root]) & _is_known(ops["name"]) if len(ops) else root != NONE
    operator, problem, problems = _problems(trace, roots, call_of_op, np.flatnonzero(of_kind), kind[roots])
    table = pd.DataFrame(
        {
            "op": roots,
            "operator": operator,
            "kind": np.array(KINDS, dtype=object)[kind[roots]],
            "problem": problem,
        }
    )
    return ProblemCalls(table, problems, call_of_op)


def _kinds(names: pd.Series) -> Rows:
    """Return the index in `KINDS` for each operator, `NONE` for all others."""
    flags = [is_backward_convolution(names), is_forward_convolution(names), is_matrix_product(names)]
    return np.select(flags, [1, 0, 2], default=NONE).astype(np.int64)


def _is_known(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which operators have arguments that are known."""
    known = frozenset((*FORWARD_CONVOLUTIONS, *BACKWARD_CONVOLUTIONS, *MATRIX_PRODUCTS))
    return told_by_name(names, known.__contains__)


def _problems(
    trace: Trace, roots: Rows, call_of_op: Rows, carriers: Rows, kinds: Rows
) -> tuple[NDArray[np.object_], Rows, tuple[Problem, ...]]:
    """Read what each call computes.

    Args:
        trace: The trace.
        roots: Outermost operator of each call.
        call_of_op: Call of each operator.
        carriers: The operators of each call that are of its kind and have arguments that are known.
        kinds: Kind of each call.

    Returns:
        Name of each call's operator, the index of its problem, and the problems.
    """
    names = trace.ops["name"].cat.codes.to_numpy().astype(np.int64)
    signatures = row_numbers(trace.ops["signature"])
    levels = pd.DataFrame(
        {"call": call_of_op[carriers], "name": names[carriers], "signature": signatures[carriers]}
    ).drop_duplicates()
    levels["level"] = levels.groupby("call", sort=False).cumcount()
    levels = levels[levels["level"] < _LEVELS]
    operator_name = names[roots]
    top = levels[levels["level"] == 0]
    operator_name[top["call"]] = top["name"]
    alike = _alike(levels, kinds)
    texts = np.asarray(trace.ops["name"].cat.categories, dtype=object)
    problems: dict[Problem, int] = {}
    of_group = np.empty(alike.max(initial=NONE) + 1, dtype=np.int64)
    first_calls = np.unique(alike, return_index=True)[1]
    nested: dict[int, list[tuple[str, Signature | None]]] = {call: [] for call in first_calls.tolist()}
    first_levels = levels[levels["call"].isin(first_calls)]
    for call, name, row in zip(*(first_levels[key].tolist() for key in ("call", "name", "signature")), strict=True):
        nested[call].append((str(texts[name]), _signature(trace, row)))
    for call, operators in nested.items():
        read = product_problem if KINDS[kinds[call]] == PRODUCT else convolution_problem
        of_group[alike[call]] = problems.setdefault(read(operators), len(problems))
    names_of_calls = texts[operator_name] if len(roots) else np.empty(0, dtype=object)
    return names_of_calls, of_group[alike], with_outputs_of_gradients(tuple(problems))


def _alike(levels: pd.DataFrame, kinds: Rows) -> Rows:
    """Number calls so that those with the same operators and arguments at all levels have the same number."""
    alike: Rows = kinds
    name, signature, call, level = (levels[key].to_numpy() for key in ("name", "signature", "call", "level"))
    described = pd.factorize(name * (signature.max(initial=NONE) + 2) + signature + 1)[0] + 1
    for number in range(level.max(initial=NONE) + 1):
        rows = level == number
        at_level = np.zeros(len(kinds), dtype=np.int64)  # for calls that have no such level
        at_level[call[rows]] = described[rows]
        alike = pd.factorize(alike * (described.max() + 1) + at_level)[0].astype(np.int64)
    return alike


def _signature(trace: Trace, row: int) -> Signature | None:
    if row == NONE:
        return None
    cells = trace.signatures.iloc[row]
    return Signature(cells["input_dims"], cells["input_types"], cells["input_strides"], cells["concrete_inputs"])
