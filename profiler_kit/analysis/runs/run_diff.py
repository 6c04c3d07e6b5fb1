"""Two runs compared: by step, layer, operator and problem, and kernel, in books that close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.runs import step_noise
from profiler_kit.analysis.runs.run_matching import match_names, match_rows
from profiler_kit.analysis.runs.run_pieces import RunPieces, run_pieces
from profiler_kit.analysis.runs.selection_changes import selection_changes
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

PER_STEP: Final = "mean of a step"
WHOLE: Final = "whole trace"

NO_LAYER: Final = "(in no layer)"

_QUANTITIES: Final = {
    "host_ns": "step, on the host",
    "device_busy_ns": "device busy",
    "device_ns": "device time",
    "op_ns": "operators, on the host",
}
"""Columns of the steps that are compared as a whole → what they are called."""


@dataclass(frozen=True)
class RunDiff:
    """Run B against run A. Differences are B - A; in every table they add up to that of the total.

    Attributes:
        basis: `PER_STEP` where both traces have profiler steps: then all times are means over steps, and what was
            launched outside of steps is left out and stated. Else `WHOLE`: times are sums over the trace.
        of: What the times of the tables are, "GPU" or "host operators", for A and B.
        sources: The traces.
        step_counts: Steps of A and B that are compared.
        cut_steps: Steps of A and B that the recording cut, which are left out.
        a_ns: Time of A on that basis.
        b_ns: Time of B.
        outside_ns: Time of A and of B that is left out because it was launched outside of these steps.
        matched: Shares of the time of A and of B, 0 to 1, that lie in rows of `operators` that both have; None without
            time.
        quantities: One row per quantity of whole steps: ``quantity``, ``a_ns``, ``b_ns``, ``difference_ns``,
            ``noise_ns``, ``verdict``. Empty without steps.
        steps: The steps side by side, in order: ``a_step``, ``b_step``, and ``a_…``, ``b_…`` of their ``host_ns``,
            ``device_ns`` and ``device_busy_ns``.
        layers: One row per layer (`NO_LAYER` for what is in none): ``layer``, ``b_layer`` (where B calls it otherwise,
            else None), and what all the next tables have: ``a_ns``, ``b_ns``, ``difference_ns``, ``a_calls``,
            ``b_calls`` (pieces of work, in a step or in all), ``noise_ns`` (how large a difference may be and
            still be within noise, ``<NA>`` if not known), ``verdict`` (of
            :mod:`profiler_kit.analysis.runs.step_noise`).
            Largest difference first. Times are of the layer itself, without inner layers.
        operators: One row per layer, operator, pass and problem: ``layer``, ``operator``, ``pass``, ``problem``,
            ``b_layer`` and ``b_problem`` (where B differs, else None), ``a_row``, ``b_row``, and the same.
        kernels: One row per name of a kernel, copy or memset (or of an operator on the host): ``name``, and the same.
        selections: What got other kernels (:func:`profiler_kit.analysis.runs.selection_changes.selection_changes`),
            with ``layer``, ``operator``, ``pass``, ``problem``, ``a_ns``, ``b_ns``, ``verdict``; most time first.
    """

    basis: str
    of: tuple[str, str]
    sources: tuple[str, str]
    step_counts: tuple[int, int]
    cut_steps: tuple[int, int]
    a_ns: float
    b_ns: float
    outside_ns: tuple[int, int]
    matched: tuple[float | None, float | None]
    quantities: pd.DataFrame
    steps: pd.DataFrame
    layers: pd.DataFrame
    operators: pd.DataFrame
    kernels: pd.DataFrame
    selections: pd.DataFrame


def diff_runs(a: Trace, b: Trace) -> RunDiff:
    """Compare two runs.

    Args:
        a: The run before.
        b: The run after.
    """
    left, right = run_pieces(a), run_pieces(b)
    counts = (len(left.steps), len(right.steps))
    per_step = min(counts) > 0
    sides = (_Side(left, per_step), _Side(right, per_step))
    operators = _operators(*sides)
    changes = selection_changes(left, right, operators)
    about = ["layer", "operator", "pass", "problem", "a_ns", "b_ns", "verdict"]
    selections = pd.concat([operators.loc[changes["row"], about].reset_index(drop=True), changes], axis=1)
    most = selections[["a_ns", "b_ns"]].max(axis=1).sort_values(ascending=False, kind="stable").index
    return RunDiff(
        basis=PER_STEP if per_step else WHOLE,
        of=(left.of, right.of),
        sources=(left.source, right.source),
        step_counts=counts,
        cut_steps=(left.cut_steps, right.cut_steps),
        a_ns=sides[0].total_ns,
        b_ns=sides[1].total_ns,
        outside_ns=(sides[0].outside_ns, sides[1].outside_ns),
        matched=_matched(operators),
        quantities=_quantities(left, right) if per_step else _quantities(left, right).head(0),
        steps=_steps(left.steps, right.steps),
        layers=_layers(*sides),
        operators=operators,
        kernels=_kernels(*sides),
        selections=selections.loc[most].reset_index(drop=True),
    )


def _matched(operators: pd.DataFrame) -> tuple[float | None, float | None]:
    """Return which shares of the time of A and of B are in rows that both have."""
    both = (operators["a_calls"] > 0) & (operators["b_calls"] > 0)
    sums = [(operators.loc[both, name].sum(), operators[name].sum()) for name in ("a_ns", "b_ns")]
    a, b = (float(part / total) if total else None for part, total in sums)
    return a, b


class _Side:
    """One run on the basis of the comparison: the pieces that count, and in how many steps."""

    def __init__(self, run: RunPieces, per_step: bool) -> None:
        self.run = run
        inside = (run.pieces["step"] != NONE).to_numpy() if per_step else np.ones(len(run.pieces), dtype=bool)
        self.pieces = run.pieces[inside]
        self.steps = len(run.steps) if per_step else 1
        self.step = self.pieces["step"].to_numpy(np.int64) if per_step else np.zeros(len(self.pieces), dtype=np.int64)
        self.ns = self.pieces["duration_ns"].to_numpy(np.int64)
        self.total_ns = int(self.ns.sum()) / self.steps
        self.outside_ns = int(run.pieces["duration_ns"].sum()) - int(self.ns.sum())

    def sums(self, row: Rows, rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return mean time, its variance and the mean number of pieces of each row."""
        mean, variance = step_noise.mean_and_variance(row, self.step, self.ns, rows, self.steps)
        pieces = np.bincount(row, minlength=rows) / self.steps
        if self.run.whole_us:
            variance = np.maximum(variance, pieces * step_noise.WHOLE_US_VARIANCE_NS2)
        return mean, variance, pieces


