"""Witnesses of what a convolution computed with: the kernels' names, cuDNN's prediction, and cuDNN's log.

Each says what it says by itself; none is corrected by another. A prediction is of the cuDNN version that was asked and
of a description of the GPU, the kernels are of the version that ran: where they differ, the versions may be why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.selection.layer_convolutions import LayerConvolution, convolution_of_row
from profiler_kit.analysis.selection.reported_engines import ReportedEngines
from profiler_kit.analysis.selection.selection import Selection
from profiler_kit.analysis.work.facts import device_properties
from profiler_kit.cudnn.description import Target, target_of_properties
from profiler_kit.cudnn.plans import Plan, Prediction
from profiler_kit.cudnn.problem import ConvProblem, ConvProblemError
from profiler_kit.cudnn.tensor_copies import tensor_copies
from profiler_kit.kernels import identify

YES: Final = "yes"
NO: Final = "no"
UNKNOWN: Final = "unknown"

AGREE: Final = "agree"
DIFFER: Final = "differ"
CANT_TELL: Final = "can't tell"

FACTS: Final = ("tensor cores", "layout transforms", "Winograd", "FFT", "split-K")
"""What witnesses are asked about."""

_LIBRARIES: Final = frozenset({"cuDNN", "cuBLAS"})
"""Libraries of main kernels; cuDNN leaves the product of some algorithms to cuBLAS."""

_SHARED_K: Final = frozenset({"split_k", "segment_k", "stream_k"})


@dataclass(frozen=True, slots=True)
class RowQuestion:
    """One row of the ledger that can be asked about.

    Attributes:
        row: Its place in the ledger's table.
        convolution: The convolution.
        problem: The row's pass of it, as recorded.
        assumed: What the trace doesn't say and was taken for granted, in words; empty if nothing.
    """

    row: int
    convolution: LayerConvolution
    problem: ConvProblem
    assumed: str


@dataclass(frozen=True)
class PredictionAgreement:
    """What the witnesses say.

    Attributes:
        table: One row per row of the ledger and fact: ``row``, ``layers``, the ledger's ``operator`` and shapes,
            ``pass``, ``device_ns``, ``fact`` (one of :data:`FACTS`), ``names_say``, ``prediction_says`` (yes, no,
            unknown), ``log_says`` (likewise; unknown without a log), ``verdict`` (of names and prediction: agree,
            differ, can't tell), ``kernel`` (the main kernel's name), ``plan`` (the predicted engine and knobs),
            ``reported`` (engine and knobs, or algorithm, as reported by cuDNN; None without a log), ``assumed``.
        rows: Rows of the ledger that were compared.
        left_out: Why others were not, in words.
        cudnn_version: The version that was asked.
    """

    table: pd.DataFrame
    rows: int
    left_out: tuple[str, ...]
    cudnn_version: str

    def counts(self) -> pd.DataFrame:
        """Count verdicts: one row per fact, a column for each verdict."""
        counted = pd.crosstab(self.table["fact"], self.table["verdict"])
        return counted.reindex(index=list(FACTS), columns=[AGREE, DIFFER, CANT_TELL], fill_value=0)


def row_questions(ledger: Selection, *, allow_tf32: bool = True) -> tuple[list[RowQuestion], tuple[str, ...]]:
    """List the rows of a ledger whose kernels cuDNN chose and which it can be asked about, and why not the others.

    Args:
        ledger: The ledger of convolutions.
        allow_tf32: Whether float32 was allowed to be computed in TF32; PyTorch's default.
    """
    questions, reasons = [], dict[str, int]()
    for place, row in enumerate(ledger.table.to_dict("records")):
        try:
            one = convolution_of_row(row)
            if row["library"] not in _LIBRARIES:
                raise ConvProblemError(f"main kernels of {row['library']}, not of cuDNN")
        except ConvProblemError as error:
            reasons[str(error)] = reasons.get(str(error), 0) + 1
            continue
        problem = one.problem(
            row["pass"],
            dtype=one.dtype,
            memory_format=one.memory_format,
            allow_tf32=allow_tf32,
            deterministic=False,
        )
        assumed = "NCHW: strides were not recorded" if row["memory_format"] == UNKNOWN else ""
        questions.append(RowQuestion(place, one, problem, assumed))
    return questions, tuple(f"{why} ({count} row{'s'[: count != 1]})" for why, count in reasons.items())


def prediction_agreement(
    ledger: Selection,
    questions: Sequence[RowQuestion],
    predictions: Sequence[Prediction],
    left_out: Sequence[str] = (),
    reported: ReportedEngines | None = None,
) -> PredictionAgreement:
    """Put what the kernels' names say beside what was predicted, and beside what cuDNN's log reports.

    Args:
        ledger: The ledger of convolutions.
        questions: What :func:`row_questions` returned for it.
        predictions: cuDNN's answers for the trace's GPU, in the same order.
        left_out: Why other rows were not asked about.
        reported: What cuDNN's log says of the ledger's rows, if the trace has one.
    """
    logged = _most_reported(reported)
    kernels = dict(list(ledger.kernels.groupby("row", sort=False)))
    rows = []
    for question, answer in zip(questions, predictions, strict=True):
        row = ledger.table.iloc[question.row].to_dict()
        seen = _observed(row, kernels.get(question.row, ledger.kernels.head(0)))
        said = predicted_facts(question.problem, answer.plan)
        main = _main_kernels(kernels.get(question.row, ledger.kernels.head(0)))
        rows += [
            {
                "row": question.row,
                **{name: row[name] for name in _ROW_COLUMNS},
                "fact": fact,
                "names_say": seen[fact],
                "prediction_says": said[fact],
                "log_says": _logged_fact(logged.get(question.row), fact),
                "verdict": verdict(seen[fact], said[fact]),
                "kernel": main[0] if main else None,
                "plan": answer.plan.name if answer.plan else answer.error,
                "reported": _reported_name(logged.get(question.row)),
                "assumed": question.assumed,
            }
            for fact in FACTS
        ]
    return PredictionAgreement(
        table=pd.DataFrame(rows, columns=list(_COLUMNS)),
        rows=len(questions),
        left_out=tuple(left_out),
        cudnn_version=predictions[0].cudnn_version if predictions else "",
    )


def target_of_trace(metadata: Mapping[str, Any]) -> Target | None:
    """Describe the GPU of a trace; ``None`` if it says of none of NVIDIA's."""
    entries = device_properties(metadata)
    return target_of_properties(entries[0]) if entries else None


