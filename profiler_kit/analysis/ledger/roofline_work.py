"""The work of a trace's operators with the time that they took, before any roof is held against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.ledger.problem_sides import Side, sides_of
from profiler_kit.analysis.ledger.roofs import Roofs, cpu_unit, unit_of
from profiler_kit.analysis.passes.kernel_roles import MAIN
from profiler_kit.analysis.passes.passes import DATA_COPY, Passes, passes
from profiler_kit.analysis.problems.operator_work import (
    CONVOLUTION,
    PRODUCT,
    are_alike,
    known_operators,
    operator_work,
)
from profiler_kit.analysis.problems.output_types import normalized_type
from profiler_kit.analysis.problems.problem_names import short_operator
from profiler_kit.analysis.problems.problem_shapes import Signature
from profiler_kit.analysis.work.activity import outermost_rows
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES
from profiler_kit.kernels import identify
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]

COLUMNS: Final = ("name", "operator", "layer", "kind", "unit", "calls", "total_ns", "flops", "bytes", "executed_flops")
KERNEL_COLUMNS: Final = ("name", "unit", "calls", "total_ns", "flops", "bytes")
LAYER_COLUMNS: Final = ("layer", "unit", "calls", "total_ns", "flops", "bytes")


@dataclass(frozen=True)
class OperatorRows:
    """Work and time of operators, and of the kernels of those that run a single one.

    Attributes:
        operators: `COLUMNS`, one row per operator and its arguments.
        kernels: `KERNEL_COLUMNS`, one row per kernel.
        layers: `LAYER_COLUMNS`, one row per row of `operators` and layer that calls it (None for calls in no layer);
            the sums over the layers are those of `operators`.
        total_ns: Time of everything in the trace.
        layer_source: Where layers come from, in words.
    """

    operators: pd.DataFrame
    kernels: pd.DataFrame
    layers: pd.DataFrame
    total_ns: int
    layer_source: str


def operator_rows(trace: Trace, roofs: Roofs) -> OperatorRows:
    """Collect the work that is known: of convolutions and matrix products, and of other operators with a formula."""
    found = passes(trace)
    sides = sides_of(trace, roofs, found=found)
    rows, kernels, layers = [], [], []
    for place in sides.timed_rows():
        side = sides.side(place)
        if side.flops is None:
            continue
        rows.append(_row_of_side(side))
        kernels += _kernel_of_side(side)
        layers += _by_layer(rows[-1], sides.layers_of(place))
    for row, kernel, calls in _others(trace, found):
        rows.append(row)
        kernels += kernel
        layers += _by_layer(row, calls)
    return OperatorRows(
        _table(rows, COLUMNS),
        _summed(kernels),
        _table(layers, LAYER_COLUMNS),
        sides.ledger.total_ns,
        found.layers.source,
    )


def _by_layer(row: dict[str, Any], calls: pd.DataFrame) -> list[dict[str, Any]]:
    """Share an operator's row between the layers that call it: ``layer``, ``calls``, ``total_ns``.

    All calls have the same arguments, so that each does the same work; their times are their own.
    """

    def work(name: str, count: int) -> int | None:
        return None if row[name] is None else row[name] // row["calls"] * count

    return [
        {
            "layer": one["layer"] if isinstance(one["layer"], str) else None,
            "unit": row["unit"],
            "calls": one["calls"],
            "total_ns": one["total_ns"],
            **{name: work(name, one["calls"]) for name in ("flops", "bytes")},
        }
        for one in calls.to_dict("records")
    ]


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    for name in ("calls", "total_ns"):
        table[name] = table[name].astype("int64")
    for name in ("flops", "bytes"):
        table[name] = table[name].astype("Int64")
    if "executed_flops" in table:
        table["executed_flops"] = table["executed_flops"].astype("Float64")
    return table


def _summed(kernels: list[dict[str, Any]]) -> pd.DataFrame:
    """Sum rows of the same kernel."""
    table = _table(kernels, KERNEL_COLUMNS)
    groups = table.groupby(["name", "unit"], sort=False, dropna=False)
    sums = groups[["calls", "total_ns", "flops"]].sum()
    # Of a kernel that moves bytes nobody knows of, the sum is not known either.
    sums["bytes"] = groups["bytes"].sum().where(groups["bytes"].count() == groups.size())
    return sums.reset_index()[list(KERNEL_COLUMNS)]


def _row_of_side(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "operator": side.operator,
        "layer": side.layers[0] if side.layers else None,
        "kind": CONVOLUTION if side.is_convolution else PRODUCT,
        "unit": _unit_of_side(side),
        "calls": side.calls,
        "total_ns": round(side.device_us * side.calls * 1000),
        "flops": (side.flops or 0) * side.calls,
        "bytes": None if side.bytes is None else side.bytes * side.calls,
        "executed_flops": None if side.executed_flops is None else side.executed_flops * side.calls,
    }


def _unit_of_side(side: Side) -> str | None:
    if side.of == "host time":
        return cpu_unit(side.problem.dtype)
    return side.main.unit if side.main else None


def _kernel_of_side(side: Side) -> list[dict[str, Any]]:
    """Return the main kernel's row, if every call runs one and no other main kernel."""
    main = [kernel for kernel in side.kernels if kernel.role == MAIN]
    if len(main) != 1 or main[0].launches != 1 or side.main is None:
        return []
    return [
        {
            "name": main[0].name,
            "unit": _unit_of_side(side),
            "calls": side.calls,
            "total_ns": round(main[0].us * side.calls * 1000),
            "flops": (side.flops or 0) * side.calls,
            "bytes": None if side.bytes is None else side.bytes * side.calls,
        }
    ]


