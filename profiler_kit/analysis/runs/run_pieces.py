"""The work of one run, as two runs are compared: which layer, operator and problem every piece is part of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.step_statistics import cut_steps
from profiler_kit.analysis.device_time.steps import operators_of_steps
from profiler_kit.analysis.passes.kernel_roles import LAYOUT_TRANSFORM, identities, layout_transforms
from profiler_kit.analysis.passes.passes import Passes, passes
from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.analysis.work.coded_names import coded_texts
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES
from profiler_kit.analysis.work.step_times import step_times
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.dialect import WHOLE_US
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]

NO_OPERATOR: Final = "(in no operator)"


@dataclass(frozen=True)
class RunPieces:
    """What one run's time is made of.

    Attributes:
        source: The trace.
        of: What the times are: "GPU" or "host operators".
        pieces: One row per kernel, copy, memset or operator: ``row`` (of `rows`), ``step`` (place among `steps`,
            `NONE` if outside of all), ``name``, ``duration_ns``, ``named`` (whether a library named it), ``transform``
            (whether it changes a memory format).
        rows: One row per layer, operator, pass and problem, in order of first launch: ``layer`` (None if in none),
            ``operator``, ``pass``, ``problem`` (in words), ``exact`` (the problem with data type and memory format, or
            the input shapes), ``shape`` (the same without those two), ``is_call`` (whether it is a convolution or
            matrix product), ``calls``.
        layers: Layer → its type.
        steps: The table of :class:`profiler_kit.analysis.work.step_times.StepTimes`, in order of time, without those
            that the recording cut (:func:`profiler_kit.analysis.device_time.step_statistics.cut_steps`).
        cut_steps: How many of those there are.
        whole_us: Whether times are in whole µs.
    """

    source: str
    of: str
    pieces: pd.DataFrame
    rows: pd.DataFrame
    layers: dict[str, str]
    steps: pd.DataFrame
    cut_steps: int
    whole_us: bool


def run_pieces(trace: Trace) -> RunPieces:
    """Take a run apart."""
    found = passes(trace)
    work = found.work
    op = work["op"].to_numpy(np.int64)
    steps, cut = _whole_steps(trace)
    keys, call = _keys(trace, found, op)
    order = np.lexsort((work["launch_ns"].fillna(work["start_ns"]).to_numpy(np.int64),))
    number = keys.iloc[order].groupby(list(keys.columns), sort=False).ngroup()
    row = np.empty(len(op), dtype=np.int64)
    row[order] = number.to_numpy(np.int64)
    rows = _rows(trace, found, keys.iloc[order].loc[~number.duplicated().to_numpy()], row, op, call)
    spans = found.layers.spans
    pieces = pd.DataFrame(
        {
            "row": row,
            "step": _steps(steps, work["launch_ns"]),
            "name": work["name"].array,
            "duration_ns": work["duration_ns"].to_numpy(np.int64),
            "named": work["kind"].isin(NAMED_BY_LIBRARIES).to_numpy(),
            "transform": layout_transforms(trace, work),
        }
    )
    return RunPieces(
        source=trace.source,
        of="GPU" if trace.has_gpu_activity else "host operators",
        pieces=pieces,
        rows=rows,
        layers=dict(spans[["layer", "type"]].drop_duplicates().astype(object).itertuples(index=False, name=None)),
        steps=steps,
        cut_steps=cut,
        whole_us=trace.dialect is not None and trace.dialect.time == WHOLE_US,
    )


def _whole_steps(trace: Trace) -> tuple[pd.DataFrame, int]:
    """Return the steps that the recording holds completely, as far as can be told, and how many it cut."""
    steps = step_times(trace).table.sort_values("start_ns", kind="stable", ignore_index=True)
    ranges = steps[["step", "start_ns"]].assign(duration_ns=steps["host_ns"])
    cut = cut_steps(operators_of_steps(trace, ranges)[1])[0].to_numpy(dtype=bool, na_value=False)
    return steps[~cut].reset_index(drop=True), int(cut.sum())


def _keys(trace: Trace, found: Passes, op: Rows) -> tuple[pd.DataFrame, Rows]:
    """Return what tells rows apart, as codes by piece, and the call that each piece is part of (`NONE` if none)."""
    inside = op != NONE
    spans = found.layers.spans
    layer_code = pd.factorize(spans["layer"])[0].astype(np.int64)
    layer, name, shape = (np.full(len(op), NONE, dtype=np.int64) for _ in range(3))
    call = np.full(len(op), NONE, dtype=np.int64)
    call[inside] = found.calls.call_of_op[op[inside]]
    span = found.layers.span[op[inside]]
    layer[inside] = np.where(span == NONE, NONE, layer_code[span]) if len(layer_code) else NONE
    dims = pd.factorize(trace.signatures["input_dims"])[0].astype(np.int64)
    signature = row_numbers(trace.ops["signature"])[op[inside]]
    name[inside] = trace.ops["name"].cat.codes.to_numpy()[op[inside]]
    shape[inside] = np.where(signature == NONE, NONE, dims[signature]) if len(dims) else NONE
    in_call = call != NONE
    calls = found.calls.table
    operators = pd.factorize(calls["operator"])[0].astype(np.int64)
    name[in_call] = operators[call[in_call]]
    shape[in_call] = calls["problem"].to_numpy(np.int64)[call[in_call]]
    keys = pd.DataFrame(
        {
            "layer": layer,
            "in_call": in_call,
            "name": name,
            "pass": pd.factorize(found.work["pass"])[0],
            "shape": shape,
        }
    )
    return keys, call


def _rows(trace: Trace, found: Passes, first: pd.DataFrame, row: Rows, op: Rows, call: Rows) -> pd.DataFrame:
    """Describe the rows, given the codes of the first piece of each."""
    calls, ops = found.calls, trace.ops
    places = first.index.to_numpy()
    codes, texts = coded_texts(ops["name"])
    dims = trace.signatures["input_dims"].to_numpy(dtype=object)
    signature = row_numbers(ops["signature"])
    layer_names = found.layers.spans["layer"].to_numpy(dtype=object)
    of_pass = found.work["pass"].to_numpy(dtype=object)
    operators, numbers = (calls.table[name].to_numpy() for name in ("operator", "problem"))
    described: list[tuple[Any, ...]] = []
    plain = [replace(one, dtype=None, memory_format=None, output_mask=None) for one in calls.problems]
    for place in places.tolist():
        span = found.layers.span[op[place]] if op[place] != NONE else NONE
        layer = None if span == NONE else layer_names[span]
        pass_ = of_pass[place]
        if call[place] != NONE:
            number = numbers[call[place]]
            problem, operator = calls.problems[number], str(operators[call[place]])
            words = problem_name({**vars(problem), "operator": operator})
            described.append((layer, operator, pass_, words, problem, plain[number], True))
        elif op[place] != NONE:
            shape = dims[signature[op[place]]] if signature[op[place]] != NONE else None
            described.append((layer, texts[codes[op[place]]], pass_, _shapes(shape), shape, shape, False))
        else:
            described.append((layer, NO_OPERATOR, pass_, None, None, None, False))
    columns = ["layer", "operator", "pass", "problem", "exact", "shape", "is_call"]
    cells = {name: pd.Series([one[at] for one in described], dtype=object) for at, name in enumerate(columns)}
    table = pd.DataFrame(cells)
    table["is_call"] = table["is_call"].astype(bool)
    owner = np.where(call != NONE, call, op)
    known = owner != NONE
    counted = pd.DataFrame({"row": row[known], "owner": owner[known]}).drop_duplicates()
    table["calls"] = np.bincount(counted["row"], minlength=len(table))
    return table


def _shapes(dims: Any) -> str | None:
    """Write the shapes of an operator's tensors."""
    if not isinstance(dims, tuple):
        return None
    written = [str(one).replace(" ", "").replace(",)", ")") for one in dims if one]
    return " ".join(written) or None


