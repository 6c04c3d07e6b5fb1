"""A report as JSON.

Schema ``profiler_kit.report``, version 1. Times are integer ns in fields that end in ``_ns``; ``totals`` alone is in
µs, under names that end in ``_us``. A missing value is ``null``. Tables have all their rows.

| key | value |
|---|---|
| schema, schema_version | ``"profiler_kit.report"``, 1; raised when a field goes or changes its meaning |
| profiler_kit_version | version that wrote it |
| source | the trace, as named by the user |
| facts | ``devices`` {number: name}, ``environment``, ``rank``, ``world_size``, ``span_ns`` |
| health | ``events``, ``kept`` {table: events}, ``skipped`` {reason: events}, … |
| totals | :class:`profiler_kit.analysis.work.totals.Totals` in µs |
| breakdown | ``of``, ``total_ns``, ``rows`` [part, ns] |
| findings | [title, evidence, advice, gain_ns] |
| kernel_groups | kernel time by one fact (``by``, ``rows``), ``null`` if not asked for |
| selection | :class:`profiler_kit.analysis.selection.selection.Selection`; ``kernels``, ``sequences`` name their
``row`` |
| cpu_kernels | :class:`profiler_kit.analysis.times.cpu_kernel_times.CpuKernelTimes`, what oneDNN and MKL ran |
| step_work | :func:`profiler_kit.analysis.times.step_work.step_work`, as a list of rows |
| device_time | idle time by cause, copies by kind and by who caused them, launches, overlap, steps in parts |
| memory | ``devices`` and ``live`` of :class:`profiler_kit.analysis.device_time.memory_use.MemoryUse`, empty if not
recorded |
| explanation | why a convolution takes longer than a matrix product, those that
:func:`profiler_kit.analysis.ledger.problem_lookup.rows_to_compare` chooses, or ``null``
(:mod:`profiler_kit.report.explanation`) |
| prediction | what cuDNN was asked about the convolutions (:mod:`profiler_kit.report.predict`, without ``source``), or
``null`` |
| layers, operators, kernels, copies, steps | results documented in :mod:`profiler_kit.analysis`, tables as ``rows`` |
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from profiler_kit.analysis.device_time.device_time import DeviceTime
from profiler_kit.report.document import json_text
from profiler_kit.report.quantities import is_missing
from profiler_kit.report.report import Report

SCHEMA = "profiler_kit.report"
SCHEMA_VERSION = 1


def render(report: Report) -> str:
    """Render a report as JSON text."""
    from profiler_kit.report.explanation import explanation_document  # these two take `plain` from here
    from profiler_kit.report.predict import predict_content

    content = {
        "source": report.source,
        "facts": plain(report.facts),
        "health": plain(report.health),
        "totals": report.totals.in_microseconds(),
        "breakdown": plain(report.breakdown),
        "findings": plain(report.findings),
        "layers": plain(report.layers),
        "selection": plain(report.selection),
        "operators": plain(report.operators),
        "kernels": plain(report.kernels),
        "kernel_groups": plain(report.kernel_groups),
        "copies": plain(report.copies),
        "cpu_kernels": plain(report.cpu_kernels),
        "steps": plain(report.steps),
        "step_work": plain(report.step_work),
        "device_time": _device_time(report.device_time),
        "memory": {"devices": plain(report.memory.devices), "live": plain(report.memory.live)},
        "explanation": None if report.explanation is None else explanation_document(report.explanation),
        "prediction": None if report.prediction is None else predict_content(report.prediction),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def _device_time(found: DeviceTime) -> dict[str, Any]:
    """Return the tables about the devices' time that do not grow with the number of gaps and copies."""
    return {
        "idle": {"devices": plain(found.idle.devices), "causes": plain(found.idle.causes)},
        "copies": {"kinds": plain(found.copies.table), "causes": plain(found.copies.causes)},
        "launches": {"calls": plain(found.launches.calls), "stretches": plain(found.launches.stretches)},
        "overlap": plain(found.overlap),
        "steps": plain(found.steps),
    }


def plain(value: Any) -> Any:
    """Turn results into what JSON can say: a dataclass becomes an object, its ``table`` the list ``rows``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if "table" in fields:
            fields["rows"] = fields.pop("table")
        return fields
    if isinstance(value, pd.DataFrame):
        columns = [[plain(cell) for cell in value[name].tolist()] for name in value.columns]
        return [dict(zip(value.columns, cells, strict=True)) for cells in zip(*columns, strict=True)]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if is_missing(value) else value
