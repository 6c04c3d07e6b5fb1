"""In which pass everything ran, told from the operators around it and never from a kernel's name alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.backward_split import (
    ACCUMULATE,
    BGRAD,
    UNDECIDED,
    gradient_asked_alone,
    split_backward,
)
from profiler_kit.analysis.passes.product_gradients import product_gradients
from profiler_kit.analysis.problems.problem_calls import CONVOLUTION, CONVOLUTION_BACKWARD, ProblemCalls, problem_calls
from profiler_kit.analysis.work.activity import nearest_rows, work
from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.analysis.work.forward_ops import is_autograd_node
from profiler_kit.analysis.work.host_work import OPERATOR, serves
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows, parent_rows, self_or_ancestor

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Objects = NDArray[np.object_]

FORWARD: Final = "forward"
BACKWARD: Final = UNDECIDED
RECOMPUTE: Final = "recompute"
OPTIMIZER: Final = "optimizer"
DATA_COPY: Final = "data copy"
OTHER: Final = "other"
UNKNOWN: Final = "unknown"

_OPTIMIZER: Final = re.compile(r"Optimizer\.(?:step|zero_grad)#")
"""Ranges that ``torch.optim`` puts around its methods; among the operators in traces of 2021."""

_HOST_COPY: Final = ("HtoD", "DtoH")


@dataclass(frozen=True)
class Passes:
    """The pass of everything that took time.

    Attributes:
        work: What the time is made of (:func:`profiler_kit.analysis.work.activity.work`) with two more columns:
            ``pass`` and ``evidence``. The passes are ``forward``, ``dgrad``, ``wgrad``, ``bgrad``, ``backward`` (of
            which gradient, the trace does not show), ``recompute`` (forward again inside the backward pass, as
            activation checkpointing does), ``gradient accumulation``, ``optimizer``, ``data copy`` (between host and
            device), ``other`` (in an operator of which the trace shows no pass) and ``unknown`` (in no operator).
        of_call: Pass of each call of `calls`; of a backward convolution ``backward``, since it has several.
        calls: The calls of convolutions and matrix products.
        layers: The layer of every operator.
    """

    work: pd.DataFrame
    of_call: Objects
    calls: ProblemCalls
    layers: LayerOfOp


def passes(trace: Trace) -> Passes:
    """Tell the pass of everything that took time."""
    calls, layers, pieces = problem_calls(trace), layers_of_ops(trace), work(trace)
    parents = row_numbers(trace.ops["parent"])
    nodes = _Nodes(trace, parents)
    rule = _rules_of_ops(trace, calls, layers, nodes, parents)
    of_call, why_call = _of_calls(trace, calls, layers, nodes, _PASS_BY_RULE[rule[calls.table["op"].to_numpy()]])
    op = pieces["op"].to_numpy()
    with_op = op != NONE
    call = np.full(len(op), NONE, dtype=np.int64)
    call[with_op] = calls.call_of_op[op[with_op]]
    in_call = call != NONE
    pass_, evidence = np.full(len(op), UNKNOWN, dtype=object), np.full(len(op), None, dtype=object)
    pass_[with_op], evidence[with_op] = _PASS_BY_RULE[rule[op[with_op]]], _EVIDENCE_BY_RULE[rule[op[with_op]]]
    pass_[in_call], evidence[in_call] = of_call[call[in_call]], why_call[call[in_call]]
    _split(trace, pieces, calls, nodes.engine_only, pass_, evidence)
    host_copy = (pieces["kind"] == "memcpy").to_numpy() & matching(pieces["name"], "|".join(_HOST_COPY))
    moved = host_copy & ~in_call
    pass_[moved], evidence[moved] = DATA_COPY, "kind of copy"
    return Passes(pieces.assign(**{"pass": pass_, "evidence": evidence}), of_call, calls, layers)


@dataclass(frozen=True)
class PassTimes:
    """Time by pass.

    Attributes:
        table: One row per pass, most time first: ``pass``, ``pieces`` (kernels, copies and memsets, or operators),
            ``total_ns``, ``share`` (of all, 0 to 1).
        total_ns: Sum of the table, which is all device time, or all host operator time without a GPU.
    """

    table: pd.DataFrame
    total_ns: int


def pass_times(found: Passes) -> PassTimes:
    """Sum time by pass."""
    groups = found.work.groupby("pass", sort=False)["duration_ns"].agg(pieces="size", total_ns="sum").reset_index()
    table = groups.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True)
    total = int(table["total_ns"].sum())
    table["share"] = table["total_ns"] / total if total else 0.0
    return PassTimes(table, total)


class _Nodes:
    """The autograd nodes of a trace.

    Attributes:
        of_op: For every operator, the nearest autograd node among itself and what encloses it, or `NONE`.
        accumulates: True for what AccumulateGrad runs.
        checkpoint: True for what the node of an activation checkpoint runs itself.
        engine_only: True for what the engine runs around a node and not in it: it adds up gradients there.
        optimizer: True inside a step of an optimizer.
    """

    def __init__(self, trace: Trace, parents: Rows) -> None:
        ops = trace.ops
        accumulating = matching(ops["name"], r"AccumulateGrad$")
        self.of_op = nearest_rows(is_autograd_node(ops) | accumulating, parents)
        self.accumulates = self._near(accumulating)
        self.checkpoint = self._near(matching(ops["name"], r"CheckpointFunctionBackward"))
        engine = matching(ops["name"], r"^autograd::engine::evaluate_function: ")
        inner = self_or_ancestor(matching(ops["name"], r"[bB]ackward\d*(?:_\w+)?$") & ~engine, parents)
        self.engine_only = self._near(engine) & ~inner
        self.optimizer = _in_optimizer(trace, parents)

    def _near(self, flag: Flags) -> Flags:
        return np.asarray((self.of_op != NONE) & flag[self.of_op] if len(flag) else flag, dtype=bool)


def _in_optimizer(trace: Trace, parents: Rows) -> Flags:
    """Tell which operators run inside a method of an optimizer."""
    ops, ranges = trace.ops, trace.annotations
    ranges = ranges[(ranges["kind"] != "gpu_user_annotation") & matching(ranges["name"], _OPTIMIZER.pattern)]
    thread, start = ranges["thread"].to_numpy(np.int64), ranges["start_ns"].to_numpy()
    end = start + ranges["duration_ns"].to_numpy()
    op_start = ops["start_ns"].to_numpy()
    op_end = op_start + ops["duration_ns"].to_numpy()
    enclosing = innermost_rows(
        thread, start, end, parent_rows(thread, end), ops["thread"].to_numpy(np.int64), op_start, op_end
    )
    return np.asarray((enclosing != NONE) | self_or_ancestor(matching(ops["name"], _OPTIMIZER.pattern), parents))


_RULES: Final = (
    (OPTIMIZER, "range of the optimizer"),
    (ACCUMULATE, "AccumulateGrad"),
    (RECOMPUTE, "layer that runs inside an autograd node"),
    (RECOMPUTE, "node of an activation checkpoint"),
    (BGRAD, "sum in the node of a layer with bias"),
    (ACCUMULATE, "engine, outside its node"),
    (BACKWARD, "autograd node"),
    (FORWARD, "layer, matrix product or convolution, or what made an autograd node"),
    (OTHER, None),
)
"""Pass and evidence of operators, by the rules of :func:`_rules_of_ops`."""

_PASS_BY_RULE: Final = np.array([name for name, _ in _RULES], dtype=object)
_EVIDENCE_BY_RULE: Final = np.array([why for _, why in _RULES], dtype=object)


def _rules_of_ops(trace: Trace, calls: ProblemCalls, layers: LayerOfOp, nodes: _Nodes, parents: Rows) -> Rows:
    """Return the first of `_RULES` that holds for every operator, convolutions and products not yet looked into."""
    ops = trace.ops
    created_by = layers.made_by
    maker = np.zeros(len(ops), dtype=bool)
    maker[created_by[created_by != NONE]] = True
    in_node = nodes.of_op != NONE
    node_start = ops["start_ns"].to_numpy()[nodes.of_op] if len(ops) else nodes.of_op
    span_start = layers.spans["start_ns"].to_numpy()
    running = layers.running != NONE
    again = in_node & running
    again[again] = span_start[layers.running[again]] >= node_start[again]
    sums = in_node & self_or_ancestor(matching(ops["name"], r"^aten::sum$"), parents)
    with_bias = matching(ops["name"], r"(?:Addmm|Linear)Backward\d*$")
    bias = sums & with_bias[nodes.of_op] if len(ops) else sums
    forward = running | self_or_ancestor(maker, parents) | (calls.call_of_op != NONE)
    holds = (
        nodes.optimizer, nodes.accumulates, again, nodes.checkpoint, bias, nodes.engine_only, in_node, forward,
    )  # fmt: skip
    return np.select(holds, list(range(len(holds))), default=len(holds))


def _of_calls(
    trace: Trace, calls: ProblemCalls, layers: LayerOfOp, nodes: _Nodes, around: Objects
) -> tuple[Objects, Objects]:
    """Return pass and evidence of each call of a convolution or matrix product, given that of what is around it."""
    table = calls.table
    op = table["op"].to_numpy()
    in_node = nodes.of_op[op] != NONE
    linear = (table["operator"] == "aten::linear").to_numpy()
    again = in_node & ((table["kind"] == CONVOLUTION).to_numpy() | linear) | (around == RECOMPUTE)
    gradients, why_gradients = product_gradients(trace, calls, nodes.of_op, layers.made_by)
    backward = (table["kind"] == CONVOLUTION_BACKWARD).to_numpy()
    product = in_node & ~backward
    rules = [
        (backward, np.full(len(op), BACKWARD, dtype=object), "backward convolution"),
        (again, np.full(len(op), RECOMPUTE, dtype=object), "forward operator inside an autograd node"),
        (product, gradients, why_gradients),
        (around == OPTIMIZER, np.full(len(op), OPTIMIZER, dtype=object), "range of the optimizer"),
    ]
    chosen, why = np.full(len(op), FORWARD, dtype=object), np.full(len(op), "operator", dtype=object)
    for flag, value, text in reversed(rules):
        chosen[flag] = value[flag]
        why[flag] = text if isinstance(text, str) else text[flag]
    return chosen, why


def _split(
    trace: Trace, pieces: pd.DataFrame, calls: ProblemCalls, engine_only: Flags, pass_: Objects, evidence: Objects
) -> None:
    """Say of the work of backward convolutions which gradient it is for, in place."""
    op = pieces["op"].to_numpy()
    call = np.where(op != NONE, calls.call_of_op[op], NONE) if len(calls.call_of_op) else op
    backward = (calls.table["kind"] == CONVOLUTION_BACKWARD).to_numpy()
    rows = np.flatnonzero(call != NONE)
    rows = rows[backward[call[rows]]]
    if not rows.size:
        return
    around = engine_only[op[rows]]
    pass_[rows[around]], evidence[rows[around]] = ACCUMULATE, "engine, outside its node"
    rows = rows[~around]
    problem = calls.table["problem"].to_numpy()[call[rows]]
    asked = np.array([gradient_asked_alone(one.output_mask) for one in calls.problems], dtype=object)
    transposed = np.array([one.transposed is True for one in calls.problems], dtype=bool)
    names = pieces["name"].iloc[rows].astype(object)
    operator = (pieces["kind"].iloc[rows] == OPERATOR).to_numpy()
    named = {name: identify(name).pass_ for name in names[~operator].unique()}
    given = pd.DataFrame(
        {
            "call": call[rows],
            "op": op[rows],
            "launch_ns": pieces["launch_ns"].iloc[rows].array,
            "named_pass": names.map(named).where(~operator, None).to_numpy(dtype=object),
            "serves": serves(names),
            "shared": operator,
            "asked": asked[problem] if len(rows) else np.empty(0, dtype=object),
            "transposed": transposed[problem] if len(rows) else np.empty(0, dtype=bool),
        }
    )
    pass_[rows], evidence[rows] = split_backward(trace, given, calls.call_of_op)
