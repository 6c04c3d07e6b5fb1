"""A report for TensorBoard's own tabs: scalars by step, the Markdown in the Text tab, HParams, and a figure."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import pandas as pd

from profiler_kit.errors import MissingExtraError
from profiler_kit.report.report import Report

TEXT_TAG: Final = "profiler_kit/report"
FIGURE_TAG: Final = "profiler_kit/dense_vs_conv"

LINKS: Final = (
    "Open in the tab Profiler Kit: [overview](#profiler_kit&view=overview) · [layers](#profiler_kit&view=layers) · "
    "[kernel selection](#profiler_kit&view=selection) · [dense vs conv](#profiler_kit&view=dense_vs_conv) · "
    "[timeline](#profiler_kit&view=timeline)\n\n"
)
"""Before the Markdown in the Text tab, whose links lead to other tabs."""

_MS: Final = 1e6
_SETTINGS: Final = (
    "cudnn_benchmark",
    "cudnn_deterministic",
    "cudnn_allow_tf32",
    "cuda_matmul_allow_tf32",
    "float32_matmul_precision",
    "default_dtype",
)
"""Settings that the recorder writes down and that change which kernels are chosen."""


def write_summaries(report: Report, logdir: str | PathLike[str], *, epoch_ns: int = 0) -> None:
    """Write a report's scalars by step, its Markdown, and its settings and figures as HParams, into an event file.

    Args:
        report: The report.
        logdir: The run's directory, next to its traces.
        epoch_ns: What to add to the trace's times for nanoseconds since 1970.

    Raises:
        MissingExtraError: If TensorBoard or torch is not installed.
        OSError: If a file cannot be written.
    """
    scalars = step_scalars(report)
    steps = report.steps.table
    last = int(steps["step"].max()) if len(steps) else 0
    with _writer(logdir) as writer:
        for place, row in enumerate(steps.to_dict("records")):
            walltime = (epoch_ns + row["start_ns"]) / 1e9
            for tag, values in scalars.items():
                writer.add_scalar(tag, float(values.iloc[place]), int(row["step"]), walltime)
        writer.add_text(TEXT_TAG, LINKS + report.to_markdown(), last)
        metrics = {f"hparam/{tag.rpartition('/')[2]}": float(values.median()) for tag, values in scalars.items()}
        if metrics:
            # The name of a run of its own would be made up otherwise; "." is this one.
            writer.add_hparams(hyperparameters(report), metrics, run_name=".")
        if (picture := _figure(report)) is not None:
            writer.add_image(FIGURE_TAG, picture, last, dataformats="HWC")


def step_scalars(report: Report) -> dict[str, pd.Series]:
    """Return what is written for every step: tag → values, in the order of the steps.

    Times are ms, shares from 0 to 1: of the device time launched in the step, or of the operators' host time on a run
    without a GPU. What the device would tell is left out there.
    """
    steps, work = report.steps.table, report.step_work
    total = work["total_ns"].where(work["total_ns"] > 0)
    found = {
        "step_ms": steps["host_ns"] / _MS,
        "operators_ms": steps["op_ns"] / _MS,
        "convolution_share": (work["convolution_ns"] / total).fillna(0.0),
        "dense_share": (work["product_ns"] / total).fillna(0.0),
    }
    if report.steps.device_total_ns:
        idle = report.device_time.steps.table.groupby("step")["idle_ns"].sum()
        found |= {
            "device_ms": steps["device_ns"] / _MS,
            "device_busy_ms": steps["device_busy_ns"] / _MS,
            "device_idle_ms": steps["step"].map(idle).astype("float64").fillna(0.0) / _MS,
            "copies_ms": work["copy_ns"] / _MS,
            "layout_transforms_ms": work["layout_transform_ns"] / _MS,
        }
    return {f"profiler_kit/{name}": values for name, values in found.items()} if len(steps) else {}


def hyperparameters(report: Report) -> dict[str, bool | int | float | str]:
    """Return what may differ between runs that are compared: settings, and how most of the work is laid out."""
    settings = report.facts.environment.get("settings")
    known = settings if isinstance(settings, Mapping) else {}
    flags = {name: known[name] for name in _SETTINGS if isinstance(known.get(name), (bool, int, float, str))}
    ledger = report.selection.table
    convolutions = ledger[ledger["operator"].astype(str).str.contains("conv")]
    formats = set(convolutions["memory_format"].dropna()) - {"unknown"}
    channels_last = ("yes" if all(one.endswith("C") for one in formats) else "no") if formats else "unknown"
    dtype = ledger["dtype"].iloc[0] if len(ledger) and ledger["dtype"].iloc[0] else "unknown"
    devices = ", ".join(filter(None, report.facts.devices.values())) or "cpu"
    return {**flags, "channels_last": channels_last, "dtype": str(dtype), "device": devices}


def write_text(markdown: str, logdir: str | PathLike[str]) -> None:
    """Write Markdown for the Text tab into a TensorBoard event file; raises as :func:`write_summaries`."""
    with _writer(logdir) as writer:
        writer.add_text(TEXT_TAG, markdown)


def _figure(report: Report) -> Any:
    """Draw the factors between convolution and dense layer; None if matplotlib is not there, or nothing to draw."""
    if report.explanation is None:
        return None
    try:
        from matplotlib.image import imread
    except ImportError:
        return None
    from profiler_kit.report.plots import draw_waterfall

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "factors.png"
        draw_waterfall(report.explanation, file)
        return imread(file)


def _writer(logdir: str | PathLike[str]) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("writing TensorBoard summaries", "tensorboard and torch", "tensorboard") from None
    return SummaryWriter(str(logdir))
