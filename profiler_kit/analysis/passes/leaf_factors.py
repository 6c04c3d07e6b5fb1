"""Matrix products whose second factor is a leaf of autograd's graph, as parameters are: told by what ran next.

A trace does not say which tensors are parameters. But the engine runs an ``AccumulateGrad`` as soon as its gradient is
there, before every other node (it has the highest priority; ``torch/csrc/autograd/engine.cpp``). So where one follows
the node of a product directly, or with only a transposition between, a factor of that product is a leaf, and the shape
says which.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]

_ACCUMULATE: Final = r"AccumulateGrad$"
_TRANSPOSE: Final = r"^(?:T|Transpose)Backward\d*$"
_NODE: Final = r"Backward\d*$|AccumulateGrad$"
_RANGE: Final = "autograd::engine::"


def leaf_shapes(trace: Trace, node: Rows) -> Objects:
    """Return the shape of the one leaf whose gradient each node makes, as the product sees it; None if not known.

    Args:
        trace: The trace.
        node: Rows of ``trace.ops``: autograd nodes.
    """
    ops = trace.ops
    nodes = np.flatnonzero(matching(ops["name"], _NODE) & ~matching(ops["name"], f"^{_RANGE}"))
    order = np.lexsort((ops["start_ns"].to_numpy()[nodes], ops["thread"].to_numpy()[nodes]))
    nodes = nodes[order]
    following = [_following(ops, nodes, steps) for steps in (1, 2, 3)]
    place = np.full(len(ops), NONE, dtype=np.int64)
    place[nodes] = np.arange(len(nodes))
    at = place[node]
    first, second, third = (np.where(at != NONE, rows[at], NONE) for rows in following) if len(nodes) else (node,) * 3
    accumulates, turns = matching(ops["name"], _ACCUMULATE), matching(ops["name"], _TRANSPOSE)

    def holds(flags: NDArray[np.bool_], rows: Rows) -> NDArray[np.bool_]:
        return np.asarray((rows != NONE) & flags[rows], dtype=bool)

    # Two leaves in a row: either factor may be the weight.
    direct = holds(accumulates, first) & ~holds(accumulates, second)
    turned = holds(turns, first) & holds(accumulates, second) & ~holds(accumulates, third)
    shapes = np.full(len(node), None, dtype=object)
    signatures, dims = row_numbers(ops["signature"]), trace.signatures["input_dims"]
    for flags, rows, swap in ((direct, first, False), (turned, second, True)):
        chosen = np.flatnonzero(flags)
        given = pd.Series(signatures[rows[chosen]])
        told = {one: _shape(dims.iloc[one], swap=swap) for one in given.unique() if one != NONE}
        shapes[chosen] = given.map(told).astype(object).where(given.isin(list(told)), None).to_numpy(dtype=object)
    return shapes


def _following(ops: pd.DataFrame, nodes: Rows, steps: int) -> Rows:
    """Return the node that many places later on the same thread, for each of the sorted nodes."""
    later = np.full(len(nodes), NONE, dtype=np.int64)
    if len(nodes) > steps:
        thread = ops["thread"].to_numpy()[nodes]
        same = thread[:-steps] == thread[steps:]
        later[:-steps] = np.where(same, nodes[steps:], NONE)
    return later


def _shape(dims: tuple[tuple[int, ...], ...] | None, *, swap: bool) -> tuple[int, ...] | None:
    if not dims or not dims[0] or (swap and len(dims[0]) < 2):
        return None
    shape = tuple(dims[0])
    return (*shape[:-2], shape[-1], shape[-2]) if swap else shape
