"""A report for TensorBoard's own tabs: scalars by step, and the Markdown in the Text tab."""

from __future__ import annotations

from os import PathLike
from typing import Any

from profiler_kit.errors import MissingExtraError
from profiler_kit.report.report import Report

TEXT_TAG = "profiler_kit/report"

_SCALARS = {"profiler_kit/step_ms": "host_ns", "profiler_kit/operators_ms": "op_ns"}
_DEVICE_SCALARS = {"profiler_kit/device_ms": "device_ns", "profiler_kit/device_busy_ms": "device_busy_ns"}
"""Tag → column of the step table. Those of the device are left out where there was none."""


def write_summaries(report: Report, logdir: str | PathLike[str], *, epoch_ns: int = 0) -> None:
    """Write a report's scalars by step and its Markdown into a TensorBoard event file.

    Args:
        report: The report.
        logdir: The run's directory, next to its traces.
        epoch_ns: What to add to the trace's times for nanoseconds since 1970.

    Raises:
        MissingExtraError: If TensorBoard or torch is not installed.
        OSError: If the file cannot be written.
    """
    tags = _SCALARS | (_DEVICE_SCALARS if report.steps.device_total_ns else {})
    steps = report.steps.table
    with _writer(logdir) as writer:
        for row in steps.to_dict("records"):
            walltime = (epoch_ns + row["start_ns"]) / 1e9
            for tag, column in tags.items():
                writer.add_scalar(tag, row[column] / 1e6, int(row["step"]), walltime)
        last = int(steps["step"].max()) if len(steps) else 0
        writer.add_text(TEXT_TAG, report.to_markdown(), last)


def write_text(markdown: str, logdir: str | PathLike[str]) -> None:
    """Write Markdown for the Text tab into a TensorBoard event file; raises as :func:`write_summaries`."""
    with _writer(logdir) as writer:
        writer.add_text(TEXT_TAG, markdown)


def _writer(logdir: str | PathLike[str]) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("writing TensorBoard summaries", "tensorboard and torch", "tensorboard") from None
    return SummaryWriter(str(logdir))