def predicted_facts(problem: ConvProblem, plan: Plan | None) -> dict[str, str]:
    """Return what a plan says of each fact: yes, no or unknown."""
    if plan is None:
        return dict.fromkeys(FACTS, UNKNOWN)
    copies = None if plan.workspace_bytes is None else tensor_copies(problem, plan.workspace_bytes)
    return {
        "tensor cores": _word(plan.notes["TENSOR_CORE"]),
        # Doubled copies may be conversions to float32 as well, so their size proves no change of layout.
        "layout transforms": _word(None if copies is None or copies.doubled else copies.total_bytes > 0),
        "Winograd": _word(plan.notes["WINOGRAD"]),
        "FFT": _word(plan.notes["FFT"]),
        "split-K": _word(plan.split_k),
    }


def verdict(one: str, other: str) -> str:
    """Compare two witnesses."""
    if UNKNOWN in (one, other):
        return CANT_TELL
    return AGREE if one == other else DIFFER


_ROW_COLUMNS: Final = (
    *("layers", "operator", "input_shape", "weight_shape", "stride", "padding", "dilation", "output_padding"),
    *("groups", "dtype", "memory_format", "pass", "device_ns"),
)
_COLUMNS: Final = (
    *("row", *_ROW_COLUMNS, "fact", "names_say", "prediction_says", "log_says", "verdict", "kernel", "plan"),
    *("reported", "assumed"),
)
_LOGGED: Final = {"tensor cores": "tensor_cores", "Winograd": "winograd", "FFT": "fft"}
"""Facts that a record of the log has, and their columns."""


def _most_reported(reported: ReportedEngines | None) -> dict[int, dict[str, Any]]:
    """Return what was reported for most calls of each row."""
    if reported is None:
        return {}
    first = reported.table.drop_duplicates("row")
    return {row["row"]: {str(name): value for name, value in row.items()} for row in first.to_dict("records")}


def _logged_fact(record: Mapping[str, Any] | None, fact: str) -> str:
    value = None if record is None or fact not in _LOGGED else record[_LOGGED[fact]]
    return _word(None if value is None or value != value else bool(value))


def _reported_name(record: Mapping[str, Any] | None) -> str | None:
    if record is None:
        return None
    return record["algorithm"] or f"eng{record['engine']} {record['knobs']}".strip()


def _word(value: bool | None) -> str:
    return {True: YES, False: NO, None: UNKNOWN}[value]


def _main_kernels(kernels: pd.DataFrame) -> list[str]:
    return [str(name) for name in kernels.loc[kernels["role"] == "main", "name"]]


def _observed(row: Mapping[Any, Any], kernels: pd.DataFrame) -> dict[str, str]:
    """Return what the names of a row's kernels say of each fact."""
    algorithm = str(row["algorithm"])
    known = algorithm != UNKNOWN
    shares = [identify(name).split_k for name in _main_kernels(kernels)]
    reduces = any(identify(str(name)).role == "reduce" for name in kernels["name"])
    split = True if reduces or _SHARED_K & set(shares) else False if shares and set(shares) == {"off"} else None
    return {
        "tensor cores": str(row["tensor_cores"]),
        "layout transforms": _word(bool(row["layout_transform_ns"] > 0)) if len(kernels) else UNKNOWN,
        "Winograd": _word("winograd" in algorithm if known else None),
        "FFT": _word("fft" in algorithm if known else None),
        "split-K": _word(split),
    }
