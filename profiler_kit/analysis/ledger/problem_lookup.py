"""Finding a convolution or matrix product of a trace by its name, and choosing what to compare where none is given."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.ledger.noted_pair import noted_pair
from profiler_kit.analysis.ledger.problem_sides import Sides
from profiler_kit.analysis.passes.passes import FORWARD
from profiler_kit.analysis.problems.problem_names import call_name, comparable, problem_name, short_operator
from profiler_kit.analysis.work.layer_sources import PATH_SEPARATOR
from profiler_kit.errors import ProfilerKitError

_NEAREST: Final = 4
"""Names that are suggested where one is not found."""


class ProblemNotFoundError(ProfilerKitError):
    """A trace has no layer or operator of that name, or none that could be compared.

    Args:
        source: The trace.
        reason: What is missing, without the trace's name.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        super().__init__(f"{source}: {reason}")


def row_named(sides: Sides, name: str, pass_: str | None = None, *, prefer: str = FORWARD) -> int:
    """Return the row of the ledger that a name means; of several, the one with most time.

    Args:
        sides: The trace's convolutions and matrix products.
        name: A layer (its full name, the end of it, or that of a layer around it), or an operator, with or without its
            shapes and pass.
        pass_: Look only at this pass.
        prefer: Otherwise, the pass to take where there are several.

    Raises:
        ProblemNotFoundError: Nothing has that name, or what has it does no such work; the nearest names are suggested.
    """
    table = sides.ledger.table
    wanted = comparable(name)
    layers, texts = table["layers"], _texts(table)
    ways: tuple[Iterable[bool], ...] = (
        (name in of_row for of_row in layers),
        (wanted in of_row for of_row in texts),
        (any(layer.endswith(f".{name}") for layer in of_row) for of_row in layers),
        (any(layer.startswith((f"{name}.", f"{name}/")) for layer in of_row) for of_row in layers),
        (bool(wanted) and any(wanted in text for text in of_row) for of_row in texts),
    )
    for found in ways:
        matching = table[pd.Series(list(found), index=table.index, dtype=bool) & (table["device_ns"] > 0)]
        if len(matching):
            return _first_of_pass(sides, matching, pass_, prefer, f"{name!r}")
    what = _without_problem(sides, name)
    reason = f"no layer or operator is called {name!r}"
    if what is not None:
        reason = f"{what} has no convolution or matrix product that took time, and explain compares only these"
    raise ProblemNotFoundError(sides.trace.source, f"{reason}{_nearest(sides, name)}")


def _without_problem(sides: Sides, name: str) -> str | None:
    """Return what a name means of which the ledger has no row: a layer or an operator; None if it means nothing."""
    for layer in sides.layers:
        if name in (layer, layer.rpartition(PATH_SEPARATOR)[2]) or layer.endswith(f".{name}"):
            return f"the layer {layer!r}"
    operators = sides.trace.ops["name"].cat.categories
    return next((f"the operator {one!r}" for one in operators if name in (one, one.removeprefix("aten::"))), None)


def rows_to_compare(
    sides: Sides, slow: str | None = None, fast: str | None = None, pass_: str | None = None
) -> tuple[int, int]:
    """Return the rows of the slow side and of the fast one; what is not named is chosen.

    Where the trace notes the pair of layers that its recorder has compared
    (:mod:`profiler_kit.analysis.ledger.noted_pair`), it is that pair: both where nothing is named, the other one where
    one of them is named in its role. Otherwise it is the convolution with most time, and the matrix product with most
    time.

    Args:
        sides: The trace's convolutions and matrix products.
        slow: What is asked about, see `row_named`.
        fast: What it is compared with, likewise.
        pass_: Look only at this pass. By default forward where there is one, and the same pass for both.

    Raises:
        ProblemNotFoundError: A name is not found, or there is nothing to compare.
    """
    noted = _noted_rows(sides, slow, fast, pass_)
    if noted is not None:
        return noted
    row = row_named(sides, slow, pass_) if slow else _slowest_row(sides, pass_, convolution=True)
    prefer = _pass_of(sides, row)
    if fast:
        return row, row_named(sides, fast, pass_, prefer=prefer)
    return row, _slowest_row(sides, pass_, convolution=False, prefer=prefer)


def _noted_rows(sides: Sides, slow: str | None, fast: str | None, pass_: str | None) -> tuple[int, int] | None:
    """Return the rows of the pair that the trace notes; None if it notes none that it has, or others are asked for."""
    pair = noted_pair(sides.trace)
    if pair is None or (slow and fast):
        return None
    slow_rows, fast_rows = (
        _of_layer(_of_kind(sides, convolution=convolution), layer, pass_)
        for layer, convolution in zip(pair, (True, False), strict=True)
    )
    if not len(slow_rows) or not len(fast_rows):
        return None
    if fast:
        row = row_named(sides, fast, pass_)
        return (_of_pass(slow_rows, _pass_of(sides, row)), row) if row in fast_rows.index else None
    row = row_named(sides, slow, pass_) if slow else _of_pass(slow_rows, FORWARD)
    return (row, _of_pass(fast_rows, _pass_of(sides, row))) if row in slow_rows.index else None


