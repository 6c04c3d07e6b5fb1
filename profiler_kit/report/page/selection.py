"""The selection ledger: problems, and what was launched for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from profiler_kit.analysis.problems.problem_calls import CONVOLUTION, CONVOLUTION_BACKWARD
from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.report.layers import ROOT_LAYER, short_layer
from profiler_kit.report.names import short_kernel
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks
from profiler_kit.report.predict import report_sections
from profiler_kit.report.quantities import is_missing

LEAD: Final = "Every convolution and matrix product: the problem, the kernels chosen for it, and what they cost."

_RECORD: Final = (
    "This trace has no convolution and no matrix product among its operators. Record with activities that include "
    "ProfilerActivity.CPU, and with record_shapes=True to see shapes; profiler_kit.profile does both."
)

_ASK: Final = (
    "cuDNN can be asked, without a GPU, which plans it would choose for these convolutions on any GPU, in "
    "channels_last, or without TF32. TensorBoard shows here what predict was asked last; report --predict writes it "
    "into a file."
)
_COMMAND: Final = "profiler-kit predict TRACE --gpu H100"

_COLUMNS: Final = (
    b.Column("problem", "Problem", wrap=True),
    b.Column("pass", "Pass"),
    b.Column("calls", "Calls", "count"),
    b.Column("time", "Time", "duration", "All calls together", bar=True),
    b.Column("median", "Median", "duration", "Of one call"),
    b.Column("rate", "Rate", "flops_per_s", "Useful operations by time"),
    b.Column("algorithm", "Algorithm", help="By the kernels' names"),
    b.Column("tensor_cores", "Tensor cores", help="Of the main kernels, by their names"),
    b.Column("layout_transforms", "Layout transforms", "duration", "Kernels that only change a tensor's layout"),
    b.Column("dtype", "Type"),
    b.Column("memory_format", "Format", help="Memory format of the input, by its strides"),
    b.Column("library", "Library"),
    b.Column("main", "Main kernels", "duration"),
    b.Column("helpers", "Helpers", "duration", "Everything else that was launched, adding the bias included"),
    b.Column("memsets", "Memsets", "duration"),
    b.Column("p95", "p95", "duration", "Of one call"),
    b.Column("flops", "Work", "flops", "Useful operations of one call, derived from shapes"),
    b.Column("layers", "Layers", wrap=True),
    b.Column("operator", "Operator", "mono", hidden=True),
)

_FACTS: Final = ("operator", "pass", "input_shape", "weight_shape", "stride", "padding", "dilation", "groups", "note")


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are problems."""
    return None if len(answers.passes.calls.table) else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    result = answers.selection
    of = "device time" if result.of == "GPU" else "host operator time"
    kernels: dict[int, list[dict[Any, Any]]] = {}
    for kernel in result.kernels.to_dict("records"):
        kernels.setdefault(kernel["row"], []).append(kernel)
    sequences: dict[int, list[dict[Any, Any]]] = {}
    for one in result.sequences.to_dict("records"):
        sequences.setdefault(one["row"], []).append(one)
    listed = result.table.to_dict("records")
    made = [
        b.breakdown(
            "books",
            f"How much of the {of} lies in convolutions and matrix products",
            result.total_ns,
            [
                ("in these", result.attributed_ns, "conv"),
                ("in other operators", result.other_operators_ns, "other"),
                ("in no operator", result.no_operator_ns, "unattributed"),
            ],
        ),
        b.table(
            "selection",
            "Problems",
            _COLUMNS,
            [_row(row, result.layer_source) for row in listed],
            lead=f"Distinct problems by {of}. Open a row to see what was launched for it.",
            sort="time",
            detail=[
                _detail(number, row, kernels.get(number, []), sequences.get(number, []))
                for number, row in enumerate(listed)
            ],
        ),
    ]
    evidence = result.passes[result.passes["evidence"].notna()]
    if len(evidence):
        made.append(_evidence(evidence.to_dict("records")))
    return [*made, *_predicted(answers)]


def _predicted(answers: Answers) -> list[b.Block]:
    """Show what cuDNN was asked about the convolutions; how to ask it, where nothing was."""
    if not set(answers.passes.calls.table["kind"]) & {CONVOLUTION, CONVOLUTION_BACKWARD}:
        return []
    found = answers.prediction()
    if found is None:
        return [b.missing("predicted", "Predicted by cuDNN", _ASK, command=_COMMAND)]
    return section_blocks(report_sections(found, ALL_ROWS))


def _row(row: Mapping[Any, Any], source: str) -> tuple[Any, ...]:
    operator, shaped = str(row["operator"]).rpartition("::")[2], problem_name(row)
    return (
        shaped if operator in shaped else f"{operator} {shaped}",
        row["pass"],
        row["calls"],
        row["device_ns"],
        row["median_ns"],
        row["flops_per_s"],
        row["algorithm"],
        row["tensor_cores"],
        row["layout_transform_ns"],
        row["dtype"] or "unknown",
        row["memory_format"],
        row["library"],
        row["main_ns"],
        row["helper_ns"],
        row["memset_ns"],
        row["p95_ns"],
        row["flops"],
        ", ".join(short_layer(name, source) or ROOT_LAYER for name in row["layers"]),
        row["operator"],
    )


def _detail(
    number: int,
    row: Mapping[Any, Any],
    kernels: list[dict[Any, Any]],
    sequences: list[dict[Any, Any]],
) -> list[b.Block]:
    facts = [(name.replace("_", " "), _fact(row[name])) for name in _FACTS if not _absent(row[name])]
    launched = b.table(
        f"launched-{number}",
        "What was launched",
        (
            b.Column("role", "Role"),
            b.Column("kernel", "Kernel", "mono", wrap=True),
            b.Column("launches", "Launches", "count"),
            b.Column("time", "Time", "duration", bar=True),
            b.Column("library", "Library"),
            b.Column("operation", "Operation"),
            b.Column("algorithm", "Algorithm"),
            b.Column("tensor_cores", "Tensor cores"),
        ),
        [
            (
                str(one["role"]).replace("_", " "),
                one["name"],
                one["launches"],
                one["total_ns"],
                one["library"],
                one["operation"],
                one["algorithm"],
                one["tensor_cores"],
            )
            for one in kernels
        ],
        link=("kernel", "kernels"),
    )
    made = [b.facts(f"facts-{number}", "Problem", facts), launched]
    if len(sequences) > 1:
        made.append(
            b.table(
                f"sequences-{number}",
                "Different kernels for the same problem",
                (
                    b.Column("calls", "Calls", "count"),
                    b.Column("time", "Time", "duration"),
                    b.Column("steps", "Steps"),
                    b.Column("kernels", "Kernels in launch order", "mono", wrap=True),
                ),
                [
                    (one["calls"], one["total_ns"], one["steps"], " → ".join(map(short_kernel, one["kernels"])))
                    for one in sequences
                ],
            )
        )
    return made


def _absent(value: Any) -> bool:
    return not isinstance(value, tuple) and (is_missing(value) or value == "")


def _fact(value: Any) -> str:
    return " × ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _evidence(rows: list[dict[Any, Any]]) -> b.Block:
    return b.table(
        "evidence",
        "What tells which gradient the backward work is for",
        (
            b.Column("pass", "Pass"),
            b.Column("evidence", "Evidence", wrap=True),
            b.Column("pieces", "Launches", "count"),
            b.Column("time", "Time", "duration"),
        ),
        [(row["pass"], row["evidence"], row["pieces"], row["total_ns"]) for row in rows],
        sort="time",
    )
