"""Predictions of cuDNN's choices laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.predict``, version 1: ``cudnn_version``, ``source`` (what the convolutions were taken from),
``rows``, ``totals``, ``pairs``, ``changes``, ``left_out``; their fields are those of
:class:`profiler_kit.analysis.predicted_selection.PredictedSelection`. A missing value is ``null``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.predicted_selection import NO_PLAN, OWN_KERNEL, PredictedSelection
from profiler_kit.analysis.problem_names import problem_name
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import to_csv
from profiler_kit.report.quantities import MISSING, is_missing, with_unit

SCHEMA: Final = "profiler_kit.predict"
SCHEMA_VERSION: Final = 1

CHANNELS_LAST: Final = "NHWC (channels_last)"
_MOST_NAMES: Final = 4
"""Places that are named before "n more"."""


def predict_json(result: PredictedSelection, source: str) -> str:
    """Render predictions as JSON text."""
    content = {
        "source": source,
        "cudnn_version": result.cudnn_version,
        "left_out": list(result.left_out),
        **{name: _records(getattr(result, name)) for name in ("totals", "pairs", "changes")},
        "rows": _records(result.table),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def predict_csv(result: PredictedSelection) -> str:
    """Render the rows as CSV."""
    return to_csv(_records(result.table), [str(name) for name in result.table.columns])


def predict_sections(result: PredictedSelection, rows: int) -> list[Section]:
    """Lay out what changes, the sums by variant, and the plans.

    Args:
        result: The predictions.
        rows: Most rows of the table of plans.
    """
    if not len(result.table):
        return [Section("Predicted plans", "There is no convolution to ask about.", notes=result.left_out)]
    parts = [_totals(result), _plans(result, rows)]
    if items := [*_comparisons(result), *_remarks(result)]:
        return [Section("What changes", _VERSION.format(result.cudnn_version), items=items), *parts]
    return parts


_VERSION: Final = (
    "As cuDNN {} says it would choose, asked about described devices; other versions may choose otherwise."
)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _totals(result: PredictedSelection) -> Section:
    varying, said = _variant_columns(result.totals)
    columns = (
        *varying.values(),
        Column("passes", "count", from_width=WIDE),
        Column("tensor\ncores", "count"),
        Column("Wino-\ngrad", "count"),
        Column("FFT", "count"),
        Column("plain", "count"),
        Column("own\nkernel", "count", from_width=ROOMY),
        Column("no\nplan", "count", from_width=WIDE),
        Column("with\ncopies", "count", from_width=ROOMY),
        Column("copies", "bytes"),
        Column("padded\nchannels", "count", from_width=WIDE),
        Column("largest\nworkspace", "bytes", from_width=VERY_WIDE),
    )
    counts = ("passes", "tensor_cores", "winograd", "fft", "plain", "own_kernel", "no_plan", "copying")
    data = [
        tuple(row[name] for name in (*varying, *counts, "copies_bytes", "padded", "workspace_bytes"))
        for row in result.totals.to_dict("records")
    ]
    lead = (
        f"{said}Passes (forward, gradients of input and weight) of the distinct convolutions. Plain: cuDNN notes "
        "neither tensor cores nor Winograd nor FFT. Copies: whole tensors that a plan copies into its workspace to "
        "get the layout or channel count it works on; derived from sizes, times the calls of the model's forward "
        "pass or the trace."
    )
    return Section("Plans by GPU, type and format", lead, table=Table(columns, data))


def _plans(result: PredictedSelection, rows: int) -> Section:
    varying, said = _variant_columns(result.table)
    columns = (
        Column("layers", from_width=WIDE),
        Column("problem"),
        Column("pass"),
        *varying.values(),
        Column("computes with"),
        Column("engine"),
        Column("knobs", from_width=VERY_WIDE + 40),
        Column("workspace", "bytes", same_unit="workspace"),
        Column("copies", "bytes", from_width=ROOMY, same_unit="workspace"),
        Column("of", from_width=VERY_WIDE),
        Column("other\nplans", "count", from_width=WIDE),
    )
    data = [
        (
            names(row["layers"], result.layer_source),
            problem_name(row),
            row["pass"],
            *(row[name] for name in varying),
            row["class"] + ("" if row["certain"] else " ?"),
            MISSING if is_missing(row["engine"]) else f"eng{row['engine']}",
            row["knobs"],
            row["workspace_bytes"],
            row["copies_bytes"],
            copied(row),
            row["alternatives"],
        )
        for row in result.table.head(rows).to_dict("records")
    ]
    notes = [
        "Engine numbers have no published meaning; they can be compared within one pass and cuDNN version only.",
        *(["Doubled: in float32, or two of each; the size doesn't tell which."] if _doubled(result) else []),
        "Copies –: the workspace is there, but its size doesn't tell what for.",
        *_outdated(result),
        *(["?: PyTorch may use its own kernel for this depthwise convolution."] if _uncertain(result) else []),
        *(f"Not asked: {what}" for what in result.left_out),
    ]
    table = Table(columns, data, max(len(result.table) - rows, 0))
    return Section("First plan for each pass", said.strip(), table=table, notes=notes)


_VARIANT_COLUMNS: Final = {"gpu": "GPU", "dtype": "type", "memory_format": "format", "tf32": "TF32"}


def _variant_columns(table: pd.DataFrame) -> tuple[dict[str, Column], str]:
    """Return columns for what varies between variants, and a sentence about what doesn't."""
    values = {name: table[name].dropna().unique() for name in _VARIANT_COLUMNS}
    varying = {
        name: Column(title)
        for name, title in _VARIANT_COLUMNS.items()
        if len(values[name]) + bool(table[name].isna().any()) > 1
    }
    fixed = [
        f"TF32 {values[name][0]}" if name == "tf32" else str(values[name][0])
        for name in _VARIANT_COLUMNS
        if name not in varying and len(values[name])
    ]
    return varying, f"For {', '.join(fixed)}. " if fixed else ""


