"""Predictions of cuDNN's choices laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.predict``, version 2: ``cudnn_version``, ``source`` (what the convolutions were taken from),
``rows``, ``totals``, ``pairs``, ``changes``, ``left_out``; their fields are those of
:class:`profiler_kit.analysis.selection.predicted_selection.PredictedSelection`. A missing value is ``null``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.analysis.selection.layer_convolutions import PASSES
from profiler_kit.analysis.selection.predicted_selection import PredictedSelection
from profiler_kit.cudnn.problem import NHWC
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import to_csv
from profiler_kit.report.predict_changes import change_items, copied, names, true
from profiler_kit.report.quantities import MISSING, is_missing

SCHEMA: Final = "profiler_kit.predict"
SCHEMA_VERSION: Final = 2


def predict_json(result: PredictedSelection, source: str) -> str:
    """Render predictions as JSON text."""
    return json_text(SCHEMA, SCHEMA_VERSION, {"source": source, **predict_content(result)})


def predict_content(result: PredictedSelection) -> dict[str, Any]:
    """Return what the JSON document says of predictions, whatever they are about."""
    return {
        "cudnn_version": result.cudnn_version,
        "left_out": list(result.left_out),
        **{name: _records(getattr(result, name)) for name in ("totals", "pairs", "changes")},
        "rows": _records(result.table),
    }


def predict_csv(result: PredictedSelection) -> str:
    """Render the rows as CSV."""
    return to_csv(_records(result.table), [str(name) for name in result.table.columns])


def predict_sections(result: PredictedSelection, rows: int) -> list[Section]:
    """Lay out what changes, the sums by variant, and the plans.

    Args:
        result: The predictions.
        rows: Most rows of each table of plans; there is one for each GPU.
    """
    if not len(result.table):
        return [Section("Predicted plans", "There is no convolution to ask about.", notes=_not_asked(result))]
    parts = [_totals(result), *_plans(result, rows)]
    if items := change_items(result):
        parts.insert(0, Section("What changes", _LEAD.format(result.cudnn_version), items=items))
    return [replace(parts[0], notes=(*parts[0].notes, *_outdated(result))), *parts[1:]]


def report_sections(result: PredictedSelection, rows: int) -> list[Section]:
    """Lay predictions out as part of a report, whose other sections are about what was recorded."""
    return [
        replace(section, title=f"Predicted by cuDNN: {section.title[:1].lower()}{section.title[1:]}")
        for section in predict_sections(result, rows)
    ]


_LEAD: Final = (
    "As cuDNN {} says it would choose, asked about described devices. Nothing here is measured, other versions may "
    "choose otherwise, and with torch.backends.cudnn.benchmark PyTorch times up to 10 plans and takes the fastest. "
    "Times are what reading and writing the copies takes at least, at peak bandwidth."
)


def _not_asked(result: PredictedSelection) -> list[str]:
    return [f"Not asked: {what}" for what in result.left_out]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _totals(result: PredictedSelection) -> Section:
    varying, said = _variant_columns(result.totals)
    columns = (
        *varying.values(),
        Column("passes", "count", from_width=WIDE),
        Column("tensor\ncores", "count"),
        Column("Winograd", "count"),
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
        "get the layout or channel count it works on; derived from sizes, none where these don't tell, times the calls "
        "of the model's forward pass or the trace."
    )
    return Section("Plans by GPU, type and format", lead, table=Table(columns, data))


def _plans(result: PredictedSelection, rows: int) -> list[Section]:
    """Lay out the first plans, GPU by GPU, forward passes first, so that neighbours can be compared."""
    gpus = list(dict.fromkeys(result.table["gpu"]))
    order = {name: place for place, name in enumerate(PASSES)}
    sections = []
    for gpu in gpus:
        mine = result.table[result.table["gpu"] == gpu]
        mine = mine.assign(place=mine["pass"].map(order)).sort_values(["place", "convolution"], kind="stable")
        if len(gpus) > 1:
            sections.append(_plans_of(result, mine.drop(columns="gpu"), rows, f"First plan for each pass on {gpu}"))
        else:
            sections.append(_plans_of(result, mine, rows, "First plan for each pass"))
    count = _unexplained(result)
    notes = [
        "Engine numbers have no published meaning; they can be compared within one pass and cuDNN version only.",
        *(["Doubled: in float32, or two of each; the size doesn't tell which."] if _doubled(result) else []),
        *([f"Copies –: the workspace's size doesn't tell what for, in {count} passes."] if count else []),
        *([_FIRST_GRADIENT] if "dgrad" in set(result.table["pass"]) else []),
        *_without_channels_last(result),
        *_not_asked(result),
    ]
    return [*sections[:-1], replace(sections[-1], notes=notes)]


def _without_channels_last(result: PredictedSelection) -> list[str]:
    """Say which of the questions about NHWC a user can't bring about by switching to channels_last."""
    last = result.table[result.table["memory_format"] == NHWC]
    notes = []
    if "float64" in set(last["dtype"]):
        notes.append("float64: PyTorch makes tensors in channels_last contiguous itself, and asks for NCHW either way.")
    if last["weight_shape"].map(len).eq(_LINE).any():
        notes.append(
            "1-d convolutions: NHWC stands for an input strided as (N, L, C); .to(memory_format=torch.channels_last) "
            "leaves them as they are."
        )
    return notes


