"""The ranks of a run next to each other."""

from __future__ import annotations

from typing import Final

from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks
from profiler_kit.report.ranks import ranks_sections

LEAD: Final = "The ranks of a distributed job: what each did with its time, who waited for whom, and the collectives."

_RECORD: Final = (
    "The traces of several ranks are compared here, and this run has one. Record on every rank of the job into the "
    "same directory, with the rank in the file's name: profiler_kit.profile(model, logdir, worker=f'rank{rank}')."
)

_PARTS: Final = {
    "compute_ns": ("compute", "busy"),
    "copy_ns": ("copies", "copy"),
    "transfer_ns": ("transfer", "collective"),
    "waiting_ns": ("waiting", "waiting"),
    "other_communication_ns": ("other communication", "other"),
    "idle_ns": ("idle", "idle"),
}
"""Column → what it is called, and its colour class; together they are the span."""


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where the run has several ranks."""
    return None if answers.has_ranks else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    result = answers.ranks
    table = result.ranks
    bars = [
        b.series(name, enumerate(table[column].tolist()), color_class=color)
        for column, (name, color) in _PARTS.items()
        if table[column].any()
    ]
    axes = b.axis("rank", "text", categories=[str(rank) for rank in table["rank"]]), b.axis("time", "duration")
    chart = b.chart("ranks_chart", "What each rank did with its time", "stacked_bar", *axes, bars, "ranks")
    return [chart, *section_blocks(ranks_sections(result, ALL_ROWS))]