def copied(row: Mapping[Any, Any]) -> str:
    """Name the tensors that a plan copies, and what their channels are padded to."""
    if not row["copied"]:
        return MISSING
    padded = "" if is_missing(row["channels_padded_to"]) else f", channels padded to {row['channels_padded_to']}"
    doubled = ", doubled" if row["copies_doubled"] else ""
    return " + ".join(row["copied"]) + doubled + padded


def names(layers: Sequence[str], source: str) -> str:
    """Name the first layer and say how many more there are."""
    if not layers:
        return MISSING
    first = short_layer(layers[0], source)
    return first if len(layers) == 1 else f"{first} and {len(layers) - 1} more"


def _dash(value: Any) -> str:
    return MISSING if is_missing(value) else str(value)


def _outdated(result: PredictedSelection) -> list[str]:
    """Say where an answer is of little use: cuDNN 9.11 dropped Volta, yet still answers for it."""
    old = [name for name in dict.fromkeys(result.totals["gpu"]) if name.startswith("V100")]
    version = tuple(int(part) for part in result.cudnn_version.split("."))
    if not old or version < _DROPPED_VOLTA:
        return []
    text = (
        f"cuDNN {result.cudnn_version} doesn't run on Volta (support ended with 9.10): what it answers for "
        f"{' and '.join(old)} is no guide to older versions, which use its tensor cores. Ask one of those: "
        "pip install 'nvidia-cudnn-cu12==9.10.*'"
    )
    return [text]


_DROPPED_VOLTA: Final = (9, 11)


def _doubled(result: PredictedSelection) -> bool:
    return bool(_true(result.table["copies_doubled"]).any())


def _uncertain(result: PredictedSelection) -> bool:
    return bool((~result.table["certain"].astype(bool)).any())


def _comparisons(result: PredictedSelection) -> list[Item]:
    """Write an item for each pair of variants that anything differs between."""
    items, alike = [], []
    for pair in result.pairs.to_dict("records"):
        mine = result.changes
        for column in ("axis", "before", "after", *_OTHERS):
            mine = mine[mine[column].isna() if is_missing(pair[column]) else mine[column] == pair[column]]
        if not len(mine):
            alike.append(_pair_name(pair))
            continue
        changed, passes = pair["class_changes"], pair["passes"]
        what = f"{changed} of {passes} passes compute with something else" if changed else "computes with the same"
        copies = [with_unit("bytes", pair[f"copies_{when}"]) for when in ("before", "after")]
        if copies[0] != copies[1]:
            what += f"; copies {' → '.join(copies)}"
        items.append(Item(f"{_pair_name(pair)}: {what}", _details(result, mine, pair)))
    if alike:
        items.append(Item("The same plans and copies", [("between", name) for name in alike]))
    return items


_OTHERS: Final = ("gpu", "dtype", "memory_format", "tf32")


