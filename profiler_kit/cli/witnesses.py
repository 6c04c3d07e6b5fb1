"""Asking cuDNN about a trace's convolutions, to put its answer beside the kernels' names and its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from profiler_kit.analysis.ledger.explanation import Explanation, Side
    from profiler_kit.analysis.selection.prediction_agreement import PredictionAgreement
    from profiler_kit.cudnn.description import Target
    from profiler_kit.report.layout import Section
    from profiler_kit.trace import Trace


class NoGpuToAskAboutError(ProfilerKitError):
    """A trace doesn't say for which GPU cuDNN is to be asked."""


def gpu_of(trace: Trace) -> Target:
    """Describe the GPU that a trace was recorded on.

    Raises:
        NoGpuToAskAboutError: It doesn't say, or it is none of NVIDIA's.
    """
    from profiler_kit.analysis.selection.prediction_agreement import target_of_trace

    target = target_of_trace(trace.metadata)
    if target is None:
        raise NoGpuToAskAboutError(
            f"{trace.source}: names no GPU of NVIDIA's that it ran on; predict takes one with --gpu"
        )
    return target


def witnesses(
    trace: Trace,
    target: Target,
    *,
    allow_tf32: bool = True,
    keep: Callable[[Mapping[str, Any]], bool] = lambda _row: True,
) -> PredictionAgreement:
    """Put names, prediction and log side by side for the convolutions of a trace.

    Args:
        trace: The trace.
        target: The GPU to ask cuDNN about.
        allow_tf32: Whether float32 was allowed to be computed in TF32.
        keep: Tells by the ledger's row whether it is wanted.
    """
    from profiler_kit.analysis.passes.passes import passes
    from profiler_kit.analysis.selection.prediction_agreement import prediction_agreement, row_questions
    from profiler_kit.analysis.selection.reported_engines import reported_engines
    from profiler_kit.analysis.selection.selection import ledger_work, selection
    from profiler_kit.cudnn.oracle import Oracle

    found = passes(trace)
    work = ledger_work(trace, "conv", found)
    ledger = selection(trace, "conv", found=found, work=work)
    questions, left_out = row_questions(ledger, allow_tf32=allow_tf32)
    questions = [one for one in questions if keep(one.convolution.facts)]
    with Oracle() as oracle:
        answers = oracle.predict([(one.problem, target) for one in questions])
    return prediction_agreement(ledger, questions, answers, left_out, reported_engines(trace, found, work))


def explanation_witnesses(trace: Trace, other: Trace | None, explanation: Explanation) -> list[Section]:
    """Lay out what the witnesses say of the convolutions that an explanation compares.

    Raises:
        NoGpuToAskAboutError: A trace doesn't say for which GPU to ask.
    """
    from profiler_kit.report.agreement import witness_section

    sections = []
    for side, source in ((explanation.slow, trace), (explanation.fast, other or trace)):
        if side.is_convolution:
            target = gpu_of(source)
            result = witnesses(source, target, keep=lambda row, side=side: _is_of(row, side))  # type: ignore[misc]
            sections.append(witness_section(result, target.name, f"Who says what of {side.name}"))
    return sections


def _is_of(row: Mapping[str, Any], side: Side) -> bool:
    """Tell whether a row of the ledger is what an explanation is about."""
    same = (row["operator"], row["pass"], tuple(row["layers"])) == (side.operator, side.pass_, tuple(side.layers))
    return same and row["input_shape"] == side.problem.input_shape and row["weight_shape"] == side.problem.weight_shape
