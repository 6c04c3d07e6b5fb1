"""Which forward operator made each autograd node that ran: the bridge from backward work to the layer it belongs to."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

_NODE: Final = re.compile(r"^autograd::engine::evaluate_function: |Backward\d*$")


def forward_ops(trace: Trace) -> NDArray[np.int64]:
    """Find the forward operator behind every autograd node.

    A node carries the sequence number that was current on the forward thread when it was made. Several forward
    operators may have seen the same number; the one that started last made the node, since making it raises the
    number. Every thread counts for itself, and a node names its forward thread by a number of autograd's own, not by
    that of the operating system. So the host thread behind each such number is the one on which most of its nodes
    have a match; a node that matches on other threads only is left alone rather than given to the wrong layer.

    Returns:
        Row of ``trace.ops`` for each row of ``trace.ops``: the maker where the operator is an autograd node with a
        known one, else `NONE`.
    """
    ops = trace.ops
    sequence = ops["sequence"].to_numpy(dtype=np.int64, na_value=NONE)
    known = sequence >= 0
    node = known & is_autograd_node(ops)
    columns = {
        "row": np.arange(len(ops)),
        "sequence": sequence,
        "thread": ops["thread"].to_numpy(),
        "start_ns": ops["start_ns"].to_numpy(),
    }
    table = pd.DataFrame(columns)
    makers = table[known & ~node].drop_duplicates(["sequence", "thread"], keep="last")
    nodes = table[node].assign(forward_thread=ops["forward_thread"].to_numpy(dtype=np.int64, na_value=NONE)[node])
    pairs = nodes.merge(makers, on="sequence", suffixes=("", "_maker"))
    pairs = pairs[pairs["start_ns_maker"] <= pairs["start_ns"]]
    counts = pairs.groupby(["forward_thread", "thread_maker"]).size().sort_values(kind="stable")
    usual = counts.reset_index().drop_duplicates("forward_thread", keep="last").set_index("forward_thread")
    pairs = pairs[pairs["thread_maker"] == pairs["forward_thread"].map(usual["thread_maker"])]
    found = np.full(len(ops), NONE, dtype=np.int64)
    found[pairs["row"]] = pairs["row_maker"]
    return found


def is_autograd_node(ops: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which operators are autograd nodes: by their forward thread, else by their name.

    Forward operators have forward thread 0. Traces that give none have nodes named ``…Backward0``, inside ranges of
    the engine.
    """
    by_thread = ops["forward_thread"].to_numpy(dtype=np.int64, na_value=0) != 0
    return np.asarray(by_thread | matching(ops["name"], _NODE), dtype=bool)