_LINE: Final = 3
"""Dimensions of a 1-d convolution's weight."""


def _plans_of(result: PredictedSelection, mine: pd.DataFrame, rows: int, title: str) -> Section:
    varying, said = _variant_columns(mine)
    layers_known = bool(mine["layers"].map(len).any())
    columns = (
        Column("layers", from_width=0 if layers_known else VERY_WIDE),
        Column("problem", from_width=WIDE if layers_known else 0),
        Column("pass"),
        *varying.values(),
        Column("computes\nwith"),
        Column("engine"),
        Column("workspace", "bytes", same_unit="workspace"),
        Column("copies", "bytes", from_width=ROOMY, same_unit="workspace"),
        Column("of", from_width=VERY_WIDE),
        Column("other\nplans", "count", from_width=WIDE),
        Column("knobs", from_width=VERY_WIDE + 40),
    )
    data = [
        (
            names(row["layers"], result.layer_source),
            problem_name(row),
            row["pass"],
            *(row[name] for name in varying),
            row["class"],
            MISSING if is_missing(row["engine"]) else f"eng{row['engine']}",
            row["workspace_bytes"],
            row["copies_bytes"],
            copied(row),
            row["alternatives"],
            row["knobs"],
        )
        for row in mine.head(rows).to_dict("records")
    ]
    return Section(title, said.strip(), table=Table(columns, data, max(len(mine) - rows, 0)))


_VARIANT_COLUMNS: Final = {"gpu": "GPU", "dtype": "type", "memory_format": "format", "tf32": "TF32"}


def _variant_columns(table: pd.DataFrame) -> tuple[dict[str, Column], str]:
    """Return columns for what varies between variants, and a sentence about what doesn't."""
    values = {name: table[name].dropna().unique() for name in _VARIANT_COLUMNS if name in table}
    varying = {
        name: Column(title)
        for name, title in _VARIANT_COLUMNS.items()
        if name in values and len(values[name]) + bool(table[name].isna().any()) > 1
    }
    fixed = [
        f"TF32 {values[name][0]}" if name == "tf32" else str(values[name][0])
        for name in values
        if name not in varying and len(values[name])
    ]
    return varying, f"For {', '.join(fixed)}. " if fixed else ""


def _outdated(result: PredictedSelection) -> list[str]:
    """Say where an answer is of little use: cuDNN 9.11 dropped Volta, yet still answers for it."""
    old = [name for name in dict.fromkeys(result.totals["gpu"]) if name.startswith("V100")]
    version = tuple(int(part) for part in result.cudnn_version.split("."))
    if not old or version < _DROPPED_VOLTA:
        return []
    text = (
        f"cuDNN {result.cudnn_version} doesn't run on Volta (support ended with 9.10): what it answers for "
        f"{' and '.join(old)} is no guide to older versions, which use its tensor cores. Ask one of those: "
        "pip install 'nvidia-cudnn-cu12==9.10.*' (in an environment of its own)"
    )
    return [text]


_DROPPED_VOLTA: Final = (9, 11)


def _doubled(result: PredictedSelection) -> bool:
    return bool(true(result.table["copies_doubled"]).any())


def _unexplained(result: PredictedSelection) -> int:
    return int((result.table["workspace_bytes"].notna() & result.table["copies_bytes"].isna()).sum())


_FIRST_GRADIENT: Final = "dgrad is asked for everywhere; training does without the one of a model's first layer."
