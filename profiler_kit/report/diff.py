"""Two runs compared, laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.diff``, version 1. Times are in µs in fields that end in ``_us``: means of a step where
``basis`` says so, else sums over the trace; a missing value is ``null``. ``difference_us`` is B - A, and the
differences of ``layers``, of ``rows`` (operators) and of ``kernels`` each add up to that of the totals ``a_us`` and
``b_us``. The tables are those of :class:`profiler_kit.analysis.runs.run_diff.RunDiff`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.runs.run_diff import NO_LAYER, PER_STEP, RunDiff
from profiler_kit.analysis.runs.step_noise import (
    FASTER,
    FEWEST_STEPS,
    LEVEL,
    MANY_STEPS,
    NOT_JUDGED,
    ONLY_IN_A,
    ONLY_IN_B,
    SLOWER,
    WITHIN_NOISE,
)
from profiler_kit.report.document import json_text
from profiler_kit.report.layers import ROOT_LAYER
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import microseconds, rows_in_microseconds, to_csv
from profiler_kit.report.names import short_activity
from profiler_kit.report.quantities import is_missing, with_unit

SCHEMA: Final = "profiler_kit.diff"
SCHEMA_VERSION: Final = 1

_ATEN: Final = "aten::"
_CALLED_OUT: Final = 8
"""Changes of selection that are written out in text."""

_MOST_NAMES: Final = 3
_ALIKE: Final = 0.5
"""Share of the time of both runs below which little of it is the same work."""

_LONGEST_LAYER: Final = 40

_OPERATOR_KEYS: Final = (
    "layer",
    "operator",
    "pass",
    "problem",
    "a_us",
    "b_us",
    "difference_us",
    "noise_us",
    "verdict",
    "a_calls",
    "b_calls",
    "b_layer",
    "b_problem",
)


def diff_document(result: RunDiff) -> dict[str, Any]:
    """Return what JSON says of two runs."""
    operators = rows_in_microseconds(result.operators)
    return {
        "basis": result.basis,
        "of": list(result.of),
        "sources": list(result.sources),
        "steps_of": list(result.step_counts),
        "cut_steps": list(result.cut_steps),
        "matched": list(result.matched),
        "a_us": microseconds(result.a_ns),
        "b_us": microseconds(result.b_ns),
        "difference_us": microseconds(result.b_ns - result.a_ns),
        "outside_us": [microseconds(ns) for ns in result.outside_ns],
        "quantities": rows_in_microseconds(result.quantities),
        "steps": rows_in_microseconds(result.steps),
        "layers": rows_in_microseconds(result.layers),
        "rows": [{key: row[key] for key in _OPERATOR_KEYS} for row in operators],
        "kernels": rows_in_microseconds(result.kernels),
        "selections": rows_in_microseconds(result.selections.drop(columns="row")),
    }


def diff_json(result: RunDiff) -> str:
    """Render the comparison as JSON text."""
    content = {
        **diff_document(result),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def diff_csv(result: RunDiff) -> str:
    """Render the comparison by operator as CSV."""
    return to_csv(rows_in_microseconds(result.operators), _OPERATOR_KEYS)


def diff_facts(result: RunDiff) -> list[tuple[str, str]]:
    """Return what stands above the sections, as (label, text)."""
    a, b = result.step_counts
    basis = f"means of {a} and {b} steps" if result.basis == PER_STEP else "sums over the whole traces"
    facts = [("A", result.sources[0]), ("B", result.sources[1]), ("compared", basis)]
    if any(result.cut_steps):
        left_out = " and ".join(map(str, result.cut_steps))
        facts.append(("left out", f"{left_out} steps that the recording cut"))
    if all(share is not None and share < _ALIKE for share in result.matched):
        shares = " and ".join(f"{share:.0%}" for share in result.matched)
        facts.append(("in common", f"only {shares} of the time of A and B; these look like different models"))
    if result.of[0] != result.of[1]:
        facts.append(("of", f"{result.of[0]} time in A, time of {result.of[1]} in B: these are different things"))
    return facts


def diff_sections(result: RunDiff, rows: int) -> list[Section]:
    """Lay out the comparison.

    Args:
        result: The comparison.
        rows: Most rows of each table.
    """
    parts = [
        _whole(result),
        _selections(result),
        _layers(result, rows),
        _operators(result, rows),
        _kernels(result, rows),
        _steps(result, rows),
    ]
    return [part for part in parts if part is not None]


def _whole(result: RunDiff) -> Section:
    of = "device time" if result.of == ("GPU", "GPU") else "time of operators, on the host"
    rows = [
        (row["quantity"], *_figures(row), row["noise_ns"], row["verdict"])
        for row in result.quantities.to_dict("records")
    ]
    if result.basis != PER_STEP:
        total = {"a_ns": result.a_ns, "b_ns": result.b_ns, "difference_ns": result.b_ns - result.a_ns}
        rows.append((of, *_figures(total), None, NOT_JUDGED))
    columns = (Column("quantity"), *_FIGURES, Column("noise", "duration", same_unit="time"), Column("verdict"))
    if result.basis == PER_STEP:
        lead = (
            "Mean of a step. Noise: how large a difference may be by chance, going by how the steps of each run spread "
            f"(Welch's t test). Of the changes that a table names at most {LEVEL:.0%} are chance (Benjamini, Hochberg)."
        )
    else:
        lead = "Sums over each trace. Without profiler steps in both, the noise is not known and nothing is judged."
    notes = []
    if any(result.outside_ns):
        left_out = " and ".join(with_unit("duration", ns) for ns in result.outside_ns)
        notes.append(f"Left out, because it was launched outside of these steps: {left_out} in all of A and B.")
    if few := _few_steps(result):
        notes.insert(0, few)
    return Section("As a whole", lead, table=Table(columns, rows), notes=notes)


def _few_steps(result: RunDiff) -> str | None:
    """Say how little few steps tell, None where they are many or all is clear."""
    if result.basis != PER_STEP or min(result.step_counts) >= MANY_STEPS:
        return None
    steps = " and ".join(map(str, result.step_counts))
    more = f"record more (active={MANY_STEPS})"
    if min(result.step_counts) < FEWEST_STEPS:
        return f"{steps} steps tell nothing of noise, so nothing is judged; {more}."
    unclear = [row for row in result.quantities.to_dict("records") if row["verdict"] == WITHIN_NOISE and row["a_ns"]]
    told = [f"{row['quantity']}: above {row['noise_ns'] / row['a_ns']:.1%}" for row in unclear]
    return f"{steps} steps tell only larger changes ({'; '.join(told)}); {more}." if told else None


_FIGURES: Final = (
    Column("A", "duration", same_unit="time"),
    Column("B", "duration", same_unit="time"),
    Column("B - A", "duration", same_unit="time"),
    Column("change", "share"),
)


def _figures(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    change = row["difference_ns"] / row["a_ns"] if row["a_ns"] else None
    return row["a_ns"], row["b_ns"], row["difference_ns"], change


def _selections(result: RunDiff) -> Section | None:
    table = result.selections
    if not len(table):
        return None
    items = [_selection_item(row) for row in table.head(_CALLED_OUT).to_dict("records")]
    rest = len(table) - len(items)
    many = f"{len(table)} problem{'s'[: len(table) != 1]}"
    notes = [f"{many} that both runs have got other kernels" + (f", {rest} not shown." if rest else ".")]
    return Section("Chosen differently for the same problem", items=items, notes=notes)


def _selection_item(row: Mapping[Any, Any]) -> Item:
    """Write one change of selection: ``conv1, forward: implicit gemm + 2 layout transforms → gemm, -41.0%``."""
    operator = str(row["operator"]).removeprefix(_ATEN)
    where = operator if is_missing(row["layer"]) else _layer(row["layer"])
    words = f"{row['a_words']} → {row['b_words']}" if row["a_words"] != row["b_words"] else "other kernels of that kind"
    change = f"{(row['b_ns'] - row['a_ns']) / row['a_ns']:+.1%}" if row["a_ns"] else "new"
    called = change if row["verdict"] in (SLOWER, FASTER) else f"{change}, {row['verdict']}"
    details = [
        ("problem", f"{operator} {row['problem']}, {row['pass']}"),
        ("time", f"{with_unit('duration', row['a_ns'])} → {with_unit('duration', row['b_ns'])}"),
        ("A", _names(row["a_kernels"])),
        ("B", _names(row["b_kernels"])),
    ]
    return Item(f"{where}, {row['pass']}: {words}, {called}", details)


def _names(names: tuple[str, ...]) -> str:
    shown = [short_activity(name) for name in names[:_MOST_NAMES]]
    return "; ".join(shown) + (f"; and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _layer(layer: Any) -> str:
    """Write a layer so that its end, which tells it from its neighbours, is always seen."""
    if is_missing(layer):
        return NO_LAYER
    text = str(layer) or ROOT_LAYER
    return text if len(text) <= _LONGEST_LAYER else "…" + text[-_LONGEST_LAYER + 1 :]


def _layers(result: RunDiff, rows: int) -> Section | None:
    if set(result.layers["layer"]) <= {NO_LAYER}:
        return None
    data = [(_layer(row["layer"]), *_figures(row), row["verdict"]) for row in _cut(result.layers, rows)]
    columns = (Column("layer"), *_FIGURES, Column("verdict"))
    lead = "Time of each layer without its inner layers, forward and backward; largest difference first."
    table = Table(columns, data, max(len(result.layers) - rows, 0))
    return Section("Layers", lead, table=table, notes=_books(result, result.layers))


def _operators(result: RunDiff, rows: int) -> Section:
    with_layers = result.operators["layer"].notna().any()
    data = []
    for row in _cut(result.operators, rows):
        operator = str(row["operator"]).removeprefix(_ATEN)
        problem = row["problem"] if is_missing(row["b_problem"]) else f"{row['problem']} → {row['b_problem']}"
        cells = (operator, problem, row["pass"], row["a_calls"], row["b_calls"], *_figures(row), row["verdict"])
        data.append((_layer(row["layer"]), *cells) if with_layers else cells)
    columns = [
        Column("operator"),
        Column("problem", from_width=ROOMY),
        Column("pass", from_width=WIDE),
        Column("pieces A", "count", from_width=VERY_WIDE),
        Column("B", "count", from_width=VERY_WIDE),
        *_FIGURES,
        Column("verdict"),
    ]
    if with_layers:
        columns.insert(0, Column("layer", from_width=WIDE))
    lead = "Matched by layer and problem, then by what else agrees in order. Pieces: kernels, copies and memsets."
    table = Table(columns, data, max(len(result.operators) - rows, 0))
    return Section("Operators by problem", lead, table=table, notes=_books(result, result.operators))


def _kernels(result: RunDiff, rows: int) -> Section:
    data = [
        (short_activity(str(row["name"])), row["a_calls"], row["b_calls"], *_figures(row), row["verdict"])
        for row in _cut(result.kernels, rows)
    ]
    name = "kernel" if result.of == ("GPU", "GPU") else "kernel or operator"
    columns = (
        Column(name),
        Column("calls A", "count", from_width=ROOMY),
        Column("calls B", "count", from_width=ROOMY),
        *_FIGURES,
        Column("verdict"),
    )
    table = Table(columns, data, max(len(result.kernels) - rows, 0))
    return Section("Kernels, copies and memsets", table=table, notes=_books(result, result.kernels))


def _steps(result: RunDiff, rows: int) -> Section | None:
    if result.basis != PER_STEP:
        return None
    with_device = bool(result.steps[["a_device_ns", "b_device_ns"]].sum().sum())
    columns = [
        Column("step A"),
        Column("step B"),
        *(Column(f"host {side}", "duration", same_unit="time") for side in "AB"),
    ]
    keys = ["a_step", "b_step", "a_host_ns", "b_host_ns"]
    if with_device:
        columns += [Column(f"device {side}", "duration", same_unit="time") for side in "AB"]
        columns += [Column(f"busy {side}", "duration", same_unit="time", from_width=ROOMY) for side in "AB"]
        keys += ["a_device_ns", "b_device_ns", "a_device_busy_ns", "b_device_busy_ns"]
    data = [tuple(row[key] for key in keys) for row in _cut(result.steps, rows)]
    return Section("Steps", "In order.", table=Table(columns, data, max(len(result.steps) - rows, 0)))


def _cut(table: pd.DataFrame, rows: int) -> list[dict[Any, Any]]:
    return table.head(rows).to_dict("records")


def _books(result: RunDiff, table: pd.DataFrame) -> tuple[str, ...]:
    """Write what the rows of a table add up to, by verdict."""
    sums = table.groupby("verdict")["difference_ns"].agg(["size", "sum"])
    said = [
        f"{word} {with_unit('duration', sums['sum'][verdict])} in {sums['size'][verdict]}"
        for verdict, word in _WORDS.items()
        if verdict in sums.index
    ]
    total = with_unit("duration", result.b_ns - result.a_ns)
    return (f"Differences: {', '.join(said)}; together {total}, the difference of the totals.",) if said else ()


_WORDS: Final = {
    SLOWER: "slower",
    FASTER: "faster",
    ONLY_IN_B: "only in B",
    ONLY_IN_A: "only in A",
    WITHIN_NOISE: "within noise",
    NOT_JUDGED: "not judged",
}
