"""What stands above all views: which trace it is, and of what class."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from profiler_kit.report.page.answers import Answers
from profiler_kit.report.sections import headline_of
from profiler_kit.trace.names import used_names

_ROCM_CALLS: Final = "hip"
"""What calls of AMD's runtime begin with."""

_AMD: Final = ("AMD", "Instinct", "Radeon", "MI300", "MI250")


def headline(answers: Answers) -> tuple[str, list[tuple[str, str]]]:
    """Return title and facts, as (label, text)."""
    facts = headline_of(answers.trace.source, answers.facts, answers.totals.steps)
    return PurePath(answers.trace.source).name, facts


def classes(answers: Answers) -> list[str]:
    """Return the classes of the trace: cuda, rocm, cpu or empty, and multi-rank."""
    trace, found = answers.trace, []
    if trace.has_gpu_activity:
        found.append("rocm" if _is_rocm(answers) else "cuda")
    elif len(trace.ops) or len(trace.annotations):
        found.append("cpu")
    else:
        found.append("empty")
    if answers.has_ranks or (answers.facts.world_size or 1) > 1:
        found.append("multi-rank")
    return found


def _is_rocm(answers: Answers) -> bool:
    if any(name.startswith(_ROCM_CALLS) for name in used_names(answers.trace.launches["name"])):
        return True
    return any(mark in device for device in answers.facts.devices.values() for mark in _AMD)
