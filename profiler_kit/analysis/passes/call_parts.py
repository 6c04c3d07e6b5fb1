"""Calls of convolutions and matrix products taken apart by pass: a backward convolution computes several gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.backward_split import ACCUMULATE, BGRAD, DGRAD, UNDECIDED, WGRAD
from profiler_kit.analysis.passes.kernel_sequences import sequence_numbers
from profiler_kit.analysis.passes.passes import Passes
from profiler_kit.analysis.problems.flops import gradient_flops
from profiler_kit.analysis.problems.problem_calls import CONVOLUTION_BACKWARD
from profiler_kit.analysis.problems.problem_shapes import Problem
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES, OPERATOR
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]


def _work_of_calls(found: Passes, kinds: tuple[str, ...]) -> pd.DataFrame:
    """Return the work of the calls of these kinds, in launch order, with ``call`` and ``call_kind``.

    What autograd's engine launches around a node, where it adds gradients up, is none of the convolution's.
    """
    op = found.work["op"].to_numpy()
    of_op = found.calls.call_of_op
    call = np.where(op != NONE, of_op[op], NONE) if len(of_op) else op
    mine = (call != NONE) & (found.work["pass"] != ACCUMULATE).to_numpy(dtype=bool)
    table = found.work.assign(call=call)[mine]
    kind = found.calls.table["kind"].to_numpy(dtype=object)[table["call"].to_numpy()]
    table = table.assign(call_kind=kind, name=table["name"].astype(object))
    chosen: pd.DataFrame = table[table["call_kind"].isin(kinds)]
    return chosen.sort_values(["launch_ns", "start_ns"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class CallParts:
    """What the calls did in each pass.

    Attributes:
        table: One row per call and pass: ``call``, ``pass``, ``operator``, ``problem``, ``kind`` (as in
            :class:`profiler_kit.analysis.problems.problem_calls.ProblemCalls`), ``span`` (row of the layer spans,
            `NONE` if in none), ``layer`` (its name, None if in none), ``pieces`` (kernels, copies, memsets),
            ``device_ns``, ``sequence`` (number of its sequence of kernels), ``flops`` (useful ones, ``<NA>`` if not
            known), ``has_flops`` (False for parts that do none that count: sums, leftovers), ``step`` (number of the
            profiler step).
        work: Their work, without gradient accumulation, in launch order: the columns of
            :class:`profiler_kit.analysis.passes.passes.Passes`, ``call``, ``call_kind``, ``part`` (row of `table`) and
            ``selects`` (whether it counts for the sequence of kernels).
    """

    table: pd.DataFrame
    work: pd.DataFrame


def call_parts(trace: Trace, found: Passes, kinds: tuple[str, ...]) -> CallParts:
    """Take calls apart by pass.

    Args:
        trace: The trace.
        found: The pass of everything.
        kinds: Kinds of calls, of :data:`profiler_kit.analysis.problems.problem_calls.KINDS`.
    """
    pieces = _work_of_calls(found, kinds)
    calls = found.calls.table
    wanted = np.flatnonzero(calls["kind"].isin(kinds).to_numpy())
    idle = wanted[~np.isin(wanted, pieces["call"].to_numpy())]
    listed = pd.DataFrame(
        {
            "call": np.concatenate([pieces["call"].to_numpy(np.int64), idle]),
            "pass": np.concatenate([pieces["pass"].to_numpy(object), found.of_call[idle]]),
        }
    )
    number = listed.groupby(["call", "pass"], sort=True).ngroup().to_numpy().astype(np.int64)
    part = number[: len(pieces)]
    table = listed.iloc[np.unique(number, return_index=True)[1]].reset_index(drop=True)
    call = table["call"].to_numpy()
    for column in ("operator", "problem", "kind"):
        table[column] = calls[column].to_numpy()[call]
    op = calls["op"].to_numpy()[call]
    table["span"] = found.layers.span[op]
    table["layer"] = _layers(found, table["span"].to_numpy())
    table["pieces"] = np.bincount(part, minlength=len(table))
    device = np.zeros(len(table), dtype=np.int64)
    np.add.at(device, part, pieces["duration_ns"].to_numpy())
    table["device_ns"] = device
    selects = _selects(pieces["kind"], part, len(table))
    codes = pd.factorize(pieces["name"])[0].astype(np.int64)
    table["sequence"] = sequence_numbers(part[selects], codes[selects], len(table))
    table["flops"], table["has_flops"] = _flops(table, found.calls.problems)
    table["step"] = _steps(trace, trace.ops["start_ns"].to_numpy()[op])
    return CallParts(table, pieces.assign(part=part, selects=selects))


def _selects(kind: pd.Series, part: Rows, parts: int) -> NDArray[np.bool_]:
    """Tell which pieces are what was selected: kernels, and operators where no library's kernel is seen in the part."""
    kernel = kind.isin(NAMED_BY_LIBRARIES).to_numpy()
    seen = np.zeros(parts, dtype=bool)
    seen[part[kernel]] = True
    return np.asarray(kernel | ((kind == OPERATOR).to_numpy() & ~seen[part]), dtype=bool)


def _layers(found: Passes, span: Rows) -> NDArray[np.object_]:
    """Return the names of layer spans, None for `NONE`."""
    layers = np.full(len(span), None, dtype=object)
    layers[span != NONE] = found.layers.spans["layer"].to_numpy(dtype=object)[span[span != NONE]]
    return layers


def _steps(trace: Trace, start_ns: Rows) -> pd.Series:
    """Return the number of the profiler step in which each moment lies, ``<NA>`` if in none."""
    steps = step_ranges(trace).sort_values("start_ns", kind="stable")
    place = np.searchsorted(steps["start_ns"].to_numpy(), start_ns, "right") - 1
    inside = place >= 0
    if len(steps):
        end = (steps["start_ns"] + steps["duration_ns"]).to_numpy()
        inside &= start_ns <= end[place]
        return pd.Series(steps["step"].to_numpy()[place]).where(inside).astype("Int64")
    return pd.Series(pd.NA, index=range(len(start_ns)), dtype="Int64")


def _flops(parts: pd.DataFrame, problems: tuple[Problem, ...]) -> tuple[pd.Series, pd.Series]:
    """Return the useful FLOPs of each part, ``<NA>`` where they are not known, and whether it does any that count.

    A backward convolution that the trace does not split counts the gradients that its output mask asks for.
    """
    problem = parts["problem"].to_numpy(np.int64)
    forward = pd.Series([one.forward_flops for one in problems], dtype="Int64")
    both = pd.Series([_of_both_gradients(one) for one in problems], dtype="Int64")
    flops = forward.iloc[problem].set_axis(parts.index)
    is_gradient = parts["pass"].isin([DGRAD, WGRAD])
    split = is_gradient.groupby(parts["call"]).transform("any").astype(bool)
    backward = (parts["kind"] == CONVOLUTION_BACKWARD) & (parts["pass"] == UNDECIDED)
    gradients = both.iloc[problem].set_axis(parts.index)
    idle = (parts["pass"] == BGRAD) | (backward & split)
    return flops.mask(backward, gradients).mask(idle, pd.NA).astype("Int64"), ~idle


def _of_both_gradients(problem: Problem) -> int | None:
    """Return the FLOPs of the gradients of input and weight, of those that are asked for; None if not known."""
    if problem.output_mask is None or problem.forward_flops is None:
        return None
    return sum(problem.output_mask[:2]) * gradient_flops(problem.forward_flops)
