"""Steps, next to each other."""

from __future__ import annotations

from typing import Final

from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks
from profiler_kit.report.steps import steps_sections

LEAD: Final = "Time by step of the profiler, what is unusual about any of them, and what ran at the same time."

_RECORD: Final = (
    "This trace has no steps. Call prof.step() after each iteration, and record several: profiler_kit.profile(model, "
    "logdir, wait=1, warmup=1, active=3)."
)

_PARTS: Final = {
    "compute_ns": ("compute", "busy"),
    "exposed_communication_ns": ("exposed communication", "collective"),
    "exposed_copy_ns": ("exposed copies", "copy"),
    "exposed_memset_ns": ("exposed memsets", "memset"),
    "idle_ns": ("idle", "idle"),
    "outside_ns": ("outside", "unattributed"),
}
"""Column → what it is called, and its colour class; together they are the step's window."""


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are steps."""
    return None if answers.totals.steps else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    return [_chart(answers), *section_blocks(steps_sections(answers.steps, answers.overlap, ALL_ROWS))]


def _chart(answers: Answers) -> b.Block:
    """Draw the steps of the first device, or of the host where there is none: bars that add up to the window."""
    table = answers.steps.table
    table = table[table["device"].fillna(-1) == table["device"].fillna(-1).iloc[0]]
    if table["busy_ns"].notna().any():
        bars = [
            b.series(name, enumerate(table[column].tolist()), color_class=color)
            for column, (name, color) in _PARTS.items()
            if table[column].fillna(0).any()
        ]
    else:
        bars = [b.series("host", enumerate(table["duration_ns"].tolist()), color_class="operator")]
    axes = b.axis("step", "text", categories=[str(step) for step in table["step"]]), b.axis("time", "duration")
    return b.chart("steps_chart", "What each step spent its time on", "stacked_bar", *axes, bars, "steps")