def _compared(a: _Side, b: _Side, row_a: Rows, row_b: Rows, rows: int) -> pd.DataFrame:
    """Compare the time of rows, given the row of each piece."""
    a_mean, a_variance, a_pieces = a.sums(row_a, rows)
    b_mean, b_variance, b_pieces = b.sums(row_b, rows)
    difference = b_mean - a_mean
    there = (a_pieces > 0, b_pieces > 0)
    noise = step_noise.noise(difference, (a_variance, b_variance), (a.steps, b.steps), there[0] & there[1])
    if a.run.whole_us or b.run.whole_us:
        # Steps that are alike are rounded alike, which no spread shows.
        noise = np.maximum(noise, np.sqrt(np.maximum(a_pieces, b_pieces)) * step_noise.WHOLE_US_NS)
    return pd.DataFrame(
        {
            "a_ns": a_mean,
            "b_ns": b_mean,
            "difference_ns": difference,
            "a_calls": a_pieces,
            "b_calls": b_pieces,
            "noise_ns": pd.array(np.where(np.isnan(noise), 0, noise), dtype="Float64"),
            "verdict": step_noise.verdicts(difference, noise, *there),
        }
    ).assign(noise_ns=lambda table: table["noise_ns"].mask(np.isnan(noise)))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out rows without work on either side, and put the largest difference first."""
    used = table[(table["a_calls"] > 0) | (table["b_calls"] > 0)]
    order = used["difference_ns"].abs().sort_values(ascending=False, kind="stable").index
    return used.loc[order].reset_index(drop=True)


def _described(pair: Rows, values: pd.Series, pairs: int) -> NDArray[np.object_]:
    """Return a column of one run's rows by pair, None where the run has no such row."""
    cells = np.full(pairs, None, dtype=object)
    cells[pair] = values.to_numpy(dtype=object)
    return cells


def _where_other(right: NDArray[np.object_], shown: pd.Series) -> pd.Series:
    """Return what B has where that is not what is shown, None elsewhere."""
    pairs = zip(right, shown, strict=True)
    return pd.Series([one if one is not None and one != other else None for one, other in pairs], dtype=object)


