"""What the kernels' names say of each convolution beside what cuDNN predicted, laid out for readers, as JSON and CSV.

JSON schema ``profiler_kit.agreement``, version 1: ``cudnn_version``, ``gpu``, ``source``, ``rows_compared``,
``left_out``, ``rows``: the table of :class:`profiler_kit.analysis.selection.prediction_agreement.PredictionAgreement`.
Times are in µs in fields that end in ``_us``; a missing value is ``null``.
"""

from __future__ import annotations

from typing import Final

from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.analysis.selection.prediction_agreement import AGREE, CANT_TELL, DIFFER, PredictionAgreement
from profiler_kit.report.document import json_text
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.microseconds import rows_in_microseconds, to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING

SCHEMA: Final = "profiler_kit.agreement"
SCHEMA_VERSION: Final = 1


def agreement_json(result: PredictionAgreement, source: str, gpu: str) -> str:
    """Render as JSON text."""
    content = {
        "source": source,
        "gpu": gpu,
        "cudnn_version": result.cudnn_version,
        "rows_compared": result.rows,
        "left_out": list(result.left_out),
        "rows": rows_in_microseconds(result.table),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def agreement_csv(result: PredictionAgreement) -> str:
    """Render the rows as CSV."""
    rows = rows_in_microseconds(result.table)
    return to_csv(rows, list(rows[0]) if rows else [str(name) for name in result.table.columns])


def agreement_sections(result: PredictionAgreement, gpu: str, rows: int) -> list[Section]:
    """Lay out the counts, and the witnesses row by row where they differ first.

    Args:
        result: The comparison.
        gpu: The GPU that cuDNN was asked about.
        rows: Most rows of the table of witnesses.
    """
    notes = [f"Not compared: {why}" for why in result.left_out]
    if not result.rows:
        return [Section("Prediction and kernels", "No convolution of this trace can be compared.", notes=notes)]
    lead = (
        f"{result.rows} rows of the ledger, predicted by cuDNN {result.cudnn_version} for {gpu}. The trace ran a "
        "version of its own, often an older one: a difference may be the version's, or the settings' (TF32 is taken to "
        "be allowed, benchmarking to be off)."
    )
    counts = [
        (fact, *(row[verdict] for verdict in (AGREE, DIFFER, CANT_TELL)))
        for fact, row in result.counts().to_dict("index").items()
    ]
    columns = (Column("fact"), *(Column(verdict, "count") for verdict in (AGREE, DIFFER, CANT_TELL)))
    said = "What each witness says by itself; differences between names and prediction first."
    return [
        Section("Prediction and kernels", lead, table=Table(columns, counts), notes=notes),
        _witnesses(result, rows, "Witnesses", said),
    ]


def witness_section(result: PredictionAgreement, gpu: str, title: str) -> Section:
    """Lay out what the witnesses say of one convolution.

    Args:
        result: The comparison, of its row alone.
        gpu: The GPU that cuDNN was asked about.
        title: The section's heading.
    """
    if not result.rows:
        reasons = [f"Not asked: {why}" for why in result.left_out]
        return Section(title, "cuDNN can't be asked about this one.", notes=reasons)
    lead = (
        f"Each by itself. The prediction is cuDNN {result.cudnn_version}'s for {gpu}, not that of the version that ran."
    )
    return _witnesses(result, len(result.table), title, lead)


def _witnesses(result: PredictionAgreement, rows: int, title: str, lead: str) -> Section:
    order = {DIFFER: 0, AGREE: 1, CANT_TELL: 2}
    table = result.table.assign(rank=result.table["verdict"].map(order)).sort_values(["rank", "row"], kind="stable")
    logged = bool(table["reported"].notna().any())
    columns = (
        Column("problem"),
        Column("pass"),
        Column("fact"),
        Column("names\nsay"),
        Column("predic-\ntion says"),
        *([Column("log\nsays")] if logged else []),
        Column("verdict"),
        Column("kernel", from_width=WIDE),
        Column("predicted plan", from_width=VERY_WIDE),
        *([Column("reported by\ncuDNN", from_width=VERY_WIDE)] if logged else []),
        Column("assumed", from_width=ROOMY + VERY_WIDE),
    )
    data = [
        (
            problem_name(row),
            row["pass"],
            row["fact"],
            row["names_say"],
            row["prediction_says"],
            *([row["log_says"]] if logged else []),
            row["verdict"],
            short_kernel(row["kernel"]) if row["kernel"] else MISSING,
            row["plan"],
            *([row["reported"]] if logged else []),
            row["assumed"] or MISSING,
        )
        for row in table.head(rows).to_dict("records")
    ]
    return Section(title, lead, table=Table(columns, data, max(len(table) - rows, 0)))