def _pair_name(pair: Mapping[Any, Any]) -> str:
    fixed = [str(pair[name]) for name in _OTHERS[:3] if not is_missing(pair[name])]
    if not is_missing(pair["tf32"]):
        fixed.append(f"TF32 {pair['tf32']}")
    before, after = (str(pair[when]).replace("NHWC", CHANNELS_LAST) for when in ("before", "after"))
    axis = "TF32 " if pair["axis"] == "tf32" else ""
    return f"{', '.join(fixed)}: {axis}{before} → {axis}{after}"


def _details(result: PredictedSelection, changes: pd.DataFrame, pair: Mapping[Any, Any]) -> list[tuple[str, str]]:
    details = []
    other = changes[changes["class_before"] != changes["class_after"]]
    for (before, after), some in other.groupby(["class_before", "class_after"], sort=False):
        details.append(("changes", f"{before} → {after} in {_where(result, some, pair['passes'])}"))
    if pair["engine_changes"]:
        details.append(("engines", f"another one in {pair['engine_changes']} of {pair['passes']} passes"))
    if pair["axis"] not in ("memory_format", "tf32"):
        return details
    had, has = (changes[f"copies_{when}"].fillna(0) > 0 for when in ("before", "after"))
    for label, some in (("go", changes[had & ~has]), ("come", changes[has & ~had])):
        if len(some):
            details.append(("copies", f"{label} in {_where(result, some, pair['passes'])}"))
    times = [pair[f"copies_ns_{when}"] for when in ("before", "after")]
    if any(not is_missing(ns) and ns for ns in times):
        told = " → ".join(with_unit("duration", ns) for ns in times)
        details.append(("cost", f"reading and writing the copies takes at least {told} (modelled, at peak bandwidth)"))
    return details


def _where(result: PredictedSelection, rows: pd.DataFrame, of: int = 0) -> str:
    """Name the passes of some rows, unless they are all: by layers where these are known, else by problems."""
    if len(rows) == of:
        return f"all {of} passes" if of > 1 else "the one pass"
    first = result.table.drop_duplicates("convolution").set_index("convolution")
    places: dict[str, list[str]] = {}
    for row in rows.to_dict("records"):
        place = first.loc[row["convolution"]]
        name = names(place["layers"], result.layer_source) if place["layers"] else problem_name(place.to_dict())
        places.setdefault(name, []).append(row["pass"])
    listed = [f"{name} ({', '.join(dict.fromkeys(which))})" for name, which in places.items()]
    more = f"; {len(listed) - _MOST_NAMES} more" if len(listed) > _MOST_NAMES else ""
    return f"{len(rows)} pass{'es'[: 2 * (len(rows) != 1)]}: {'; '.join(listed[:_MOST_NAMES])}{more}"


def _remarks(result: PredictedSelection) -> list[Item]:
    """Write items about padding, Winograd and FFT, PyTorch's own kernels, and what has no plan."""
    table = result.table
    found = (
        ("Channels are padded", table[table["channels_padded_to"].notna()], copied),
        ("Winograd or FFT is in play", table[_true(table["winograd"]) | _true(table["fft"])], lambda row: row["class"]),
        ("PyTorch uses its own kernels", table[table["class"] == OWN_KERNEL], lambda _row: "depthwise"),
        ("cuDNN has no plan", table[table["class"] == NO_PLAN], lambda row: _dash(row["error"])),
        ("The first plan's results may vary from run to run", table[_true(table["nondeterministic"])], _notes),
    )
    return [Item(f"{title}: {_count(rows)}", _by_variant(result, rows, say)) for title, rows, say in found if len(rows)]


def _notes(row: Mapping[Any, Any]) -> str:
    return ", ".join(row["notes"])


def _true(column: pd.Series) -> pd.Series:
    return column.map(lambda value: not is_missing(value) and bool(value)).astype(bool)


def _count(rows: pd.DataFrame) -> str:
    count = len(set(rows["convolution"]))
    return f"{count} convolution{'s'[: count != 1]}"


def _by_variant(result: PredictedSelection, rows: pd.DataFrame, say: Any) -> list[tuple[str, str]]:
    """Say where by variant, variants with the same text together."""
    texts: dict[str, list[str]] = {}
    for key, some in rows.fillna({"tf32": ""}).groupby(["gpu", "dtype", "memory_format", "tf32"], sort=False):
        gpu, dtype, memory_format, tf32 = key
        reasons = ", ".join(_distinct(say(row) for row in some.to_dict("records")))
        label = f"{gpu} {dtype} {memory_format}{f' TF32 {tf32}' if tf32 else ''}"
        texts.setdefault(f"{_where(result, some)} [{reasons}]", []).append(label)
    return [("where", f"{', '.join(labels)}: {text}") for text, labels in texts.items()]


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