def _steps(steps: pd.DataFrame, launch_ns: pd.Series) -> Rows:
    """Return the place of the step in which each piece was launched, `NONE` if in none."""
    found = np.full(len(launch_ns), NONE, dtype=np.int64)
    if not len(steps):
        return found
    start = steps["start_ns"].to_numpy()
    at = launch_ns.to_numpy(np.int64, na_value=int(start[0]) - 1)
    place = np.searchsorted(start, at, "right") - 1
    inside = (place >= 0) & (at < (start + steps["host_ns"].to_numpy())[place])
    found[inside] = place[inside]
    return found


def kernels_of_rows(run: RunPieces, rows: Rows) -> pd.DataFrame:
    """Say what was launched for rows that are convolutions or matrix products.

    Args:
        run: The run.
        rows: Rows of it.

    Returns:
        One row per row and name: ``row``, ``name``, ``launches``, ``total_ns``, ``role``, ``library``, ``operation``,
        ``algorithm``, ``tensor_cores`` (None for operators on the host, which no library names). Where a library names
        some of a row's work, only that is listed.
    """
    pieces = run.pieces[run.pieces["row"].isin(rows)]
    has_names = pieces["named"].groupby(pieces["row"]).transform("any")
    pieces = pieces[pieces["named"] | ~has_names]
    groups = pieces.groupby(["row", "name", "named", "transform"], sort=False, observed=True)["duration_ns"]
    table = groups.agg(launches="size", total_ns="sum").reset_index().astype({"name": object})
    told = identities(table.loc[table["named"], "name"]).reindex(table["name"]).reset_index(drop=True)
    table = pd.concat([table, told.astype(object).where(told.notna(), None)], axis=1)
    table.loc[table["transform"], "role"] = LAYOUT_TRANSFORM
    return table.drop(columns=["named", "transform"])