def _slowest_row(sides: Sides, pass_: str | None, *, convolution: bool, prefer: str = FORWARD) -> int:
    """Return the row of the convolution, or matrix product, with most time; of products, of dense layers' first."""
    rows = _of_kind(sides, convolution=convolution)
    what = "convolution" if convolution else "matrix product"
    if not len(rows):
        raise ProblemNotFoundError(
            sides.trace.source, f"there is no {what} that took time; name two sides with --slow and --fast"
        )
    if not convolution:
        # A dense layer has a weight of two dimensions; attention's batched products have none.
        dense = rows[[len(shape or ()) == 2 for shape in rows["weight_shape"]]]
        rows = dense if len(dense) and (not pass_ or (dense["pass"] == pass_).any()) else rows
    return _first_of_pass(sides, rows, pass_, prefer, what)


def _of_kind(sides: Sides, *, convolution: bool) -> pd.DataFrame:
    """Return the rows of convolutions, or of matrix products, that took time."""
    table = sides.ledger.table
    is_convolution = table["operator"].astype(str).str.contains("conv").to_numpy(dtype=bool)
    rows: pd.DataFrame = table[(is_convolution == convolution) & (table["device_ns"] > 0).to_numpy()]
    return rows


def _of_layer(rows: pd.DataFrame, layer: str, pass_: str | None) -> pd.DataFrame:
    """Return those of some rows that are a layer's, and of a pass if one is asked for."""
    chosen = pd.Series([layer in of_row for of_row in rows["layers"]], index=rows.index, dtype=bool)
    return rows[chosen & (rows["pass"] == pass_)] if pass_ else rows[chosen]


def rows_in_both(first: Sides, second: Sides, pass_: str | None = None) -> tuple[int, int]:
    """Return the rows of what two traces have in common and takes most time in the first.

    Raises:
        ProblemNotFoundError: They have nothing in common.
    """
    names = [_names(sides) for sides in (first, second)]
    common = first.ledger.table[[name in names[1] for name in _calls(first.ledger.table)]]
    if not len(common):
        raise ProblemNotFoundError(
            second.trace.source, f"it has no convolution or matrix product of {first.trace.source}; name them"
        )
    row = _first_of_pass(first, common, pass_, None, "convolution or matrix product in both traces")
    return row, names[1][_calls(first.ledger.table)[row]]


def _first_of_pass(sides: Sides, rows: pd.DataFrame, pass_: str | None, prefer: str | None, what: str) -> int:
    """Return the first of some rows, of the pass that is asked for or preferred."""
    if pass_ and pass_ not in set(rows["pass"]):
        there = ", ".join(sorted(set(rows["pass"])))
        raise ProblemNotFoundError(sides.trace.source, f"no {what} has a pass {pass_!r}; there is {there}")
    return _of_pass(rows, pass_ or prefer)


def _of_pass(rows: pd.DataFrame, prefer: str | None) -> int:
    """Return the first of some rows, of the preferred pass where there is one."""
    chosen = rows[rows["pass"] == prefer]
    return int((chosen if len(chosen) else rows).index[0])


def _pass_of(sides: Sides, row: int) -> str:
    return str(sides.ledger.table["pass"].iloc[row])


def _texts(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return for each row the ways to write it."""
    return [
        tuple(
            comparable(text)
            for text in (
                call_name(row),
                f"{short_operator(row)} {problem_name(row)}",
                problem_name(row),
                short_operator(row),
            )
        )
        for row in table.to_dict("records")
    ]


def _calls(table: pd.DataFrame) -> list[str]:
    return [_with_layers(row) for row in table.to_dict("records")]


def _with_layers(row: dict[Any, Any]) -> str:
    """Return a name that is the same in another trace: where shapes are not known, layers tell rows apart."""
    named = call_name(row)
    return named if row["input_shape"] is not None else f"{named} {row['layers']}"


def _names(sides: Sides) -> dict[str, int]:
    names: dict[str, int] = {}
    for place, name in enumerate(_calls(sides.ledger.table)):
        if sides.ledger.table["device_ns"].iloc[place] > 0:
            names.setdefault(name, place)
    return names


def _nearest(sides: Sides, name: str) -> str:
    """Return a clause that suggests the nearest names, or some that there are."""
    rows = sides.ledger.table[sides.ledger.table["device_ns"] > 0]
    known: dict[str, str] = {}
    for row in rows.to_dict("records"):
        for layer in row["layers"]:
            known.setdefault(comparable(layer), layer)
            # Names have dots where the recorder wrote them, slashes where they are calls of modules by their class.
            known.setdefault(comparable(layer.replace("/", ".").rpartition(".")[2]), layer)
        shown = call_name(row).rpartition(",")[0]
        known.setdefault(comparable(shown), shown)
    if not known:
        return "; the trace has no convolution or matrix product"
    close = dict.fromkeys(known[one] for one in get_close_matches(comparable(name), known, n=_NEAREST, cutoff=0.4))
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there is, for example, {', '.join(list(dict.fromkeys(known.values()))[:_NEAREST])}"