def _operators(a: _Side, b: _Side) -> pd.DataFrame:
    rows_a, rows_b = a.run.rows, b.run.rows
    pair_a, pair_b = match_rows(rows_a, rows_b)
    pairs = int(max(pair_a.max(initial=NONE), pair_b.max(initial=NONE))) + 1
    compared = _compared(
        a, b, pair_a[a.pieces["row"].to_numpy(np.int64)], pair_b[b.pieces["row"].to_numpy(np.int64)], pairs
    )
    in_a = np.zeros(pairs, dtype=bool)
    in_a[pair_a] = True
    table = pd.DataFrame(index=range(pairs))
    for column in ("layer", "operator", "pass", "problem"):
        left, right = (_described(pair, rows[column], pairs) for pair, rows in ((pair_a, rows_a), (pair_b, rows_b)))
        table[column] = pd.Series(np.where(in_a, left, right), dtype=object)
        if column in ("layer", "problem"):
            table[f"b_{column}"] = _where_other(right, table[column])
    for column, pair in (("a_row", pair_a), ("b_row", pair_b)):
        table[column] = pd.Series(pd.NA, index=table.index, dtype="Int64")
        table.loc[pair, column] = np.arange(len(pair))
    return _ordered(pd.concat([table, compared], axis=1))


def _layers(a: _Side, b: _Side) -> pd.DataFrame:
    """Compare layers: those of the same name, then those left of the same type in order, where they are as many."""
    tables = [_layer_table(side.run) for side in (a, b)]
    pair_a, pair_b = match_rows(*tables)
    pairs = int(max(pair_a.max(initial=NONE), pair_b.max(initial=NONE))) + 1
    of_pieces = []
    for side, table, pair in zip((a, b), tables, (pair_a, pair_b), strict=True):
        place = {name: number for number, name in enumerate(table["name"])}
        of_row = np.array([place[_named(layer)] for layer in side.run.rows["layer"]], dtype=np.int64)
        of_pieces.append(pair[of_row[side.pieces["row"].to_numpy(np.int64)]] if len(of_row) else pair[:0])
    left, right = (_described(pair, table["name"], pairs) for pair, table in zip((pair_a, pair_b), tables, strict=True))
    names = pd.Series([other if one is None else one for one, other in zip(left, right, strict=True)], dtype=object)
    table = pd.DataFrame({"layer": names, "b_layer": _where_other(right, names)})
    return _ordered(pd.concat([table, _compared(a, b, of_pieces[0], of_pieces[1], pairs)], axis=1))


def _named(layer: object) -> str:
    return NO_LAYER if layer is None else str(layer)


def _layer_table(run: RunPieces) -> pd.DataFrame:
    """Return the layers of a run in the form that rows are matched in: the type stands for operator and problem."""
    used = list(dict.fromkeys([NO_LAYER, *(_named(layer) for layer in run.rows["layer"])]))
    types = [run.layers.get(name, NO_LAYER) for name in used]
    return pd.DataFrame(
        {"name": used, "layer": used, "operator": types, "pass": types, "exact": used, "shape": used}, dtype=object
    )


def _kernels(a: _Side, b: _Side) -> pd.DataFrame:
    codes, names = [], []
    for side in (a, b):
        code, distinct = pd.factorize(side.pieces["name"])
        codes.append(code)
        names.append(pd.Series(distinct, dtype=object))
    pair_a, pair_b = match_names(*names)
    pairs = int(max(pair_a.max(initial=NONE), pair_b.max(initial=NONE))) + 1
    table = pd.DataFrame({"name": _described(np.concatenate((pair_a, pair_b)), pd.concat(names), pairs)})
    return _ordered(pd.concat([table, _compared(a, b, pair_a[codes[0]], pair_b[codes[1]], pairs)], axis=1))


def _quantities(a: RunPieces, b: RunPieces) -> pd.DataFrame:
    """Compare what whole steps took."""
    sides = [run.steps[list(_QUANTITIES)].to_numpy(np.float64) for run in (a, b)]
    used = np.asarray(sides[0].any(axis=0) | sides[1].any(axis=0))
    sides = [side[:, used] for side in sides]
    means = [side.sum(axis=0) / max(len(side), 1) for side in sides]
    spread = [np.var(side, axis=0, ddof=1) if len(side) > 1 else np.full(used.sum(), np.nan) for side in sides]
    difference = means[1] - means[0]
    there = np.ones(used.sum(), dtype=bool)
    noise = step_noise.noise(difference, (spread[0], spread[1]), (len(sides[0]), len(sides[1])), there)
    return pd.DataFrame(
        {
            "quantity": [name for name, shown in zip(_QUANTITIES.values(), used, strict=True) if shown],
            "a_ns": means[0],
            "b_ns": means[1],
            "difference_ns": difference,
            "noise_ns": pd.array(np.where(np.isnan(noise), 0, noise), dtype="Float64"),
            "verdict": step_noise.verdicts(difference, noise, there, there),
        }
    ).assign(noise_ns=lambda table: table["noise_ns"].mask(np.isnan(noise)))


def _steps(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Put the steps side by side, in order."""
    columns = ["step", "host_ns", "device_ns", "device_busy_ns"]
    return pd.concat([a[columns].add_prefix("a_"), b[columns].add_prefix("b_")], axis=1).astype("Int64")
