"""Engines that cuDNN itself reported for a trace's convolutions: its log's records joined by thread, time and shape.

The recorder takes the log along in the trace (``profile(cudnn_log=True)``). A record belongs to the convolution that
was being called on the same thread at that moment; its pass and shapes have to agree, where the trace has shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.backward_split import UNDECIDED
from profiler_kit.analysis.passes.passes import Passes
from profiler_kit.analysis.problems.problem_shapes import Problem
from profiler_kit.analysis.selection.selection import LedgerWork
from profiler_kit.cudnn.log import LogRecord
from profiler_kit.cudnn.plans import version_text
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

BY_SHAPE: Final = "thread, time and shape"
BY_TIME: Final = "thread and time"
BY_PLAN: Final = "thread, time and shape of the plan that was made; its runs were not logged"

_PASSES: Final = {
    (False, "fprop"): "forward",
    (False, "dgrad"): "dgrad",
    (True, "fprop"): "dgrad",
    (True, "dgrad"): "forward",
    (False, "wgrad"): "wgrad",
    (True, "wgrad"): "wgrad",
}
"""Whether a convolution is transposed, and cuDNN's operation → pass."""


@dataclass(frozen=True)
class ReportedEngines:
    """What cuDNN's log says of the rows of a ledger of convolutions.

    Attributes:
        table: One row per row of the ledger (``row``) and reported plan, most calls first: ``engine`` (``<NA>`` in the
            older interface), ``knobs`` (text), ``notes`` (true ones), ``algorithm`` (name in the older interface, else
            None), ``tensor_cores``, ``winograd``, ``fft`` (True, False, None: not said), ``calls`` (records),
            ``evidence`` (what they were joined by).
        cudnn_version: The version that ran; empty if there are no records.
        records: Records of convolutions in the log.
        unmatched: Those that belong to no convolution of the trace, by reason.
        missing: Why the trace has no log; None if it has one.
    """

    table: pd.DataFrame
    cudnn_version: str
    records: int
    unmatched: Mapping[str, int]
    missing: str | None


_COLUMNS: Final = (
    *("row", "engine", "knobs", "notes", "algorithm", "tensor_cores", "winograd", "fft", "calls", "evidence"),
)


def reported_engines(trace: Trace, found: Passes, work: LedgerWork) -> ReportedEngines:
    """Join the records of cuDNN's log, as the recorder wrote them into the trace, to the rows of the ledger.

    Args:
        trace: The trace.
        found: The pass of everything.
        work: The ledger's work for ``conv``.
    """
    empty = pd.DataFrame(columns=list(_COLUMNS))
    log = trace.recorder_facts.get("cudnn_log")
    if not isinstance(log, dict) or not log.get("captured"):
        reason = log.get("reason") if isinstance(log, dict) else None
        return ReportedEngines(empty, "", 0, {}, str(reason or "the trace was recorded without cudnn_log"))
    plans, calls = _read(log)
    if not len(calls):
        return ReportedEngines(empty, "", 0, {}, None)
    calls["call"] = _calls_at(trace, found, calls)
    unmatched = {"in no convolution on that thread at that time": int((calls["call"] == NONE).sum())}
    joined = _joined(calls[calls["call"] != NONE], plans, found.calls.problems, work)
    unmatched["in a convolution of another pass or shape"] = int(
        len(calls) - unmatched["in no convolution on that thread at that time"] - joined["record"].nunique()
    )
    return ReportedEngines(
        table=_table(joined, plans),
        cudnn_version=version_text(plans[0].version),
        records=len(calls),
        unmatched={why: count for why, count in unmatched.items() if count},
        missing=None,
    )


def _read(log: Mapping[str, Any]) -> tuple[list[LogRecord], pd.DataFrame]:
    """Return the different plans, and a row for each record: ``plan``, ``kind``, ``time_ns``, ``tid``, ``record``."""
    plans, known = [], []
    for place, fields in enumerate(log.get("plans") or ()):
        try:
            plans.append(LogRecord.of_json({**fields, "call": "", "kind": "execute"}))
        except TypeError:
            continue  # of another version of profiler_kit
        known.append(place)
    calls = pd.DataFrame(list(log.get("calls") or ()), columns=["plan", "kind", "time_ns", "tid"])
    calls = calls[calls["plan"].isin(known) & calls["time_ns"].notna()]
    places = {old: new for new, old in enumerate(known)}
    calls = calls.assign(plan=calls["plan"].map(places).astype("int64"), time_ns=calls["time_ns"].astype("int64"))
    return plans, calls.reset_index(drop=True).rename_axis("record").reset_index()