_Found = tuple[dict[str, Any], list[dict[str, Any]], pd.DataFrame]
"""An operator's row, its kernel's row if it runs a single one, and its calls and ns by layer."""


def _others(trace: Trace, found: Passes) -> list[_Found]:
    """Return rows of the outermost operators with a formula that are no part of a convolution or matrix product."""
    ops = trace.ops
    parents = row_numbers(ops["parent"])
    known = ops["name"].isin(known_operators()).to_numpy(dtype=bool)
    signature = row_numbers(ops["signature"])
    free = known & (found.calls.call_of_op == NONE) & (signature != NONE)
    # An operator that contains a convolution or product (attention by plain products) leaves its work to those.
    holds = np.zeros(len(ops), dtype=bool)
    above = parents[found.calls.table["op"].to_numpy(np.int64)]
    while (above := above[above != NONE]).size:
        holds[above] = True
        above = parents[above]
    root = outermost_rows(free & ~holds, parents)
    # Copies between host and device go at the speed of the bus between them, not of the memory.
    work = found.work[(found.work["op"] != NONE) & (found.work["pass"] != DATA_COPY)]
    of_root = root[work["op"].to_numpy()]
    pieces = work.assign(root=of_root)[of_root != NONE]
    pieces = pieces.assign(
        operator=ops["name"].astype(object).to_numpy()[pieces["root"]],
        signature=signature[pieces["root"]],
        output_type=_nested_types(trace, root, signature)[pieces["root"]],
    )
    layers = _layer_names(found)
    return [
        one
        for (operator, number, told), group in pieces.groupby(
            ["operator", "signature", "output_type"], sort=False, dropna=False
        )
        if (one := _row_of_operator(trace, layers, str(operator), int(number), told or None, group)) is not None
    ]


def _signature(trace: Trace, number: int) -> Signature:
    cells = trace.signatures.iloc[number]
    return Signature(cells["input_dims"], cells["input_types"], cells["input_strides"], cells["concrete_inputs"])


def _nested_types(trace: Trace, root: Rows, signature: Rows) -> NDArray[np.object_]:
    """Return for every operator the type that the innermost one of its kind nested in it writes, "" if not told."""
    names = trace.ops["name"]
    code = names.cat.codes.to_numpy()
    nested = np.flatnonzero((root != NONE) & (root != np.arange(len(root))) & (signature != NONE))
    pairs = pd.DataFrame({"inner": code[nested], "outer": code[root[nested]], "signature": signature[nested]})
    number = pairs.groupby(["inner", "outer", "signature"], sort=False).ngroup().to_numpy()
    told = np.array(
        [
            (normalized_type(inner, _signature(trace, int(row))) or "") if are_alike(inner, outer) else ""
            for inner, outer, row in (
                (str(names.cat.categories[one]), str(names.cat.categories[other]), row)
                for one, other, row in pairs.drop_duplicates().itertuples(index=False)
            )
        ],
        dtype=object,
    )
    found = np.full(len(root), "", dtype=object)
    if len(nested):
        types = told[number]
        known = types != ""
        # Operators are in order of their starts, so that the last one that tells is the innermost.
        found[root[nested][known]] = types[known]
    return found


def _layer_names(found: Passes) -> NDArray[np.object_]:
    """Return the name of the layer of every operator, None if in none."""
    span = found.layers.span
    names = np.full(len(span), None, dtype=object)
    names[span != NONE] = found.layers.spans["layer"].to_numpy(dtype=object)[span[span != NONE]]
    return names


def _row_of_operator(
    trace: Trace, layers: NDArray[np.object_], operator: str, number: int, output_type: str | None, pieces: pd.DataFrame
) -> _Found | None:
    """Return what one operator with one set of arguments did."""
    signature = replace(_signature(trace, number), output_type=output_type)
    work = operator_work(operator, signature)
    if work is None or work.bytes is None:
        return None
    roots = pieces["root"].unique()
    calls = len(roots)
    named = pieces[pieces["kind"].isin(NAMED_BY_LIBRARIES)]
    unit = _unit_of_pieces(named) if work.flops else None
    row = {
        "name": f"{short_operator({'operator': operator})} {_shapes(signature.dims)}",
        "operator": operator,
        "layer": layers[roots[0]],
        "kind": work.kind,
        "unit": unit,
        "calls": calls,
        "total_ns": int(pieces["duration_ns"].sum()),
        "flops": work.flops * calls,
        "bytes": work.bytes * calls,
    }
    kernel = []
    single = len(named) == calls and len(set(named["name"])) == 1
    if single and trace.has_gpu_activity:
        spent = int(named["duration_ns"].sum())
        kernel = [{**{key: row[key] for key in KERNEL_COLUMNS}, "name": str(named["name"].iloc[0]), "total_ns": spent}]
    by_root = pieces.groupby("root", sort=False)["duration_ns"].sum()
    by_layer = by_root.groupby(pd.Series(layers[by_root.index], index=by_root.index), sort=False, dropna=False)
    return row, kernel, by_layer.agg(calls="size", total_ns="sum").rename_axis("layer").reset_index()


def _unit_of_pieces(named: pd.DataFrame) -> str | None:
    """Return the unit of the kernel with most time."""
    if not len(named):
        return None
    spent = named.groupby(named["name"].astype(object))["duration_ns"].sum()
    identity = identify(str(spent.idxmax()))
    return unit_of(identity.tensor_cores, identity.input_dtype)


def _shapes(dims: Any) -> str:
    shapes = [one for one in dims or () if isinstance(one, tuple) and one and all(isinstance(n, int) for n in one)]
    return " ".join("(" + ",".join(map(str, shape)) + ")" for shape in shapes[:3])