def _calls_at(trace: Trace, found: Passes, records: pd.DataFrame) -> Rows:
    """Return the call that was running on each record's thread at its time, `NONE` if none was."""
    ops = trace.ops.iloc[found.calls.table["op"].to_numpy(np.int64)]
    tids = trace.threads["tid"].astype(str).to_numpy()
    of_call = tids[ops["thread"].to_numpy(np.int64)] if len(ops) else np.empty(0, dtype=object)
    start = ops["start_ns"].to_numpy(np.int64) + trace.epoch_ns
    end = start + ops["duration_ns"].to_numpy(np.int64)
    wanted, time = records["tid"].astype(str).to_numpy(), records["time_ns"].to_numpy(np.int64)
    result = np.full(len(records), NONE, dtype=np.int64)
    for tid in np.unique(wanted):
        mine = np.flatnonzero(of_call == tid)
        if not len(mine):
            continue
        mine = mine[np.argsort(start[mine], kind="stable")]
        those = np.flatnonzero(wanted == tid)
        place = np.searchsorted(start[mine], time[those], "right") - 1
        call = mine[np.maximum(place, 0)]
        result[those] = np.where((place >= 0) & (time[those] <= end[call]), call, NONE)
    return result


def _joined(
    records: pd.DataFrame, plans: Sequence[LogRecord], problems: Sequence[Problem], work: LedgerWork
) -> pd.DataFrame:
    """Return the records that agree with a part of their call, with its ``row`` and the ``evidence``."""
    parts = work.parts[["call", "pass", "problem", "row"]]
    both = records.merge(parts, on="call")
    pairs = both[["plan", "problem", "pass"]].drop_duplicates()
    pairs["evidence"] = pd.Series(
        [
            _evidence(plans[plan], problems[problem], which)
            for plan, problem, which in pairs.itertuples(index=False, name=None)
        ],
        index=pairs.index,
        dtype=object,
    )
    both = both.merge(pairs, on=["plan", "problem", "pass"])
    both = both[both["evidence"].notna()].drop_duplicates("record")
    # A plan is made once and then run many times: making it tells what ran only where runs are not logged.
    ran = both[both["kind"] != "plan"]
    made = both[(both["kind"] == "plan") & ~both["row"].isin(ran["row"])].assign(evidence=BY_PLAN)
    return pd.concat([ran, made.drop_duplicates(["call", "row"], keep="last")])


def _evidence(plan: LogRecord, problem: Problem, which: str) -> str | None:
    """Say what joins a record to a part; ``None`` if they are not about the same."""
    expected = _PASSES.get((bool(problem.transposed), str(plan.operation)))
    if which not in (expected, UNDECIDED):
        return None
    if problem.weight_shape is None or plan.weight_shape is None:
        return BY_TIME
    inputs = {problem.output_shape, problem.input_shape} if problem.transposed else {problem.input_shape}
    same = _same(problem.weight_shape, plan.weight_shape) and any(_same(one, plan.input_shape) for one in inputs)
    return BY_SHAPE if same else None


def _same(shape: tuple[int, ...] | None, logged: tuple[int, ...] | None) -> bool:
    """Compare shapes: cuDNN sees 1-d convolutions as 2-d ones, and an input without a batch with one."""
    if shape is None or logged is None:
        return False
    return tuple(size for size in shape if size != 1) == tuple(size for size in logged if size != 1)


def _table(joined: pd.DataFrame, plans: Sequence[LogRecord]) -> pd.DataFrame:
    groups = joined.groupby(["row", "plan", "evidence"], sort=False).size().reset_index(name="calls")
    rows = []
    for group in groups.to_dict("records"):
        plan = plans[group["plan"]]
        rows.append(
            {
                "row": group["row"],
                "engine": plan.engine,
                "knobs": " ".join(f"{knob}={value}" for knob, value in plan.knobs.items()),
                "notes": tuple(name for name, value in plan.notes.items() if value),
                "algorithm": plan.algorithm,
                "tensor_cores": plan.notes.get("TENSOR_CORE"),
                "winograd": plan.notes.get("WINOGRAD") if plan.algorithm is None else "WINOGRAD" in plan.algorithm,
                "fft": plan.notes.get("FFT") if plan.algorithm is None else "FFT" in plan.algorithm,
                "calls": group["calls"],
                "evidence": group["evidence"],
            }
        )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table["engine"] = table["engine"].astype("Int64")
    return table.sort_values(["row", "calls"], ascending=[True, False], kind="stable", ignore_index=True)
